import { CosError, notImplemented } from '../cos-error';
import type { SignedRequest } from '../signature';
import { targetOf } from '../target';

/**
 * S3's names of headers and parameters, and COS's. Headers of S3 that COS has under the same word get its prefix;
 * those that only say how the request itself is framed or checked are used by this dialect, and go no further.
 */
const ofFraming =
  /^x-amz-(date|content-sha256|decoded-content-length|trailer|user-agent|sdk-.*|checksum-.*)$/;
const ofCos =
  /^x-amz-(meta-.*|acl|grant-.*|storage-class|tagging|tagging-directive|metadata-directive|security-token|copy-source|copy-source-range|copy-source-if-.*|server-side-encryption.*|copy-source-server-side.*|website-redirect.*|object-lock.*)$/;

/** A request of the S3 dialect as COS's own would be. Fails with NotImplemented by the name of a header. */
export function inCosNames(request: SignedRequest): Pick<SignedRequest, 'headers' | 'query'> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(headersOf(request))) {
    if (ofFraming.test(name)) continue;
    if (!name.startsWith('x-amz-')) headers[name] = value;
    else if (ofCos.test(name)) headers[name.replace('x-amz-', 'x-cos-')] = valueOf(name, value, request);
    else throw notImplemented(`The header ${name}`);
  }
  refuseConditionalWrite(request);
  const decoded = request.headers['x-amz-decoded-content-length'];
  if (decoded !== undefined) headers['content-length'] = decoded;
  withoutChunked(headers);
  // `x-id` is the SDK's own note of what it calls.
  const query = request.query.filter(([name]) => name !== 'x-id' && !/^x-amz-/i.test(name));
  return { headers, query };
}

const ofSignature = /^x-amz-(algorithm|credential|date|expires|signedheaders|signature|content-sha256)$/;

/** A presigned URL may have headers among its parameters. */
export function headersOf({ headers, query }: SignedRequest): Readonly<Record<string, string>> {
  const moved = query
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => name.startsWith('x-amz-') && !ofSignature.test(name));
  return moved.length === 0 ? headers : { ...Object.fromEntries(moved), ...headers };
}

function valueOf(name: string, value: string, request: SignedRequest): string {
  if (name === 'x-amz-copy-source') return copySourceOf(value, request.headers['host'] ?? '');
  // COS writes the same word differently.
  if (name.endsWith('-directive') && value.toUpperCase() === 'REPLACE') return 'Replaced';
  return value;
}

/** `[/]<bucket>/<key>`; a bucket is looked for in the region of the host (inferred: S3's form names none). */
function copySourceOf(value: string, host: string): string {
  const target = targetOf(host);
  const [, bucket, rest] = /^\/?([^/?]+)(\/.*)$/s.exec(value) ?? [];
  if (target?.kind !== 'bucket' || bucket === undefined || rest === undefined)
    throw new CosError('InvalidCopySource');
  // COS's own form under S3's name stays as it is.
  return targetOf(bucket) ? `${bucket}${rest}` : `${bucket}.cos.${target.region}.myqcloud.com${rest}`;
}

/** `aws-chunked` says how the body came, and is no property of the object. */
function withoutChunked(headers: Record<string, string>): void {
  const encodings = (headers['content-encoding'] ?? '').split(',').map((each) => each.trim());
  if (!encodings.includes('aws-chunked')) return;
  headers['content-encoding'] = encodings.filter((each) => each !== 'aws-chunked').join(', ');
}

/** S3 writes only if the condition holds; that COS does the same is nowhere documented. */
function refuseConditionalWrite({ method, headers }: SignedRequest): void {
  if (method !== 'PUT' && method !== 'POST') return;
  for (const name of ['if-match', 'if-none-match'])
    if (headers[name] !== undefined) throw notImplemented(`The header ${name} of a write`);
}

const answered =
  /^x-cos-(version-id|delete-marker|copy-source-version-id|storage-class|restore|tagging-count|bucket-region|request-id|meta-.*)$/;

/** A header of an answer as S3 names it; one that S3 does not have keeps its name (inferred). */
export function inS3Name(name: string): string {
  return answered.test(name) ? name.replace('x-cos-', 'x-amz-') : name;
}
