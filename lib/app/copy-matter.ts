import { asReplicationError, ReplicationError } from '../domain/error';
import { type EntryId, entryId, type ObjectVersion } from '../domain/history';
import type { ReplicationStep } from '../domain/plan';
import { type BucketRef, coversTagged, type ReplicationRule, tagsDecide } from '../domain/rule';
import { isOfVersion, type ObjectHead, planTransfer, type Transfer } from '../domain/transfer';
import { type ProvenancePorts, stampOf } from './provenance';

/** A copy to be made. */
export interface CopyRequest {
  readonly source: BucketRef;
  readonly key: string;
  readonly rule: ReplicationRule;
  readonly step: CopyStep;
  /** The source's current version, already looked at. */
  readonly current: ObjectHead | undefined;
}

export type CopyStep = Exclude<ReplicationStep, { kind: 'putDeleteMarker' }>;

/** What is copied, and how. */
export interface CopyMatter {
  readonly from: BucketRef;
  readonly version: ObjectVersion;
  /** The source version that the replica stands for. */
  readonly of: EntryId;
  readonly head: ObjectHead;
  readonly transfer: Extract<Transfer, { kind: 'copy' }>;
}

/**
 * Finds what a step copies; fails with the reason if it cannot be copied, or is not to be. Of what was copied before, the
 * replica serves as well where the source's version cannot be copied any longer.
 */
export async function copyMatterOf(ports: ProvenancePorts, request: CopyRequest): Promise<CopyMatter> {
  const { step } = request;
  if (step.kind === 'restoreReplica') return ofReplica(ports, request, step.replica, step.of);
  try {
    return await ofSource(ports, request, step);
  } catch (thrown) {
    if (step.replica === undefined || asReplicationError(thrown).effect === 'retry') throw thrown;
    return ofReplica(ports, request, step.replica, entryId(step.version));
  }
}

async function ofSource(
  ports: ProvenancePorts,
  { source, key, rule, current }: CopyRequest,
  { version, again }: Extract<CopyStep, { kind: 'copyVersion' }>,
): Promise<CopyMatter> {
  const isCurrent =
    current !== undefined &&
    (current.versionId ?? 'null') === version.versionId &&
    current.etag === version.etag &&
    isOfVersion(current, version);
  const head = isCurrent ? current : await headOf(ports, source, key, version);
  if (stampOf(ports, source.bucket, key, head)) {
    throw new ReplicationError('IS_REPLICA', `version ${version.versionId} of "${key}"`);
  }
  if (!again && tagsDecide(rule, key, version.lastModifiedMs)) {
    const tags = await ports.store.tagsOf(source, key, version.versionId);
    if (!coversTagged(rule, key, version.lastModifiedMs, tags)) {
      throw new ReplicationError('TAGS_DIFFER', `version ${version.versionId} of "${key}"`);
    }
  }
  return matter(ports, rule, key, { from: source, version, of: entryId(version), head });
}

async function ofReplica(
  ports: ProvenancePorts,
  { rule, key }: CopyRequest,
  replica: ObjectVersion,
  of: EntryId,
): Promise<CopyMatter> {
  const { destination } = rule;
  const head = await headOf(ports, destination, key, replica);
  return matter(ports, rule, key, { from: destination, version: replica, of, head });
}

function matter(
  { settings }: ProvenancePorts,
  rule: ReplicationRule,
  key: string,
  what: Omit<CopyMatter, 'transfer'>,
): CopyMatter {
  const transfer = planTransfer(what.head, rule, settings);
  if (transfer.kind === 'copy') return { ...what, transfer };
  const { version, from } = what;
  const detail = `version ${version.versionId} of "${key}" in ${from.bucket}: ${transfer.detail}`;
  throw new ReplicationError(transfer.code, detail);
}

async function headOf(
  ports: ProvenancePorts,
  bucket: BucketRef,
  key: string,
  version: ObjectVersion,
): Promise<ObjectHead> {
  const head = await ports.store.headObject(bucket, key, version.versionId).catch(async (thrown: unknown) => {
    // The refusal may be of what took its place.
    if (asReplicationError(thrown).effect === 'gap' && (await isOverwritten(ports, bucket, key, version)))
      return undefined;
    throw thrown;
  });
  if (head && isOfVersion(head, version)) return head;
  throw new ReplicationError('SOURCE_GONE', `version ${version.versionId} of "${key}" in ${bucket.bucket}`);
}

/** Whether another one was put in the place of a version without an id: it would lie on top. */
async function isOverwritten(
  { store, settings }: ProvenancePorts,
  bucket: BucketRef,
  key: string,
  version: ObjectVersion,
): Promise<boolean> {
  if (version.versionId !== 'null') return false;
  const { entries } = await store.listKey(bucket, key, { entriesMax: settings.historyPageEntries });
  const now = entries.find(({ versionId }) => versionId === 'null');
  return now !== undefined && entryId(now) !== entryId(version);
}
