/**
 * Every reason for which a key, a rule or a request is not done, each with what an operator can do about it.
 * Callers switch on the code, never on text. The effect says what becomes of the entry: `retry`, the same look may
 * succeed later; `gap`, it failed for good and is kept in the backlog; `skip`, it is not eligible by design.
 */
export const reasons = {
  // The world was not ready: looked at again later.
  LISTING_STALE: reason('retry', 'COS has not listed a recent write yet; the key is looked at again.'),
  KEY_BUSY: reason('retry', 'The key changes faster than it can be copied; it is looked at again.'),
  DEADLINE: reason('retry', 'The function ran out of time; the rest is done by the next run.'),
  OUTCOME_UNKNOWN: reason(
    'retry',
    'A write got no answer and may have happened; the key is looked at again.',
  ),
  THROTTLED: reason('retry', 'COS asked to slow down; the key is looked at again.'),
  STORE_UNAVAILABLE: reason('retry', 'COS could not be reached or failed; the key is looked at again.'),
  CREDENTIALS_EXPIRED: reason('retry', 'The temporary key expired; the next invocation brings a new one.'),
  RULES_UNREADABLE: reason(
    'retry',
    'The rules could not be read from the state bucket; check it and its role.',
  ),
  RULE_CHANGED: reason('retry', 'The rule changed during the work; the key is looked at under the new one.'),
  SOURCE_NOT_VERSIONED: reason('retry', 'Versioning of the source bucket is not Enabled; switch it on.'),
  DESTINATION_NOT_VERSIONED: reason(
    'retry',
    'Versioning of the destination bucket is not Enabled; switch it on.',
  ),
  ACCESS_DENIED: reason('retry', "COS refused access; check the function's role for both buckets."),
  ACCOUNT_BLOCKED: reason(
    'retry',
    'The account is overdue or blocked, and COS refuses it; settle it, the key is looked at again.',
  ),
  BUCKET_MISSING: reason('retry', 'The bucket does not exist; create it again or delete the rule.'),
  STATE_UNREADABLE: reason(
    'retry',
    'A document of the state bucket is damaged and is passed over; delete it.',
  ),
  // Nothing will change by itself: a gap, in the backlog until somebody acts.
  OBJECT_TOO_LARGE: reason(
    'gap',
    'The object is larger than one server-side copy; this version cannot copy it.',
  ),
  OBJECT_ARCHIVED: reason(
    'gap',
    'The version is archived; restore it, and the timer copies it, and what lies above it again.',
  ),
  OBJECT_ENCRYPTED: reason('gap', 'The object is encrypted with a key that COS does not hold (SSE-C).'),
  METADATA_TOO_LARGE: reason('gap', 'The user metadata leaves no room for the replication stamp.'),
  METADATA_UNREADABLE: reason('gap', 'A metadata value is not UTF-8 and cannot be sent again unchanged.'),
  REPLICA_MISMATCH: reason(
    'gap',
    'The replica differs from its source, twice; a later look copies it again, or write it anew.',
  ),
  NEWER_NOT_COPYABLE: reason(
    'gap',
    'Copied now, it would lie on top of a newer version that cannot be copied on top of it again, or is a user’s own at the destination; restore that one, or write the key anew.',
  ),
  REQUEST_REFUSED: reason('gap', 'COS refused the request; its message says why.'),
  // Not eligible, by design: said in status and explanations, never in the backlog.
  IS_REPLICA: reason('skip', 'The entry was written by replication and is not replicated further.'),
  TAGS_DIFFER: reason('skip', 'The version does not carry the tags that the rule asks for.'),
  APPEND_OBJECT: reason('skip', 'Appendable objects have no versions and are not replicated.'),
  SOURCE_GONE: reason('skip', 'The version was deleted for good at the source before it was copied.'),
  // Events and requests.
  EVENT_UNREADABLE: reason('gap', 'The event is not a COS event of a known shape.'),
  RULE_CONFLICT: reason(
    'retry',
    'Somebody else changed the rules at the same time; read them and try again.',
  ),
} as const satisfies Record<string, Reason>;

export type ReasonCode = keyof typeof reasons;

/**
 * Reasons of a failed write that only an answer of COS gives, and that say that it refused: nothing was written. After
 * any other failure of a write it may have happened.
 */
export const surelyNotDone: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'THROTTLED',
  'ACCESS_DENIED',
  'CREDENTIALS_EXPIRED',
  'ACCOUNT_BLOCKED',
  'BUCKET_MISSING',
  'REQUEST_REFUSED',
]);

export type Effect = 'retry' | 'gap' | 'skip';

interface Reason {
  readonly effect: Effect;
  readonly hint: string;
}

function reason(effect: Effect, hint: string): Reason {
  return { effect, hint };
}

/** The one error of this product. `detail` names the thing that failed; the reason's hint says what to do. */
export class ReplicationError extends Error {
  readonly code: ReasonCode;
  readonly effect: Effect;
  readonly hint: string;

  constructor(code: ReasonCode, detail: string, cause?: unknown) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause });
    this.name = 'ReplicationError';
    this.code = code;
    this.effect = reasons[code].effect;
    this.hint = reasons[code].hint;
  }
}

/** Any thrown value as a ReplicationError. An unknown failure is retryable: losing a key is worse than a retry. */
export function asReplicationError(thrown: unknown): ReplicationError {
  if (thrown instanceof ReplicationError) return thrown;
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return new ReplicationError('STORE_UNAVAILABLE', detail, thrown);
}
