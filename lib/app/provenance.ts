import { asReplicationError, ReplicationError, surelyNotDone } from '../domain/error';
import type { Base } from '../domain/base';
import type { DeleteMarker, EntryId, HistoryEntry, HistoryWindow, ObjectVersion } from '../domain/history';
import {
  attemptId,
  attemptTime,
  closedName,
  markerFolder,
  markerProvenance,
  openedBetween,
  type MarkerAttempt,
  openName,
  parseAttempts,
  sourceMarkerOrigin,
} from '../domain/marker-attempt';
import type { Mark } from '../domain/mark';
import type { Provenance } from '../domain/key-view';
import type { BucketRef } from '../domain/rule';
import { contentMark, decodeStamp, type Stamp, stampHeader, stampIsOfThisVersion } from '../domain/stamp';
import type { ObjectHead } from '../domain/transfer';
import type { Clock, Digests, Entropy, ObjectStore, StateStore, Targets } from './ports';
import { readableHead } from './readable-head';
import type { ReplicationSettings } from './settings';
import type { VersioningGate } from './versioning-gate';

export interface ProvenancePorts {
  readonly store: ObjectStore;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly digests: Digests;
  readonly settings: ReplicationSettings;
  readonly targets: Targets;
  readonly gate: VersioningGate;
}

/** The stamp of a version, if it carries one that is its own. */
export function stampOf(
  ports: ProvenancePorts,
  bucket: string,
  key: string,
  head: ObjectHead,
): Stamp | undefined {
  const text = head.metadata[stampHeader];
  const stamp = text === undefined ? undefined : decodeStamp(text, { bucket, key }, ports.digests.sha256);
  if (stamp === undefined) return undefined;
  const { longestTransferMs, clockToleranceMs } = ports.settings;
  // The time of the HEAD and not of a listing: an entry without an id may have been replaced in between.
  const own = stampIsOfThisVersion(stamp, head.lastModifiedMs, longestTransferMs, clockToleranceMs);
  return own ? stamp : undefined;
}

/** Answers what entries of one key at a destination are: versions by their stamp, markers by their record. */
export function destinationProvenance(
  ports: ProvenancePorts,
  sourceBucket: string,
  destination: BucketRef,
  key: string,
) {
  const ofVersion = async (version: ObjectVersion, current: ObjectHead | undefined): Promise<Provenance> => {
    const isCurrent = current !== undefined && (current.versionId ?? 'null') === version.versionId;
    const head = isCurrent ? current : await readableHead(ports, destination, key, version.versionId);
    if (head === undefined || head === 'unreadable') return { kind: 'foreign' };
    const stamp = stampOf(ports, destination.bucket, key, head);
    if (stamp === undefined || stamp.sourceBucket !== sourceBucket) return { kind: 'foreign' };
    const { source: of, sizeBytes, content, issuedMs, seen, base } = stamp;
    if (sizeBytes !== version.sizeBytes) return { kind: 'torn' };
    const isCompared = content !== undefined && head.crc64 !== undefined;
    if (isCompared && contentMark(head.crc64, ports.digests.sha256) !== content) return { kind: 'torn' };
    return { kind: 'replica', of, issuedMs, seen, plannedOn: base, isWhole: isCompared };
  };

  const attemptsFor = attemptsOfHistory(ports, destination.bucket, key);

  const ofMarker = async (marker: DeleteMarker, history: HistoryWindow): Promise<Provenance> => {
    const { clockToleranceMs, deleteSettlesMs, staleTriesMax, staleWaitMs } = ports.settings;
    // Its owner is likely to be between the DELETE and the closing of the record.
    for (let attempt = 0; attempt < staleTriesMax; attempt += 1) {
      if (attempt > 0) await ports.clock.sleep(staleWaitMs * 2 ** (attempt - 1));
      const attempts = await attemptsFor(marker, history, attempt > 0);
      const times = { nowMs: ports.clock.now(), clockToleranceMs, deleteSettlesMs };
      const { sha256 } = ports.digests;
      const found = markerProvenance(marker, history, attempts, sourceBucket, times, sha256);
      // After a list that showed an attempt which may have made it, one without is stale.
      if (found !== 'unknown' && !(attempt > 0 && found.kind === 'foreign')) return found;
    }
    throw new ReplicationError('OUTCOME_UNKNOWN', `a delete marker of "${key}" in ${destination.bucket}`);
  };

  return (
    entry: HistoryEntry,
    history: HistoryWindow,
    current: ObjectHead | undefined,
  ): Promise<Provenance> => (entry.kind === 'version' ? ofVersion(entry, current) : ofMarker(entry, history));
}

/**
 * Whether a marker of a source bucket was itself written by replication, which makes it no source material. While
 * nobody can tell, that is retried: an attempt that may have made it is open, or some rule replicates to the bucket and
 * the marker is so young that a list may not show its record.
 */
export async function sourceMarkerIsReplica(
  ports: ProvenancePorts,
  sourceBucket: string,
  key: string,
  marker: DeleteMarker,
): Promise<boolean> {
  if (!(await ports.targets.isTarget(sourceBucket))) return false;
  const opened = openedBetween(marker, ports.settings);
  const { attempts } = await readAttempts(ports, sourceBucket, key, opened);
  const { clockToleranceMs, deleteSettlesMs, listingBelievedAfterMs } = ports.settings;
  const nowMs = ports.clock.now();
  const times = { nowMs, clockToleranceMs, deleteSettlesMs };
  const origin = sourceMarkerOrigin(marker, attempts, times, ports.digests.sha256);
  if (origin === 'replica') return true;
  // Last-Modified is in whole seconds.
  const young = marker.lastModifiedMs + 1000 + listingBelievedAfterMs + clockToleranceMs > nowMs;
  if (origin === 'user' && !young) return false;
  throw new ReplicationError('OUTCOME_UNKNOWN', `the delete marker of "${key}" may be a replica`);
}

/** Writes a delete marker between the opening and the closing of its record. Three requests. */
export async function writeMarker(
  ports: ProvenancePorts,
  request: {
    readonly sourceBucket: string;
    readonly source: EntryId;
    readonly destination: BucketRef;
    readonly key: string;
    readonly base: Base | undefined;
    readonly seenAt: (issuedMs: number) => Mark;
    readonly assertDue: () => Promise<void>;
  },
): Promise<string> {
  const { sourceBucket, source, destination, key, base, seenAt, assertDue } = request;
  // What was seen of the source is stamped with the time of the record: it must not be much older.
  await assertDue();
  const openedMs = ports.clock.now();
  const attempt: MarkerAttempt = {
    attempt: attemptId(openedMs, ports.entropy.nonce()),
    openedMs,
    sourceBucket,
    source,
    base,
    seen: seenAt(openedMs),
    written: undefined,
  };
  const folder = markerFolder(destination.bucket, ports.digests.sha256(key));
  const facts = { key, sourceBucket, sourceMarker: source, destination: destination.bucket, openedMs };
  let sent = false;
  const send = async (): Promise<string | undefined> => {
    await ports.state.put(folder + openName(attempt), JSON.stringify(facts));
    await assertDue();
    sent = true;
    return (await ports.store.putDeleteMarker(destination, key)).versionId;
  };
  const versionId = await send().catch(async (thrown: unknown) => {
    // Where surely nothing was written, the record is withdrawn while nobody takes it for written; or left in doubt.
    const young = ports.clock.now() - openedMs < ports.settings.deleteSettlesMs / 3;
    if (young && (!sent || surelyNotDone.has(asReplicationError(thrown).code))) {
      await ports.state.remove(folder + openName(attempt)).catch(() => undefined);
    }
    throw thrown;
  });
  if (versionId === undefined || versionId === 'null') throw unversioned(ports, destination);
  await ports.state.put(
    folder + closedName(attempt, versionId),
    JSON.stringify({ ...facts, marker: versionId }),
  );
  return versionId;
}

/** A write that got no id replaced whatever had none: the destination's versioning is not Enabled. */
export function unversioned(ports: ProvenancePorts, destination: BucketRef): ReplicationError {
  ports.gate.trip(destination);
  return new ReplicationError('DESTINATION_NOT_VERSIONED', `${destination.bucket} in ${destination.region}`);
}

/**
 * The attempts that can have made one marker of a history after the other: one request for the first, and for all others
 * together, so that nobody sees them as lists of different moments show them.
 */
function attemptsOfHistory(ports: ProvenancePorts, bucket: string, key: string) {
  let asked: HistoryWindow | undefined;
  let ofAll: ReturnType<typeof readAttempts> | undefined;
  return async (
    marker: DeleteMarker,
    history: HistoryWindow,
    anew: boolean,
  ): Promise<readonly MarkerAttempt[]> => {
    const opened = openedBetween(marker, ports.settings);
    if (anew || asked !== history) {
      if (!anew) [asked, ofAll] = [history, undefined];
      return (await readAttempts(ports, bucket, key, opened)).attempts;
    }
    ofAll ??= readAttempts(ports, bucket, key, openedAround(history, ports.settings)).catch((thrown) => {
      ofAll = undefined;
      throw thrown;
    });
    const { attempts, complete } = await ofAll;
    return complete ? attempts : (await readAttempts(ports, bucket, key, opened)).attempts;
  };
}

/** Between which moments the attempts were opened that made the markers of a history. */
function openedAround({ entries }: HistoryWindow, times: ReplicationSettings) {
  const spans = entries.flatMap((entry) =>
    entry.kind === 'deleteMarker' ? [openedBetween(entry, times)] : [],
  );
  return {
    fromMs: spans.reduce((first, { fromMs }) => Math.min(first, fromMs), Infinity),
    toMs: spans.reduce((last, { toMs }) => Math.max(last, toMs), -Infinity),
  };
}

/** Pages of attempts that are read at once; each has two names when it is closed. */
const attemptPagesMax = 20;

/** The attempts of a key that were opened in a time: of one marker one request, however many the key has. */
async function readAttempts(
  ports: ProvenancePorts,
  bucket: string,
  key: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<{ readonly attempts: readonly MarkerAttempt[]; readonly complete: boolean }> {
  const folder = markerFolder(bucket, ports.digests.sha256(key));
  const last = folder + attemptTime(toMs + 1);
  const names: string[] = [];
  let after = folder + attemptTime(fromMs);
  let complete = false;
  for (let page = 0; page < attemptPagesMax && !complete; page += 1) {
    const found = await ports.state.list(folder, after);
    names.push(...found.names.map((name) => name.slice(folder.length)));
    after = found.names.at(-1) ?? last;
    complete = found.complete || after >= last;
  }
  return { attempts: parseAttempts(names), complete };
}
