import { asReplicationError, type ReasonCode, ReplicationError } from '../domain/error';
import type { Base } from '../domain/base';
import type { EntryId } from '../domain/history';
import { entryId, etagsAgree } from '../domain/history';
import type { Mark } from '../domain/mark';
import type { ReplicationStep } from '../domain/plan';
import type { BucketRef, ReplicationRule } from '../domain/rule';
import { contentMark, encodeStamp, stampHeader } from '../domain/stamp';
import { metadataFits, type ObjectHead } from '../domain/transfer';
import { type CopyMatter, copyMatterOf, type CopyStep } from './copy-matter';
import type { Logger } from './ports';
import { type ProvenancePorts, sourceMarkerIsReplica, unversioned, writeMarker } from './provenance';

export interface ApplyPorts extends ProvenancePorts {
  readonly log: Logger;
}

export interface StepRequest {
  readonly source: BucketRef;
  readonly key: string;
  readonly rule: ReplicationRule;
  readonly step: ReplicationStep;
  /** On what it is written; `undefined`: again, below the head. */
  readonly base: Base | undefined;
  /** The mark of what was listed of the source up to an entry, for a write that is sent at this time. */
  readonly seenAt: (of: EntryId, issuedMs: number) => Mark;
  /** Called right before the first write of the step, once the entry is known to be eligible. */
  readonly beforeWrite: () => Promise<void>;
  /** Fails if the write is no longer due; asked again when time has passed within a step. */
  readonly assertDue: () => Promise<void>;
  /** The source's current version, already looked at. */
  readonly current: ObjectHead | undefined;
  /** What a copy copies, where that has been found already. */
  readonly matter: CopyMatter | undefined;
}

/** Writes one version or marker to the destination. Returns how many entries it put there; fails with the reason if none. */
export async function applyStep(ports: ApplyPorts, request: StepRequest): Promise<number> {
  const { step } = request;
  switch (step.kind) {
    case 'copyVersion':
    case 'restoreReplica':
      return copyOrRestore(ports, request, step);
    case 'putDeleteMarker': {
      const { source, key, rule, base } = request;
      if (await sourceMarkerIsReplica(ports, source.bucket, key, step.marker)) {
        throw new ReplicationError('IS_REPLICA', `the delete marker ${step.marker.versionId} of "${key}"`);
      }
      await request.beforeWrite();
      const of = entryId(step.marker);
      const { destination } = rule;
      const written = await writeMarker(ports, {
        sourceBucket: source.bucket,
        source: of,
        destination,
        key,
        base,
        seenAt: (openedMs) => request.seenAt(of, openedMs),
        assertDue: request.assertDue,
      });
      logReplicated(ports, request, 'deleteMarker', of, written);
      return 1;
    }
  }
}

/** Of a source version that was readable a moment ago. */
const notToBeHad: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['REQUEST_REFUSED', 'SOURCE_GONE']);

/** COS may refuse a copy for a reason that no HEAD tells, or have lost it since: where a replica stands, it serves as well. */
async function copyOrRestore(ports: ApplyPorts, request: StepRequest, step: CopyStep): Promise<number> {
  const matter = request.matter ?? (await copyMatterOf(ports, { ...request, step }));
  try {
    return await copy(ports, request, matter);
  } catch (thrown) {
    const isLost = notToBeHad.has(asReplicationError(thrown).code);
    const isOfSource = matter.from.bucket === request.source.bucket;
    if (!isLost || !isOfSource || step.kind === 'restoreReplica' || !step.replica) throw thrown;
    const restore = { kind: 'restoreReplica', replica: step.replica, of: matter.of } as const;
    return copy(ports, request, await copyMatterOf(ports, { ...request, step: restore }));
  }
}

/** What only the copy reveals no HEAD tells to be otherwise later: it is tried again as what COS refused is. */
function asRefused(thrown: unknown): never {
  const error = asReplicationError(thrown);
  if (error.effect !== 'gap' || error.code === 'REQUEST_REFUSED') throw thrown;
  throw new ReplicationError('REQUEST_REFUSED', `${error.code}: ${error.message}`, error);
}

/** A copy that differs from its source is made once more, on top; twice in a row is a gap. */
const copyTriesMax = 2;

async function copy(ports: ApplyPorts, request: StepRequest, matter: CopyMatter): Promise<number> {
  const { key, rule } = request;
  const { transfer } = matter;
  await request.beforeWrite();
  const { destination } = rule;
  for (let attempt = 0; attempt < copyTriesMax; attempt += 1) {
    // What was seen of the source is stamped with the time of the copy: it must not be much older.
    await request.assertDue();
    const base = request.base && { ...request.base, above: request.base.above + attempt };
    const metadata = stamped(ports, request, matter, transfer.metadata, base);
    const answer = await ports.store
      .copyVersion({
        source: matter.from,
        key,
        version: matter.version,
        destination,
        storageClass: transfer.storageClass,
        metadata,
      })
      .catch(asRefused);
    if (answer.versionId === undefined || answer.versionId === 'null') throw unversioned(ports, destination);
    if (await isFaithful(ports, request, matter, answer.versionId, answer.crc64)) {
      logReplicated(ports, request, 'version', matter.of, answer.versionId);
      return attempt + 1;
    }
  }
  throw new ReplicationError('REPLICA_MISMATCH', `version ${matter.version.versionId} of "${key}"`);
}

/** The metadata with a fresh stamp. */
function stamped(
  ports: ApplyPorts,
  { source, key, rule, seenAt }: StepRequest,
  matter: CopyMatter,
  metadata: Readonly<Record<string, string>>,
  base: Base | undefined,
): Record<string, string> {
  const { sha256 } = ports.digests;
  const issuedMs = ports.clock.now();
  const stamp = encodeStamp(
    {
      sourceBucket: source.bucket,
      source: matter.of,
      sizeBytes: matter.version.sizeBytes,
      content: matter.head.crc64 === undefined ? undefined : contentMark(matter.head.crc64, sha256),
      issuedMs,
      base,
      seen: seenAt(matter.of, issuedMs),
    },
    { bucket: rule.destination.bucket, key },
    sha256,
  );
  if (!metadataFits(metadata, stamp, utf8Bytes)) {
    throw new ReplicationError('METADATA_TOO_LARGE', `version ${matter.version.versionId} of "${key}"`);
  }
  return { ...metadata, [stampHeader]: stamp };
}

/** The copy's answer carries a CRC64 if its source has one; without, the replica's size and ETag are looked up. */
async function isFaithful(
  ports: ApplyPorts,
  { key, rule }: StepRequest,
  { head, version }: CopyMatter,
  written: string,
  crc64: string | undefined,
): Promise<boolean> {
  if (head.crc64 !== undefined && crc64 !== undefined) return head.crc64 === crc64;
  const replica = await ports.store.headObject(rule.destination, key, written);
  if (replica === undefined || replica.sizeBytes !== version.sizeBytes) return false;
  if (head.kmsEncrypted || replica.kmsEncrypted) return true;
  return etagsAgree(version, replica);
}

function logReplicated(
  ports: ApplyPorts,
  { source, key, rule, step }: StepRequest,
  kind: 'version' | 'deleteMarker',
  sourceVersionId: EntryId,
  destinationVersionId: EntryId,
): void {
  ports.log.info('replicated', {
    rule: rule.id,
    kind,
    step: step.kind,
    sourceBucket: source.bucket,
    key,
    sourceVersionId,
    destinationBucket: rule.destination.bucket,
    destinationRegion: rule.destination.region,
    destinationVersionId,
  });
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
