/** One version or delete marker of a key, as it is kept in the index. */
export type StoredEntry = StoredVersion | StoredMarker;

interface Common {
  /** An id of COS's form, or `null` if the bucket was not Enabled. Shown as `shownVersionId` says. */
  readonly versionId: string;
  /** Microseconds since the Unix epoch, unique; its place in the history. Decimal, since JSON has no integers of that size. */
  readonly micros: string;
}

export interface StoredVersion extends Common {
  readonly kind: 'version';
  /** Without quotes. */
  readonly etag: string;
  readonly size: number;
  readonly crc64: string;
  /** Upper case, with `STANDARD` written out. */
  readonly storageClass: string;
  /** Lower-case names; values as the bytes that came, one character each. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
  /** Name of the body's file; copies share it. */
  readonly body: string;
}

export interface StoredMarker extends Common {
  readonly kind: 'deleteMarker';
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export type VersioningState = 'never' | 'Enabled' | 'Suspended';

export interface StoredBucket {
  readonly name: string;
  readonly region: string;
  readonly appid: string;
  readonly versioning: VersioningState;
  readonly createdMs: number;
  readonly multiZone: boolean;
}

/** Whether the entry keeps its place when something is written without a version id. */
export function hasOwnId(entry: StoredEntry): boolean {
  return entry.versionId !== '' && entry.versionId !== 'null';
}

/** What clients see: nothing in a bucket that never had versioning; `null` for what is older than it, or without id. */
export function shownVersionId(bucket: StoredBucket, entry: StoredEntry): string {
  if (hasOwnId(entry)) return entry.versionId;
  return bucket.versioning === 'never' ? '' : 'null';
}

/** Last-Modified: whole seconds, as COS has them. */
export function lastModifiedMs(entry: StoredEntry): number {
  return Math.floor(Number(BigInt(entry.micros) / 1000n) / 1000) * 1000;
}
