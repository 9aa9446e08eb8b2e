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

/** `unanswered`: nothing is certain; a write may have happened, or happen yet. */
type Meaning = ReasonCode | 'unanswered';

/**
 * The error codes that say more than their status, or something else. Some say of any call that the request broke on
 * its way: what is left of it is not known to be nothing.
 * Source: https://www.tencentcloud.com/document/product/436/7730
 */
const meaningsByCode: ReadonlyMap<string, Meaning> = new Map([
  ['AccessDenied', 'ACCESS_DENIED'],
  ['InvalidAccessKeyId', 'ACCESS_DENIED'],
  ['SignatureDoesNotMatch', 'ACCESS_DENIED'],
  ['ExpiredToken', 'CREDENTIALS_EXPIRED'],
  ['PaymentRequired', 'ACCOUNT_BLOCKED'],
  ['UnavailableForLegalReasons', 'ACCOUNT_BLOCKED'],
  ['RequestTimeTooSkewed', 'STORE_UNAVAILABLE'],
  ['RequestTimeout', 'unanswered'],
  ['UserNetworkTooSlow', 'unanswered'],
  ['IncompleteBody', 'unanswered'],
  ['BadDigest', 'unanswered'],
  ['InvalidDigest', 'unanswered'],
  ['SlowDown', 'THROTTLED'],
  ['KmsFreqControl', 'THROTTLED'],
  // The one conflict that does not pass.
  ['ObjectLocked', 'REQUEST_REFUSED'],
  ['NoSuchBucket', 'BUCKET_MISSING'],
  ['EntityTooLarge', 'OBJECT_TOO_LARGE'],
  ['InvalidObjectState', 'OBJECT_ARCHIVED'],
  ['SsecDecryptHeaderInvalid', 'OBJECT_ENCRYPTED'],
]);

/** The one place where an answer of COS, or the lack of one, becomes a reason. */
export function cosError(
  api: string,
  effect: 'read' | 'write',
  wire: WireReport,
  thrown: unknown,
): ReplicationError {
  // The call itself knew better.
  if (thrown instanceof ReplicationError) return thrown;
  const code = wire.code ?? errorCode(thrown);
  const answer = wire.status === undefined ? 'no answer' : `status ${wire.status}`;
  const request = wire.requestId ? `, request ${wire.requestId}` : '';
  const cause = wire.networkError ?? thrown;
  const said =
    wire.networkError?.message ?? code ?? (thrown instanceof Error ? thrown.message : String(thrown));
  return new ReplicationError(reasonOf(effect, wire, code), `${api}: ${answer}, ${said}${request}`, cause);
}

function reasonOf(effect: 'read' | 'write', wire: WireReport, code: string | undefined): ReasonCode {
  const meaning = meaningsByCode.get(code ?? '') ?? meaningWithoutCode(wire);
  if (meaning !== 'unanswered') return meaning;
  return effect === 'write' ? 'OUTCOME_UNKNOWN' : 'STORE_UNAVAILABLE';
}

/** Of an answer without a code, as any to a HEAD, or with one that is not known here. */
function meaningWithoutCode({ status, networkError }: WireReport): Meaning {
  // The code was in the part that is missing.
  if (networkError !== undefined) return 'unanswered';
  // An error in a 200 is one of a copy that had begun.
  if (status === undefined || status >= 500 || status < 300) return 'unanswered';
  if (status < 400) return 'STORE_UNAVAILABLE';
  switch (status) {
    case 402:
    case 451:
      return 'ACCOUNT_BLOCKED';
    case 403:
      return 'ACCESS_DENIED';
    case 408:
      return 'unanswered';
    case 409:
      return 'KEY_BUSY';
    case 429:
      return 'THROTTLED';
    default:
      return 'REQUEST_REFUSED';
  }
}

/** The error document's code as the SDK hands it on; the status, where there was no document. */
export function errorCode(thrown: unknown): string | undefined {
  const code =
    typeof thrown === 'object' && thrown !== null ? (thrown as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
