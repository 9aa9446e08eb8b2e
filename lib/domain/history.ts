import { versionIdMicros } from './version-id';

/** The id of a version or marker as COS lists it; `null` for what was written without versioning. Opaque. */
export type VersionId = string;

/** One object version, as `GET ?versions` lists it. Source: https://www.tencentcloud.com/document/product/436/31551 */
export interface ObjectVersion {
  readonly kind: 'version';
  readonly versionId: VersionId;
  /** Without quotes. */
  readonly etag: string;
  readonly sizeBytes: number;
  /** Whole seconds in practice. */
  readonly lastModifiedMs: number;
  readonly storageClass: string;
}

/** One delete marker, as `GET ?versions` lists it. It has no content, no metadata and no ACL. */
export interface DeleteMarker {
  readonly kind: 'deleteMarker';
  readonly versionId: VersionId;
  readonly lastModifiedMs: number;
}

export type HistoryEntry = ObjectVersion | DeleteMarker;

/** The entries of one key, oldest first, everywhere in this product. */
export type KeyHistory = readonly HistoryEntry[];

/** The newest part of a key's history. `complete` means that it reaches the oldest entry. */
export interface HistoryWindow {
  readonly entries: KeyHistory;
  readonly complete: boolean;
}

/**
 * What identifies an entry for ever: its version id, or for a `null` entry, which COS overwrites in place,
 * also its ETag and time. Characters: those of a version id, and `_`, `-`.
 */
export type EntryId = string;

export function entryId(entry: HistoryEntry): EntryId {
  if (entry.versionId !== 'null') return entry.versionId;
  const content = entry.kind === 'version' ? entry.etag.toLowerCase() : 'marker';
  return `null_${content}_${Math.floor(entry.lastModifiedMs / 1000).toString(36)}`;
}

/** The id by which COS is asked for an entry. */
export function versionIdOf(id: EntryId): VersionId {
  return id.startsWith('null_') ? 'null' : id;
}

/**
 * Microseconds at which an entry was written, as its id tells. This is the only way to place an entry that its
 * bucket no longer lists; it never overrules a listing.
 */
export function entryIdMicros(id: EntryId): bigint | undefined {
  const nullTime = /^null_.*_([0-9a-z]+)$/.exec(id)?.[1];
  if (nullTime !== undefined) return BigInt(Number.parseInt(nullTime, 36)) * 1_000_000n;
  return versionIdMicros(id);
}

/** Whether ETags say nothing against equal contents. A multipart one is not carried over by a copy, and says nothing at all. */
export function etagsAgree(a: { readonly etag: string }, b: { readonly etag: string }): boolean {
  return a.etag === b.etag || a.etag.includes('-') || b.etag.includes('-');
}

export function newestOf(history: KeyHistory): HistoryEntry | undefined {
  return history[history.length - 1];
}
