import type { BucketDirectory, DestinationProbe, KeyedEntry, ObjectStore, StateStore } from '../../app/ports';
import { ReplicationError } from '../../domain/error';
import type { BucketRef } from '../../domain/rule';
import type { ObjectHead } from '../../domain/transfer';
import { currentOf, entriesOf, type MemoryBucket, type MemoryCos, type StoredEntry } from './memory-cos';

/** The ObjectStore port over COS in memory. */
export function createMemoryObjectStore(cos: MemoryCos): ObjectStore {
  const need = (ref: BucketRef): MemoryBucket => {
    const bucket = cos.bucket(ref);
    if (!bucket) throw new ReplicationError('BUCKET_MISSING', `${ref.bucket} in ${ref.region}`);
    return bucket;
  };
  const find = (ref: BucketRef, key: string, versionId: string): StoredEntry | undefined =>
    (cos.bucket(ref)?.keys.get(key) ?? []).find((stored) => stored.entry.versionId === versionId);

  return {
    async listKey(ref, key, { olderThan, entriesMax }) {
      return pageOf(entriesOf(need(ref).keys.get(key) ?? []), olderThan, entriesMax);
    },
    async listVersions(ref, { prefix, after, entriesMax }) {
      const { keys } = need(ref);
      const listed = [...keys.keys()]
        .filter((key) => key.startsWith(prefix))
        .sort(byUtf8)
        .flatMap((key) =>
          entriesOf(keys.get(key) ?? [])
            .map((entry) => ({ key, entry }))
            .reverse(),
        );
      const rest = after === undefined ? listed : listed.slice(firstAfter(listed, after));
      return { entries: rest.slice(0, entriesMax), complete: rest.length <= entriesMax };
    },
    async headObject(ref, key, versionId) {
      const stored =
        versionId === undefined ? currentOf(cos.bucket(ref)?.keys.get(key) ?? []) : find(ref, key, versionId);
      return stored && headOf(stored, cos.bucket(ref)?.versioning !== 'Unversioned');
    },
    async tagsOf(ref, key, versionId) {
      const tags = new URLSearchParams(find(ref, key, versionId)?.content?.tags);
      return [...tags].map(([name, value]) => ({ key: name, value }));
    },
    async copyVersion({ source, key, version, destination, storageClass, metadata }) {
      const bucket = need(destination);
      need(source);
      const from = find(source, key, version.versionId);
      if (from?.entry.kind !== 'version' || !from.content) {
        throw new ReplicationError('SOURCE_GONE', `version ${version.versionId} of "${key}"`);
      }
      if (from.entry.etag !== version.etag) {
        const code = version.versionId === 'null' ? 'SOURCE_GONE' : 'REQUEST_REFUSED';
        throw new ReplicationError(code, `version ${version.versionId} of "${key}" has another ETag`);
      }
      const made = cos.put(destination, key, { ...from.content, metadata, storageClass });
      const versionId = bucket.versioning === 'Enabled' ? made.entry.versionId : undefined;
      return { versionId, etag: version.etag, crc64: crcOf(from.content.body) };
    },
    async putDeleteMarker(ref, key) {
      const { versioning } = need(ref);
      const made = cos.delete(ref, key);
      return { versionId: versioning === 'Enabled' ? made.entry.versionId : undefined };
    },
  };
}

/** COS orders keys by their UTF-8 bytes; JavaScript's own order differs beyond the basic plane. */
function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function firstAfter(listed: readonly KeyedEntry[], after: { key: string; versionId?: string }): number {
  const exact = listed.findIndex(
    ({ key, entry }) => key === after.key && entry.versionId === after.versionId,
  );
  if (exact >= 0) return exact + 1;
  const next = listed.findIndex(({ key }) => byUtf8(key, after.key) > 0);
  return next < 0 ? listed.length : next;
}

/** One page of a history as COS would list it: the newest `entriesMax` entries older than the marker, oldest first. */
export function pageOf(
  history: ReturnType<typeof entriesOf>,
  olderThan: string | undefined,
  entriesMax: number,
): { entries: ReturnType<typeof entriesOf>; complete: boolean } {
  const end =
    olderThan === undefined ? history.length : history.findIndex((entry) => entry.versionId === olderThan);
  const older = end < 0 ? [] : history.slice(0, end);
  const entries = older.slice(-entriesMax);
  return { entries, complete: entries.length === older.length };
}

export function headOf(stored: StoredEntry, versioned: boolean): ObjectHead | undefined {
  const { entry, content } = stored;
  if (entry.kind !== 'version' || !content) return undefined;
  return {
    versionId: versioned ? entry.versionId : undefined,
    etag: entry.etag,
    sizeBytes: entry.sizeBytes,
    lastModifiedMs: entry.lastModifiedMs,
    crc64: crcOf(content.body),
    storageClass: content.storageClass,
    metadata: content.metadata,
    appendable: false,
    customerEncrypted: false,
    restored: false,
  };
}

/** Stands for the CRC64: equal for equal bodies. */
function crcOf(body: string): string {
  return `crc-of-${body}`;
}

/** The BucketDirectory port over COS in memory, as one account sees it. */
export function createMemoryDirectory(cos: MemoryCos, account: string, now: () => number): BucketDirectory {
  return {
    async describe(ref) {
      const bucket = cos.bucket(ref);
      if (!bucket) return { kind: 'missing' };
      if (bucket.account !== account) return { kind: 'denied' };
      return {
        kind: 'found',
        multiZone: false,
        hierarchical: false,
        dateMs: Math.floor(now() / 1000) * 1000,
      };
    },
    versioning: async (ref) => cos.bucket(ref)?.versioning ?? 'Unversioned',
    replicatesTo: async () => new Set(),
    ownedBuckets: async () => cos.ownedBy(account),
  };
}

/** The DestinationProbe port over COS in memory. */
export function createMemoryProbe(cos: MemoryCos): DestinationProbe {
  const store = createMemoryObjectStore(cos);
  return {
    async write(ref, key, body) {
      if (!cos.bucket(ref)) throw new ReplicationError('BUCKET_MISSING', `${ref.bucket} in ${ref.region}`);
      const made = cos.put(ref, key, { body });
      return { versionId: made.entry.versionId };
    },
    read: async (ref, key) => currentOf(cos.bucket(ref)?.keys.get(key) ?? [])?.content?.body ?? '',
    mark: store.putDeleteMarker,
  };
}

/** The StateStore port in memory. `documents` is open to look at. */
export function createMemoryState(documents = new Map<string, string>()): StateStore {
  return {
    get: async (name) => documents.get(name),
    put: async (name, body) => {
      documents.set(name, body);
    },
    create: async (name, body) => {
      if (documents.has(name)) return false;
      documents.set(name, body);
      return true;
    },
    remove: async (name) => {
      documents.delete(name);
    },
    list: async (prefix, after) => {
      const names = [...documents.keys()].filter((name) => name.startsWith(prefix)).sort();
      const rest = after === undefined ? names : names.filter((name) => name > after);
      return { names: rest.slice(0, 1000), complete: rest.length <= 1000 };
    },
  };
}
