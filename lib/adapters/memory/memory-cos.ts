import type { EntryId, HistoryEntry, KeyHistory } from '../../domain/history';
import { entryId, newestOf } from '../../domain/history';
import type { BucketRef } from '../../domain/rule';
import { versionIdAt } from '../../domain/version-id';
import type { BucketVersioning } from '../../app/ports';

/**
 * COS in memory, as far as replication sees it: buckets with histories. It is exact and never fails; delays, faults
 * and stale listings are put around it. The simulator and the fast tests run on it.
 */
export interface MemoryCos {
  createBucket(
    ref: BucketRef,
    options?: { readonly versioning?: BucketVersioning; readonly account?: string },
  ): void;
  setVersioning(ref: BucketRef, versioning: BucketVersioning): void;
  bucket(ref: BucketRef): MemoryBucket | undefined;
  ownedBy(account: string): ReadonlySet<string>;
  put(ref: BucketRef, key: string, content: Partial<StoredContent>): StoredEntry;
  delete(ref: BucketRef, key: string): StoredEntry;
  /** A permanent delete. */
  deleteVersion(ref: BucketRef, key: string, id: EntryId): void;
  /** Oldest first. */
  history(ref: BucketRef, key: string): readonly StoredEntry[];
  /** Every change so far, to any key, in order. */
  readonly changes: readonly Change[];
}

export interface MemoryBucket {
  readonly ref: BucketRef;
  readonly account: string;
  versioning: BucketVersioning;
  readonly keys: Map<string, readonly StoredEntry[]>;
}

export interface StoredContent {
  readonly body: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: string;
  readonly storageClass: string;
}

export interface StoredEntry {
  readonly entry: HistoryEntry;
  /** Absent for a delete marker. */
  readonly content?: StoredContent;
}

/** What a key's history was replaced by. */
export interface Change {
  readonly bucket: string;
  readonly key: string;
  readonly after: readonly StoredEntry[];
}

export interface MemoryCosOptions {
  /** Milliseconds; what Last-Modified and version ids are made of. */
  readonly now: () => number;
  readonly etagOf?: (body: string) => string;
}

export function createMemoryCos(options: MemoryCosOptions): MemoryCos {
  const buckets = new Map<string, MemoryBucket>();
  const changes: Change[] = [];
  let lastMicros = 0n;

  const need = (ref: BucketRef): MemoryBucket => {
    const bucket = buckets.get(ref.bucket);
    if (bucket?.ref.region !== ref.region) throw new Error(`no bucket ${ref.bucket} in ${ref.region}`);
    return bucket;
  };

  /** Strictly increasing, as ids must be unique. */
  const mintMicros = (): bigint => {
    const now = BigInt(Math.floor(options.now() * 1000));
    lastMicros = now > lastMicros ? now : lastMicros + 1n;
    return lastMicros;
  };

  const replace = (bucket: MemoryBucket, key: string, after: readonly StoredEntry[]): void => {
    bucket.keys.set(key, after);
    changes.push({ bucket: bucket.ref.bucket, key, after });
  };

  const append = (
    bucket: MemoryBucket,
    key: string,
    make: (versionId: string, ms: number) => StoredEntry,
  ) => {
    const micros = mintMicros();
    const versionId = bucket.versioning === 'Enabled' ? versionIdAt(micros) : 'null';
    // Last-Modified has whole seconds.
    const made = make(versionId, Number(micros / 1_000_000n) * 1000);
    const before = bucket.keys.get(key) ?? [];
    const kept = versionId === 'null' ? before.filter((stored) => stored.entry.versionId !== 'null') : before;
    replace(bucket, key, [...kept, made]);
    return made;
  };

  return {
    changes,
    createBucket(ref, { versioning = 'Enabled', account = 'main' } = {}) {
      buckets.set(ref.bucket, { ref, account, versioning, keys: new Map() });
    },
    setVersioning: (ref, versioning) => {
      need(ref).versioning = versioning;
    },
    bucket: (ref) => {
      const bucket = buckets.get(ref.bucket);
      return bucket?.ref.region === ref.region ? bucket : undefined;
    },
    ownedBy: (account) =>
      new Set(
        [...buckets.values()].filter((bucket) => bucket.account === account).map(({ ref }) => ref.bucket),
      ),
    put(ref, key, { body = '', metadata = {}, tags = '', storageClass = 'STANDARD' }) {
      const etag = (options.etagOf ?? defaultEtag)(body);
      return append(need(ref), key, (versionId, lastModifiedMs) => ({
        entry: { kind: 'version', versionId, etag, sizeBytes: body.length, lastModifiedMs, storageClass },
        content: { body, metadata, tags, storageClass },
      }));
    },
    delete(ref, key) {
      const bucket = need(ref);
      if (bucket.versioning === 'Unversioned') throw new Error('a plain delete leaves no marker');
      return append(bucket, key, (versionId, lastModifiedMs) => ({
        entry: { kind: 'deleteMarker', versionId, lastModifiedMs },
      }));
    },
    deleteVersion(ref, key, id) {
      const bucket = need(ref);
      const before = bucket.keys.get(key) ?? [];
      replace(
        bucket,
        key,
        before.filter((stored) => entryId(stored.entry) !== id),
      );
    },
    history: (ref, key) => need(ref).keys.get(key) ?? [],
  };
}

/** Entries without their contents. */
export function entriesOf(history: readonly StoredEntry[]): KeyHistory {
  return history.map((stored) => stored.entry);
}

export function currentOf(history: readonly StoredEntry[]): StoredEntry | undefined {
  const newest = newestOf(entriesOf(history));
  return newest?.kind === 'version' ? history.at(-1) : undefined;
}

/** Not a hash: equal for equal bodies is all that is needed. */
function defaultEtag(body: string): string {
  return Buffer.from(body).toString('hex').padEnd(32, '0').slice(0, 64);
}
