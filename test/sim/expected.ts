import { faultKinds } from './faults';
import { nothingToCheck } from './nothing-to-check';
import { type ReasonCode, reasons } from '../../lib/domain/error';

/** Reasons that nothing in the simulated world leads to: no bucket goes, no account is blocked, no document is damaged. */
const elsewhere: ReadonlySet<ReasonCode> = new Set(['BUCKET_MISSING', 'ACCOUNT_BLOCKED', 'STATE_UNREADABLE']);

type Leases = 'on' | 'off' | 'flaky';

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
  'timer stopped midway',
  'user put again',
  'user delete for good',
  'user deletes a replica for good',
  'user restore',
  'user restore from the archive',
  'user undelete',
  'user delete at both ends',
  'user put again at both ends',
  'user archive at the source',
  'user archive at the destination',
  'user suspend',
  'rule create',
  'rule class',
  'rule disable',
  'rule enable',
  'rule prefix',
  'rule marker sync',
  'rule tags',
  'rule priority',
  'rule destination',
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

const wantedWith = (leases: Leases): readonly string[] =>
  leases === 'off' ? expected : [...expected, ...expectedWithLeases];

/** How often everything occurred, what never did as well. */
export function countLines(counts: ReadonlyMap<string, number>, leases: Leases): readonly string[] {
  const names = new Set([...counts.keys(), ...wantedWith(leases)]);
  return [...names].sort().map((name) => `${String(counts.get(name) ?? 0).padStart(9)}  ${name}`);
}

/** Runs of at least this many seeds must meet all of it. */
const seedsUntilExpected = 1_000;
/** The share of a long run's seeds that may end without anything to check. */
const nothingToCheckShareMax = 0.12;

/** What a run lacks that is long enough to be asked for it, a sentence each. */
export function shortcomings(
  counts: ReadonlyMap<string, number>,
  { seeds, leases }: { readonly seeds: number; readonly leases: Leases },
): readonly string[] {
  if (seeds < seedsUntilExpected) return [];
  const missing = wantedWith(leases)
    .filter((name) => !counts.has(name))
    .map((name) => `never occurred: ${name}`);
  const vacuous = counts.get(nothingToCheck) ?? 0;
  if (vacuous <= seeds * nothingToCheckShareMax) return missing;
  return [...missing, `too many seeds end with nothing to check: ${vacuous} of ${seeds}`];
}
