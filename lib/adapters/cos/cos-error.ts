import { type ReasonCode, ReplicationError } from '../../domain/error';

/** What was seen on the wire of one request. */
export interface WireReport {
  status?: number | undefined;
  /** The error document's code; an answer of 200 can carry one. */
  code?: string | undefined;
  requestId?: string | undefined;
  dateMs?: number | undefined;
  networkError?: Error | undefined;
}

/** COS's error codes that mean something of their own here. Source: https://www.tencentcloud.com/document/product/436/7730 */
const reasonsByCode: Readonly<Record<string, ReasonCode>> = {
  AccessDenied: 'ACCESS_DENIED',
  InvalidAccessKeyId: 'ACCESS_DENIED',
  SignatureDoesNotMatch: 'ACCESS_DENIED',
  ExpiredToken: 'CREDENTIALS_EXPIRED',
  RequestTimeTooSkewed: 'STORE_UNAVAILABLE',
  RequestTimeout: 'STORE_UNAVAILABLE',
  UserNetworkTooSlow: 'STORE_UNAVAILABLE',
  SlowDown: 'THROTTLED',
  KmsFreqControl: 'THROTTLED',
  PathConflict: 'KEY_BUSY',
  UploadConflict: 'KEY_BUSY',
  NoSuchBucket: 'BUCKET_MISSING',
  NoSuchKey: 'SOURCE_GONE',
  NoSuchVersion: 'SOURCE_GONE',
  NoSuchCopySource: 'SOURCE_GONE',
  PreconditionFailed: 'SOURCE_GONE',
  InvalidObjectState: 'OBJECT_ARCHIVED',
  SsecDecryptHeaderInvalid: 'OBJECT_ENCRYPTED',
};

/** The one place where an answer of COS, or the lack of one, becomes a reason. */
export function cosError(
  api: string,
  effect: 'read' | 'write',
  wire: WireReport,
  thrown: unknown,
): ReplicationError {
  const code = wire.code ?? sdkCode(thrown);
  const answer = wire.status === undefined ? 'no answer' : `status ${wire.status}`;
  const request = wire.requestId ? `, request ${wire.requestId}` : '';
  const cause = wire.networkError ?? thrown;
  const said =
    wire.networkError?.message ?? code ?? (thrown instanceof Error ? thrown.message : String(thrown));
  return new ReplicationError(reasonOf(effect, wire, code), `${api}: ${answer}, ${said}${request}`, cause);
}

function reasonOf(effect: 'read' | 'write', wire: WireReport, code: string | undefined): ReasonCode {
  const known = code === undefined ? undefined : reasonsByCode[code];
  if (known !== undefined) return known;
  const { status } = wire;
  if (status === undefined || status >= 500 || status < 300) {
    return effect === 'write' ? 'OUTCOME_UNKNOWN' : 'STORE_UNAVAILABLE';
  }
  if (status === 403) return 'ACCESS_DENIED';
  if (status === 404) return 'BUCKET_MISSING';
  return 'REQUEST_REFUSED';
}

function sdkCode(thrown: unknown): string | undefined {
  const code =
    typeof thrown === 'object' && thrown !== null ? (thrown as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
