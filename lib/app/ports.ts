import type { HistoryEntry, KeyHistory, ObjectVersion } from '../domain/history';
import type { BucketRef, ObjectTag, RuleSet, StorageClass } from '../domain/rule';
import type { ObjectHead } from '../domain/transfer';

/**
 * The object store on both sides of a replication. Every method is one request to COS and fails with a
 * ReplicationError: retryable for what may pass by itself, never for a missing object, which is an answer.
 * A write is sent once: whether a write without an answer has happened is found out by looking, not by sending it
 * again.
 */
export interface ObjectStore {
  /** One page of a key's own history, as COS lists it but oldest first. At most `entriesMax` entries. */
  listKey: (bucket: BucketRef, key: string, page: HistoryPageRequest) => Promise<HistoryPage>;
  /** One page of a whole bucket, or of a prefix: keys ascending by UTF-8 bytes, within a key newest first. */
  listVersions: (bucket: BucketRef, page: BucketPageRequest) => Promise<BucketPage>;
  /** The current version, or the one named. `undefined`: none, it is a delete marker, or the bucket is missing. */
  headObject: (bucket: BucketRef, key: string, versionId?: string) => Promise<ObjectHead | undefined>;
  /** The tags of one version; none if it is gone. */
  tagsOf: (bucket: BucketRef, key: string, versionId: string) => Promise<readonly ObjectTag[]>;
  /** A server-side copy of one version, with metadata and class replaced and tags kept. */
  copyVersion: (request: CopyRequest) => Promise<CopyAnswer>;
  /** A DELETE without version id. Never one with: replication deletes no version. */
  putDeleteMarker: (bucket: BucketRef, key: string) => Promise<WriteAnswer>;
}

export interface HistoryPageRequest {
  /** Read the entries older than this one. */
  readonly olderThan?: string;
  readonly entriesMax: number;
}

export interface HistoryPage {
  /** Oldest first. */
  readonly entries: KeyHistory;
  /** Nothing older exists. */
  readonly complete: boolean;
}

export interface BucketPageRequest {
  readonly prefix: string;
  /** Begin after this entry; without a version id, after all entries of its key. */
  readonly after?: { readonly key: string; readonly versionId?: string };
  readonly entriesMax: number;
}

export interface BucketPage {
  readonly entries: readonly KeyedEntry[];
  readonly complete: boolean;
}

export interface KeyedEntry {
  readonly key: string;
  readonly entry: HistoryEntry;
}

export interface CopyRequest {
  readonly source: BucketRef;
  readonly key: string;
  readonly version: ObjectVersion;
  readonly destination: BucketRef;
  readonly storageClass: StorageClass;
  /** Lower-case header names; replaces all metadata. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface WriteAnswer {
  /** `undefined`: the destination named none, so its versioning is not Enabled. */
  readonly versionId: string | undefined;
}

export interface CopyAnswer extends WriteAnswer {
  readonly etag: string;
  readonly crc64: string | undefined;
}

/** What COS says of whole buckets. */
export interface BucketDirectory {
  describe(bucket: BucketRef): Promise<BucketDescription>;
  versioning(bucket: BucketRef): Promise<BucketVersioning>;
  /** Names of the buckets that COS's own replication writes to from this one; none where that may not be asked. */
  replicatesTo(bucket: BucketRef): Promise<ReadonlySet<string>>;
  /** Names of all buckets that the caller's account owns. */
  ownedBuckets(): Promise<ReadonlySet<string>>;
}

export type BucketVersioning = 'Enabled' | 'Suspended' | 'Unversioned';

export type BucketDescription =
  | {
      readonly kind: 'found';
      readonly multiZone: boolean;
      /** Metadata acceleration: such buckets replicate nothing. */
      readonly hierarchical: boolean;
      /** The bucket's own clock, milliseconds; whole seconds in practice. */
      readonly dateMs: number;
    }
  | { readonly kind: 'missing' }
  | { readonly kind: 'denied' };

/**
 * Small documents by name, in one never-versioned bucket that all deployments of an account share. Reads by name
 * are consistent, lists may lag.
 */
export interface StateStore {
  get: (name: string) => Promise<string | undefined>;
  put: (name: string, body: string) => Promise<void>;
  /** `false`: something of that name exists. Several simultaneous creators may all see `true`: read back. */
  create: (name: string, body: string) => Promise<boolean>;
  remove: (name: string) => Promise<void>;
  /** Names under a prefix in byte order, after `after`, at most 1000. */
  list: (prefix: string, after?: string) => Promise<StatePage>;
}

export interface StatePage {
  readonly names: readonly string[];
  readonly complete: boolean;
}

/** Where running functions find the rules of a bucket. */
export interface RuleSource {
  /** May be as old as one config lifetime. */
  current(source: BucketRef): Promise<RuleSet>;
  /** With every rule that was acknowledged before an event happened; its time in whole seconds, Infinity if unknown. */
  asOf(source: BucketRef, eventTime: number): Promise<RuleSet>;
}

/** Which buckets rules replicate to, or ever did, of any deployment of the account. */
export interface Targets {
  /** As new as the moment it is asked. */
  isTarget(bucket: string): Promise<boolean>;
}

/** Writes to a destination bucket to find out whether it can be written to. Fails with COS's own reason. */
export interface DestinationProbe {
  write(bucket: BucketRef, key: string, body: string): Promise<WriteAnswer>;
  read(bucket: BucketRef, key: string): Promise<string>;
  /** A DELETE without version id. */
  mark(bucket: BucketRef, key: string): Promise<WriteAnswer>;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Waits at least this long. */
  readonly sleep: (milliseconds: number) => Promise<void>;
}

export interface Entropy {
  /** A few characters of `a-z0-9`, different each time. */
  readonly nonce: () => string;
}

export interface Digests {
  /** SHA-256 as lower-case hex. */
  readonly sha256: (text: string) => string;
}

export interface Logger {
  info(message: LogMessage, facts: LogFacts): void;
  warn(message: LogMessage, facts: LogFacts): void;
  error(message: LogMessage, facts: LogFacts): void;
}

/** What happened, in words that do not change: programs look for them. */
export type LogMessage = string;
export type LogFacts = Readonly<Record<string, unknown>>;
