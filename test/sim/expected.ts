import { faultKinds } from './faults';
import { nothingToCheck } from './nothing-to-check';
import { type ReasonCode, reasons } from '../../lib/domain/error';

/** Reasons that nothing in the simulated world leads to: no bucket goes, no account is blocked, no document is damaged. */
const elsewhere: ReadonlySet<ReasonCode> = new Set(['BUCKET_MISSING', 'ACCOUNT_BLOCKED', 'STATE_UNREADABLE']);

/** What a long run must have met at least once; a kind that never occurs proves nothing. */
const expected: readonly string[] = [
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
  'entry in doubt',
  'entry stood in for',
  'entry of the first seconds',
  'killed at the deadline',
  'event retried',
  'event given up',
  'user restore',
  'user restore from the archive',
  'user undelete',
  'user delete at both ends',
  'user suspend',
  'rule disable',
  'rule enable',
  'rule prefix',
  'rule marker sync',
  'rule tags',
  'rule delete',
  'rule put back',
];

/** With leases on, or flaky. */
const expectedWithLeases: readonly string[] = [
  'lease taken',
  'lease found held',
  'lease stolen',
  'lease expired under its worker',
];

/** Runs of at least this many seeds must meet all of it. */
const seedsUntilExpected = 1_000;
/** The share of a long run's seeds that may end without anything to check. */
const nothingToCheckShareMax = 0.12;

/** What a run lacks that is long enough to be asked for it, a sentence each. */
export function shortcomings(
  counts: ReadonlyMap<string, number>,
  { seeds, leases }: { readonly seeds: number; readonly leases: 'on' | 'off' | 'flaky' },
): readonly string[] {
  if (seeds < seedsUntilExpected) return [];
  const wanted = leases === 'off' ? expected : [...expected, ...expectedWithLeases];
  const missing = wanted.filter((name) => !counts.has(name)).map((name) => `never occurred: ${name}`);
  const vacuous = counts.get(nothingToCheck) ?? 0;
  if (vacuous <= seeds * nothingToCheckShareMax) return missing;
  return [...missing, `too many seeds end with nothing to check: ${vacuous} of ${seeds}`];
}
