import { ReplicationError } from '../domain/error';
import type { HistoryEntry, HistoryWindow } from '../domain/history';
import { entryId, newestOf } from '../domain/history';
import type { BucketRef } from '../domain/rule';
import { isOfVersion, type ObjectHead } from '../domain/transfer';
import type { Clock, ObjectStore } from './ports';
import { readableHead } from './readable-head';
import { listedForSureMs, type ReplicationSettings } from './settings';

/** One side of a key as it stands: the newest part of its history, and its current version. */
export interface Look {
  readonly window: HistoryWindow;
  /** `undefined`: nothing, a delete marker, or a version that nobody may read, which only the listing knows. */
  readonly current: ObjectHead | undefined;
}

interface LookPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly settings: ReplicationSettings;
}

/**
 * Reads one side of a key. A listing may lag, a HEAD does not: if the listing does not know the current version,
 * it is read again, and after a few tries the key is left for later. Two requests if all is well.
 */
export async function lookAt(ports: LookPorts, bucket: BucketRef, key: string): Promise<Look> {
  const { store, clock, settings } = ports;
  const believedAfterMs = listedForSureMs(settings);
  for (let attempt = 0; attempt < settings.staleTriesMax; attempt += 1) {
    if (attempt > 0) await clock.sleep(settings.staleWaitMs * 2 ** (attempt - 1));
    const [current, window] = await Promise.all([
      readableHead(ports, bucket, key),
      store.listKey(bucket, key, { entriesMax: settings.historyPageEntries }),
    ]);
    if (current === 'unreadable') return { window, current: undefined };
    if (listingKnows(window, current, clock.now() - believedAfterMs)) return { window, current };
  }
  throw new ReplicationError(
    'LISTING_STALE',
    `${bucket.bucket} does not list the current version of "${key}" yet`,
  );
}

/** The most that COS lists at a time. */
const listedEntriesMax = 1000;

/**
 * The part of a history that is older than a window, put before it. A page may lag behind the one above it, and would
 * then lack what came in between: so it begins with the oldest entry that is known, and is read again until it does.
 * An entry without an id may meanwhile be another one, which lies on top of all: then what is older than it is no part of
 * this history.
 */
export async function readOlder(
  ports: LookPorts,
  bucket: BucketRef,
  key: string,
  window: HistoryWindow,
): Promise<HistoryWindow> {
  const { store, clock, settings } = ports;
  const [oldest, above] = window.entries;
  if (oldest === undefined) return { ...window, complete: true };
  const from = above ?? oldest;
  const entriesMax = Math.min(settings.historyPageEntries + (above ? 1 : 0), listedEntriesMax);
  for (let attempt = 0; attempt < settings.staleTriesMax; attempt += 1) {
    if (attempt > 0) await clock.sleep(settings.staleWaitMs * 2 ** (attempt - 1));
    const { entries, complete } = await store.listKey(bucket, key, { entriesMax, olderThan: from.versionId });
    const known = above ? entries.at(-1) : undefined;
    if (above && (known === undefined || entryId(known) !== entryId(oldest))) continue;
    if (from.versionId === 'null' && !(await isStill(ports, bucket, key, from))) break;
    return { entries: [...(above ? entries.slice(0, -1) : entries), ...window.entries], complete };
  }
  throw new ReplicationError(
    'LISTING_STALE',
    `the history of "${key}" in ${bucket.bucket} changed while it was read`,
  );
}

/**
 * Whether an entry without an id is the one that was listed. A HEAD does not tell two delete markers from each other, nor
 * two versions that nobody may read.
 */
async function isStill(
  ports: LookPorts,
  bucket: BucketRef,
  key: string,
  entry: HistoryEntry,
): Promise<boolean> {
  const head = await readableHead(ports, bucket, key, 'null');
  if (entry.kind === 'deleteMarker') return head === undefined;
  if (head === 'unreadable') return true;
  return head !== undefined && isOfVersion(head, entry);
}

/**
 * Whether one side of a key changed since a look. One request: a HEAD, or where it cannot tell two delete markers from
 * each other, the newest entry of the listing.
 */
export async function keyChanged(
  ports: LookPorts,
  bucket: BucketRef,
  key: string,
  look: Look,
): Promise<boolean> {
  if (look.current !== undefined) return !sameCurrent(await readableHead(ports, bucket, key), look.current);
  const { entries } = await ports.store.listKey(bucket, key, { entriesMax: 1 });
  const [now, before] = [newestOf(entries), newestOf(look.window.entries)];
  return (now && entryId(now)) !== (before && entryId(before));
}

/**
 * Whether anything came to one side of a key since a look, also below the newest: where ids are of the moment at which a
 * write began, one that takes long lands below what was written meanwhile. Two requests.
 */
export async function historyChanged(
  ports: LookPorts,
  bucket: BucketRef,
  key: string,
  { current, window }: Look,
): Promise<boolean> {
  const entriesMax = Math.min(window.entries.length + ports.settings.historyPageEntries, listedEntriesMax);
  const [now, { entries }] = await Promise.all([
    readableHead(ports, bucket, key),
    ports.store.listKey(bucket, key, { entriesMax }),
  ]);
  const isOtherCurrent =
    current === undefined ? now !== undefined && now !== 'unreadable' : !sameCurrent(now, current);
  const known = new Set(window.entries.map(entryId));
  const [oldest] = window.entries;
  // What is older than a part of a history was not looked at either.
  const from = entries.findIndex(
    (entry) => !window.complete && oldest !== undefined && entryId(entry) === entryId(oldest),
  );
  return isOtherCurrent || entries.slice(from + 1).some((entry) => !known.has(entryId(entry)));
}

function sameCurrent(a: ObjectHead | 'unreadable' | undefined, b: ObjectHead): boolean {
  return (
    a !== undefined &&
    a !== 'unreadable' &&
    a.versionId === b.versionId &&
    a.etag === b.etag &&
    a.lastModifiedMs === b.lastModifiedMs
  );
}

function listingKnows(
  window: HistoryWindow,
  current: ObjectHead | undefined,
  believedBeforeMs: number,
): boolean {
  if (current === undefined) return newestOf(window.entries)?.kind !== 'version';
  // Appendable objects have no versions; what a listing shows of them is not documented.
  if (current.appendable) return true;
  const { versionId: id } = current;
  // However old its time is: it may be that of the begin of an upload that has just come to its end.
  if (id !== undefined && id !== 'null') return window.entries.some(({ versionId }) => versionId === id);
  // Which one it is, an overwritten one's listing tells once it is old.
  if (current.lastModifiedMs < believedBeforeMs) return true;
  return window.entries.some(
    (entry) => entry.kind === 'version' && entry.versionId === 'null' && isOfVersion(current, entry),
  );
}
