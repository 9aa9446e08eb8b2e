import { faultKinds } from './faults';
import { type ReasonCode, reasons } from '../../lib/domain/error';

/** Reasons that nothing in the simulated world leads to: no bucket goes, and nobody sends what is no event. */
const elsewhere: ReadonlySet<ReasonCode> = new Set([
  'BUCKET_MISSING',
  'EVENT_UNREADABLE',
  // Nobody damages a document there.
  'STATE_UNREADABLE',
  // Answers to whoever changes rules, and to requests that COS finds malformed.
  'RULE_CONFLICT',
  'REQUEST_REFUSED',
]);

/** What a long run must have met at least once; a kind that never occurs proves nothing. */
export const expected: readonly string[] = [
  ...faultKinds.map((kind) => `fault ${kind}`),
  ...(Object.keys(reasons) as ReasonCode[])
    .filter((code) => !elsewhere.has(code))
    .map((code) => `reason ${code}`),
  'step copyVersion',
  'step putDeleteMarker',
  'step restoreReplica',
  'entry copied',
  'entry skipped',
  'entry gone',
  'entry gap',
  'two creators of one document',
  'killed at the deadline',
  'event retried',
  'event given up',
  'user restore',
  'user undelete',
  'user suspend',
  'rule disable',
  'rule enable',
  'rule prefix',
  'rule marker sync',
  'rule tags',
  'rule delete',
];

/** Runs of at least this many seeds must meet all of it. */
export const seedsUntilExpected = 1_000;
