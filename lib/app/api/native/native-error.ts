import { XMLBuilder } from 'fast-xml-parser';
import type { Problem, ProblemCode } from '../../../domain/problem';
import { declaration } from './replication-xml';

/** An error as COS answers it. Source: https://www.tencentcloud.com/document/product/436/7730 */
export interface NativeError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** The first problem decides over the code, the message names all. */
export function nativeError(status: number, problems: readonly Problem[]): NativeError {
  const [first] = problems;
  const message = problems
    .map(({ message: text, path }) => (path === '' || text.startsWith(path) ? text : `${path}: ${text}`))
    .join(' ');
  if (first === undefined) return { status, code: 'InternalError', message };
  const known = ofCode[first.code];
  if (first.code === 'OtherAccount') {
    const code = first.path === '' ? 'UserNotSourceBucketOwner' : 'UserNotTargetBucketOwner';
    return { status: 403, code, message };
  }
  return known
    ? { ...known, message }
    : { status, code: status === 503 ? 'ServiceUnavailable' : 'InvalidArgument', message };
}

/** Codes of COS's own; whatever else is wrong is an InvalidArgument. */
const ofCode: Partial<Record<ProblemCode, Omit<NativeError, 'message'>>> = {
  MalformedXML: { status: 400, code: 'MalformedXML' },
  InvalidDigest: { status: 400, code: 'InvalidDigest' },
  BadDigest: { status: 400, code: 'BadDigest' },
  BodyTooLarge: { status: 400, code: 'EntityTooLarge' },
  Unauthorized: { status: 403, code: 'AccessDenied' },
  Forbidden: { status: 403, code: 'AccessDenied' },
  AccessDenied: { status: 403, code: 'AccessDenied' },
  MethodNotAllowed: { status: 405, code: 'MethodNotAllowed' },
  NoSuchRoute: { status: 404, code: 'NoSuchKey' },
  TooManyRequests: { status: 503, code: 'SlowDown' },
  SourceNotVersioned: { status: 400, code: 'BucketVersionNotOpen' },
  DestinationNotVersioned: { status: 400, code: 'BucketVersionNotOpen' },
  SourceBucketMissing: { status: 404, code: 'NoSuchBucket' },
  DestinationBucketMissing: { status: 400, code: 'TargetBucketNameInvalid' },
  SameBucket: { status: 400, code: 'TargetBucketNameInvalid' },
  UnsupportedBucket: { status: 409, code: 'InvalidBucketState' },
  NativeReplication: { status: 409, code: 'InvalidBucketState' },
  MultiZoneClassMismatch: { status: 400, code: 'MAZOperationNotSupportOnOAZBucket' },
  SingleZoneClassMismatch: { status: 400, code: 'OAZOperationNotSupportOnMAZBucket' },
};

const builder = new XMLBuilder({ format: false });

export function errorDocument({ code, message }: NativeError, resource: string, requestId: string): string {
  const error = { Code: code, Message: message, Resource: resource, RequestId: requestId, TraceId: '' };
  return declaration + builder.build({ Error: error });
}
