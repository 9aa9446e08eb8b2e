import { asReplicationError, type ReasonCode } from '../domain/error';
import {
  type EntryId,
  etagsAgree,
  type HistoryEntry,
  type HistoryWindow,
  versionIdOf,
} from '../domain/history';
import { idMs, type Provenance } from '../domain/key-view';
import { type BucketRef, coverageOf, type ReplicationRule } from '../domain/rule';
import type { NamedEntry } from './backlog';
import { stateOfGap } from './gap-state';
import type { HandleEventPorts } from './handle-event';
import { lookAt, readOlder } from './look';
import { lookAtKey, type TimerRun } from './look-at-key';
import type { RuleOutcome } from './progress';
import { destinationProvenance } from './provenance';
import { readableHead } from './readable-head';

/** A gap that is younger than this may be of a rule of which this function has not heard yet. */
const abandonedAfterMs = 600_000;

/** Nothing else keeps a delete marker from its destination. */
const ofMarkers: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['REQUEST_REFUSED', 'NEWER_NOT_COPYABLE']);

/** Entries at the destination that are asked what they are, the newest, and pages of them. */
const examinationsMax = 300;

/**
 * Removes what the backlog says of one key has failed for good if it is so no longer: a rule left it behind that does not
 * cover the key now, and nobody will ask for it; or it stands at the destination after all, since a copy landed late. What
 * can be copied by now, as an archived version that was restored, is copied, and with it all that lies above it.
 */
export async function settleGaps(
  ports: HandleEventPorts,
  source: BucketRef,
  key: string,
  gaps: readonly NamedEntry[],
  run: TimerRun,
): Promise<void> {
  const { rules } = await ports.rules.current(source);
  const copyable: NamedEntry[] = [];
  for (const ruleId of new Set(gaps.map(({ entry }) => entry.ruleId))) {
    const ofRule = gaps.filter(({ entry }) => entry.ruleId === ruleId);
    const rule = rules.find(({ id }) => id === ruleId);
    const covers = rule !== undefined && coverageOf(rule, key) !== undefined;
    const stands = covers ? await standsAtDestination(ports, source, rule, key, ofRule) : async () => false;
    for (const gap of ofRule) {
      const state = (await stands(gap))
        ? 'stands'
        : covers
          ? await stateOfGap(ports, source, rule, gap)
          : 'moot';
      if (state === 'copyable') copyable.push(gap);
      if (state === 'stands' || (state === 'moot' && isAbandoned(ports, gap)))
        await ports.state.remove(gap.name);
    }
  }
  if (copyable.length > 0) await fillGaps(ports, source, key, copyable, run);
}

/**
 * What is copied leaves the backlog by itself; what a rule does not ask for has not failed either. Where something newer is
 * in the way, a look that was not broken off has written it down anew.
 */
async function fillGaps(
  ports: HandleEventPorts,
  source: BucketRef,
  key: string,
  gaps: readonly NamedEntry[],
  run: TimerRun,
): Promise<void> {
  const refills = new Map<string, Set<EntryId>>();
  for (const { entry } of gaps) {
    const ofRule = refills.get(entry.ruleId) ?? new Set();
    refills.set(entry.ruleId, ofRule);
    if (entry.source !== undefined) ofRule.add(entry.source);
  }
  const outcomes = await lookAtKey(ports, source, key, run, refills);
  for (const { name, entry } of gaps) {
    const outcome = outcomes.find(({ rule }) => rule.id === entry.ruleId);
    const isSkipped = outcome?.left.some((one) => one.source === entry.source && one.error.effect === 'skip');
    const isToldAnew = entry.code === 'NEWER_NOT_COPYABLE' && outcome !== undefined && !isBrokenOff(outcome);
    if (isSkipped || isToldAnew) await ports.state.remove(name);
  }
}

function isBrokenOff({ pending, leftToHolder }: RuleOutcome): boolean {
  return pending !== undefined || leftToHolder;
}

function isAbandoned({ clock }: HandleEventPorts, { entry }: NamedEntry): boolean {
  return clock.now() - Date.parse(entry.at) > abandonedAfterMs;
}

/** Where a replica differed from its source, one counts whose content is known to be the same, or that was sent later. */
async function standsAtDestination(
  ports: HandleEventPorts,
  source: BucketRef,
  { destination }: ReplicationRule,
  key: string,
  gaps: readonly NamedEntry[],
): Promise<(gap: NamedEntry) => Promise<boolean>> {
  const sought = gaps.flatMap(({ entry }) => (entry.source === undefined ? [] : [entry.source]));
  const { clockToleranceMs, longestTransferMs } = ports.settings;
  // No replica is older than its source; what took long has the time of its begin.
  const fromMs = Math.min(...sought.map((of) => idMs(of) ?? 0)) - clockToleranceMs - longestTransferMs;
  const mayBeMarkers = gaps.some(({ entry }) => ofMarkers.has(entry.code));
  const newest = new Map<EntryId, { readonly replica: Replica; readonly entry: HistoryEntry }>();
  const look = await lookAt(ports, destination, key);
  const resolve = destinationProvenance(ports, source.bucket, destination, key);
  let window: HistoryWindow = look.window;
  let examined = 0;
  for (let asked = 0; asked < examinationsMax && sought.some((of) => !newest.has(of)); asked += 1) {
    const entry = window.entries.at(-1 - examined);
    if (entry === undefined ? window.complete : entry.lastModifiedMs < fromMs) break;
    if (entry === undefined) {
      window = await readOlder(ports, destination, key, window);
      continue;
    }
    examined += 1;
    if (entry.kind === 'deleteMarker' && !mayBeMarkers) continue;
    const found = await resolve(entry, window, look.current).catch(unlessInDoubt);
    if (found.kind === 'replica' && !newest.has(found.of)) newest.set(found.of, { replica: found, entry });
  }
  return async ({ entry: { source: of, code, at } }) => {
    const found = of === undefined ? undefined : newest.get(of);
    if (of === undefined || found === undefined) return false;
    const { replica, entry } = found;
    if (code !== 'REPLICA_MISMATCH' || replica.isWhole || replica.issuedMs > Date.parse(at)) return true;
    const head = await readableHead(ports, source, key, versionIdOf(of));
    if (head === undefined || head === 'unreadable' || entry.kind === 'deleteMarker') return false;
    // As whoever copies it judges it.
    return etagsAgree(head, entry);
  };
}

type Replica = Extract<Provenance, { kind: 'replica' }>;

/** A marker of which nobody can tell yet what it stands for is none that was sought. */
function unlessInDoubt(thrown: unknown): Provenance {
  if (asReplicationError(thrown).code === 'OUTCOME_UNKNOWN') return { kind: 'foreign' };
  throw thrown;
}
