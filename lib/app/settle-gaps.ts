import type { EntryId, HistoryWindow } from '../domain/history';
import { idMs } from '../domain/key-view';
import { type BucketRef, coverageOf, type ReplicationRule } from '../domain/rule';
import type { NamedEntry } from './backlog';
import type { HandleEventPorts } from './handle-event';
import { lookAt, readOlder } from './look';
import { destinationProvenance } from './provenance';

/** A gap that is younger than this may be of a rule of which this function has not heard yet. */
const abandonedAfterMs = 600_000;

/** Entries at the destination that are asked what they are, the newest, and pages of them. */
const examinationsMax = 300;

/**
 * Removes what the backlog says of one key has failed for good if it is so no longer: a rule left it behind that does not
 * cover the key now, and nobody will ask for it; or it stands at the destination after all, since a copy landed late.
 */
export async function settleGaps(
  ports: HandleEventPorts,
  source: BucketRef,
  key: string,
  gaps: readonly NamedEntry[],
): Promise<void> {
  const { rules } = await ports.rules.current(source);
  for (const ruleId of new Set(gaps.map(({ entry }) => entry.ruleId))) {
    const ofRule = gaps.filter(({ entry }) => entry.ruleId === ruleId);
    const rule = rules.find(({ id }) => id === ruleId);
    const isSettled =
      rule === undefined || coverageOf(rule, key) === undefined
        ? isAbandoned(ports)
        : await standsAtDestination(ports, source, rule, key, ofRule);
    for (const gap of ofRule) if (isSettled(gap)) await ports.state.remove(gap.name);
  }
}

function isAbandoned({ clock }: HandleEventPorts) {
  return ({ entry }: NamedEntry): boolean => clock.now() - Date.parse(entry.at) > abandonedAfterMs;
}

/** A delete marker that failed is not asked for: its destination made none. */
async function standsAtDestination(
  ports: HandleEventPorts,
  source: BucketRef,
  { destination }: ReplicationRule,
  key: string,
  gaps: readonly NamedEntry[],
): Promise<(gap: NamedEntry) => boolean> {
  const sought = gaps.flatMap(({ entry }) => (entry.source === undefined ? [] : [entry.source]));
  const { clockToleranceMs, longestTransferMs } = ports.settings;
  // No replica is older than its source; what took long has the time of its begin.
  const fromMs = Math.min(...sought.map((of) => idMs(of) ?? 0)) - clockToleranceMs - longestTransferMs;
  const found = new Set<EntryId>();
  const look = await lookAt(ports, destination, key);
  const resolve = destinationProvenance(ports, source.bucket, destination, key);
  let window: HistoryWindow = look.window;
  let examined = 0;
  for (let asked = 0; asked < examinationsMax && sought.some((of) => !found.has(of)); asked += 1) {
    const entry = window.entries.at(-1 - examined);
    if (entry === undefined ? window.complete : entry.lastModifiedMs < fromMs) break;
    if (entry === undefined) {
      window = await readOlder(ports, destination, key, window);
      continue;
    }
    examined += 1;
    if (entry.kind === 'deleteMarker') continue;
    const provenance = await resolve(entry, window, look.current);
    if (provenance.kind === 'replica') found.add(provenance.of);
  }
  return ({ entry }) => entry.source !== undefined && found.has(entry.source);
}
