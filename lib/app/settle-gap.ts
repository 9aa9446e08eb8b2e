import { type BucketRef, coverageOf, type ReplicationRule } from '../domain/rule';
import type { NamedEntry } from './backlog';
import type { HandleEventPorts } from './handle-event';
import { lookAt, readOlder } from './look';
import { destinationProvenance } from './provenance';

/** A gap that is younger than this may be of a rule of which this function has not heard yet. */
const abandonedAfterMs = 600_000;

/** Entries at the destination that are asked what they are, the newest, and pages of them. */
const examinationsMax = 100;

/**
 * Removes what the backlog says has failed for good if it is so no longer: a rule left it behind that no longer covers its
 * key, and nobody will ask for it; or it stands at the destination after all, since a copy landed late.
 */
export async function settleGap(ports: HandleEventPorts, { name, entry }: NamedEntry): Promise<void> {
  const source = { bucket: entry.sourceBucket, region: entry.sourceRegion };
  const rule = (await ports.rules.current(source)).rules.find(({ id }) => id === entry.ruleId);
  if (rule === undefined || coverageOf(rule, entry.key) === undefined) {
    if (ports.clock.now() - Date.parse(entry.at) > abandonedAfterMs) await ports.state.remove(name);
  } else if (await standsAtDestination(ports, source, rule, entry)) {
    await ports.state.remove(name);
  }
}

/** A delete marker that failed is not asked for: its destination made none. */
async function standsAtDestination(
  ports: HandleEventPorts,
  source: BucketRef,
  { destination }: ReplicationRule,
  { key, source: failed }: NamedEntry['entry'],
): Promise<boolean> {
  const look = await lookAt(ports, destination, key);
  const resolve = destinationProvenance(ports, source.bucket, destination, key);
  let { window } = look;
  for (let examined = 0; examined < examinationsMax; examined += 1) {
    const entry = window.entries.at(-1 - examined);
    if (entry === undefined && window.complete) return false;
    if (entry === undefined) {
      window = await readOlder(ports, destination, key, window);
    } else if (entry.kind === 'version') {
      const found = await resolve(entry, window, look.current);
      if (found.kind === 'replica' && found.of === failed) return true;
    }
  }
  return false;
}
