import type { Acl } from '../access/acl';

/** One version or delete marker of a key, as it is kept in the index. */
export type StoredEntry = StoredVersion | StoredMarker;

interface Common {
  /** An id of COS's form, or `null` if the bucket was not Enabled. Shown as `shownVersionId` says. */
  readonly versionId: string;
  /** Microseconds since the Unix epoch, unique; its place in the history. Decimal, since JSON has no integers of that size. */
  readonly micros: string;
}

/** What a request says of an object beside its content. */
export interface ObjectFacts {
  /** Without quotes. */
  readonly etag: string;
  /** Upper case, with `STANDARD` written out. */
  readonly storageClass: string;
  /** Lower-case names; values as the bytes that came, one character each. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
  /** Absent: that of the bucket. */
  readonly acl?: Acl | undefined;
}

export interface StoredVersion extends Common, ObjectFacts {
  readonly kind: 'version';
  readonly size: number;
  readonly crc64: string;
  /** Name of the body, a file's or a composite's; copies share it. Empty if it has no bytes. */
  readonly body: string;
  /** Made by APPEND Object, which versioning does not see. */
  readonly appendable?: true;
  /** A restore of an archived object: readable from the one time until the other, milliseconds. */
  readonly restore?: { readonly readyMs: number; readonly expiresMs: number };
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
  /** Absent: private. */
  readonly acl?: Acl;
}

/** A bucket's policy, CORS rules and the like, as it was put. */
export interface StoredDocument {
  readonly text: string;
  readonly putMs: number;
}

/** A multipart upload that is not complete. */
export interface StoredUpload extends Omit<ObjectFacts, 'etag'> {
  readonly key: string;
  readonly uploadId: string;
  readonly initiatedMs: number;
  /** Who initiated it: `qcs::cam::uin/<owner>:uin/<user>`. */
  readonly initiator: string;
}

export interface StoredPart {
  readonly number: number;
  readonly etag: string;
  readonly size: number;
  readonly crc64: string;
  readonly body: string;
  readonly modifiedMs: number;
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
