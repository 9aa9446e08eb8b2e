import type { ReasonCode } from '../domain/error';
import { type BucketRef, coverageOf, type ReplicationRule } from '../domain/rule';
import { entryId, versionIdOf } from '../domain/history';
import { isCoveredAt, oldestCoveredMs } from '../domain/key-view';
import { planTransfer } from '../domain/transfer';
import type { NamedEntry } from './backlog';
import type { HandleEventPorts } from './handle-event';
import { readableHead } from './readable-head';

/** Reasons that no delete marker has; all but a mismatch are told by a HEAD of the version. */
const ofVersions: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'OBJECT_ARCHIVED',
  'OBJECT_ENCRYPTED',
  'OBJECT_TOO_LARGE',
  'METADATA_UNREADABLE',
  'REPLICA_MISMATCH',
]);

/** What only another try can tell is tried again once its gap is older than this; a try that fails makes a young one. */
const triedAgainAfterMs = 1_800_000;

/**
 * What a HEAD says of a version that failed for good: `copyable`, it may be copied by now, or fails for another reason;
 * `moot`, it was deleted for good, or the rule begins after it; `gap`, it is as it was, or nobody can tell. One request if
 * anything can have changed.
 */
export async function stateOfGap(
  ports: HandleEventPorts,
  source: BucketRef,
  rule: ReplicationRule,
  { entry }: NamedEntry,
): Promise<'copyable' | 'moot' | 'gap'> {
  const { key, code, at } = entry;
  const coverage = coverageOf(rule, key) ?? {};
  // What failed before the rule began is older still, also where its destination was another one then.
  if (Date.parse(at) < oldestCoveredMs(coverage) - ports.settings.clockToleranceMs) return 'moot';
  const isOld = ports.clock.now() - Date.parse(at) > triedAgainAfterMs;
  // Only a plan knows what is newer, and whether it is copyable.
  if (code === 'NEWER_NOT_COPYABLE') return isOld ? 'copyable' : 'gap';
  const mayBeOther = ofVersions.has(code) || (isOld && code === 'REQUEST_REFUSED');
  if (entry.source === undefined || !mayBeOther) return 'gap';
  const versionId = versionIdOf(entry.source);
  const head = await readableHead(ports, source, key, versionId);
  if (head === 'unreadable') return 'gap';
  // A delete marker that was refused is none for a HEAD either.
  if (head === undefined) return ofVersions.has(code) ? 'moot' : 'gap';
  const now = entryId({ ...head, kind: 'version', versionId });
  if (now !== entry.source || !isCoveredAt(head.lastModifiedMs, coverage.since)) return 'moot';
  const transfer = planTransfer(head, rule, ports.settings);
  const isAsItWas = code === 'REPLICA_MISMATCH' || (transfer.kind === 'refused' && transfer.code === code);
  return isAsItWas ? 'gap' : 'copyable';
}
