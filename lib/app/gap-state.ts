import type { ReasonCode } from '../domain/error';
import { entryId, type VersionId, versionIdOf } from '../domain/history';
import { isCoveredAt, oldestCoveredMs } from '../domain/key-view';
import { type BucketRef, coverageOf, coversTagged, type ReplicationRule, tagsDecide } from '../domain/rule';
import { planTransfer } from '../domain/transfer';
import type { NamedEntry } from './backlog';
import type { HandleEventPorts } from './handle-event';
import { readableHead } from './readable-head';

/** Reasons that no delete marker has: a HEAD tells whether the version is still there, and of most whether they are so still. */
const ofVersions: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'OBJECT_ARCHIVED',
  'OBJECT_ENCRYPTED',
  'OBJECT_TOO_LARGE',
  'METADATA_TOO_LARGE',
  'METADATA_UNREADABLE',
  'REPLICA_MISMATCH',
]);

/** They are found out while a version is copied, and no HEAD says that they are so no longer. */
const ofCopies: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['METADATA_TOO_LARGE', 'REPLICA_MISMATCH']);

/** What COS refuses, or what lies above it: a plan knows whether it is asked for, and only another try if it is so still. */
export function onlyAPlanTells(code: ReasonCode): boolean {
  return code === 'REQUEST_REFUSED' || code === 'NEWER_NOT_COPYABLE';
}

/** What only another try can tell is tried again once its gap is older than this; a try that fails makes a young one. */
const triedAgainAfterMs = 1_800_000;

export function isOldGap({ clock }: HandleEventPorts, { entry }: NamedEntry): boolean {
  return clock.now() - Date.parse(entry.at) > triedAgainAfterMs;
}

export type GapState = 'copyable' | 'moot' | 'gap';

/**
 * What a HEAD says of a version that failed for good: `copyable`, it may be copied by now, or fails for another reason;
 * `moot`, it was deleted for good, or the rule begins after it; `gap`, it is as it was, or nobody can tell. One request if
 * anything can have changed.
 */
export async function stateOfGap(
  ports: HandleEventPorts,
  source: BucketRef,
  rule: ReplicationRule,
  gap: NamedEntry,
): Promise<GapState> {
  const { entry } = gap;
  const { key, code, at } = entry;
  const coverage = coverageOf(rule, key) ?? {};
  // What failed before the rule began is older still, also where its destination was another one then.
  if (Date.parse(at) < oldestCoveredMs(coverage) - ports.settings.clockToleranceMs) return 'moot';
  if (onlyAPlanTells(code)) return isOldGap(ports, gap) ? 'copyable' : 'gap';
  if (entry.source === undefined || !ofVersions.has(code)) return 'gap';
  const versionId = versionIdOf(entry.source);
  const head = await readableHead(ports, source, key, versionId);
  if (head === 'unreadable') return 'gap';
  if (head === undefined) return 'moot';
  const now = entryId({ ...head, kind: 'version', versionId });
  if (now !== entry.source || !isCoveredAt(head.lastModifiedMs, coverage.since)) return 'moot';
  if (!(await carriesTags(ports, source, rule, key, { versionId, writtenMs: head.lastModifiedMs })))
    return 'moot';
  const transfer = planTransfer(head, rule, ports.settings);
  const isAsItWas = ofCopies.has(code) || (transfer.kind === 'refused' && transfer.code === code);
  return isAsItWas ? 'gap' : 'copyable';
}

/** Whether a rule asks for a version by its tags, or whatever its tags are. */
async function carriesTags(
  { store }: HandleEventPorts,
  source: BucketRef,
  rule: ReplicationRule,
  key: string,
  { versionId, writtenMs }: { readonly versionId: VersionId; readonly writtenMs: number },
): Promise<boolean> {
  if (!tagsDecide(rule, key, writtenMs)) return true;
  return coversTagged(rule, key, writtenMs, await store.tagsOf(source, key, versionId));
}
