import { ClassicLevel } from 'classic-level';
import type { Slice } from './content';
import type { StoredBucket, StoredDocument, StoredEntry, StoredPart, StoredUpload } from './entry';
import * as names from './index-keys';

export type Operation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: string }
  | {
      readonly type: 'put';
      readonly key: Buffer;
      readonly value: Buffer;
      readonly valueEncoding: 'buffer';
    }
  | { readonly type: 'del'; readonly key: Buffer };

/** Current keys that are read together. */
const currentPage = 100;

export interface ListedEntry {
  readonly key: string;
  readonly entry: StoredEntry;
}

/** The index of the local COS: what exists, in COS's order. Reads cost what they return, whatever the index holds. */
export interface ObjectIndex {
  bucket(name: string): Promise<StoredBucket | undefined>;
  /** By name, after one of them. */
  buckets(after?: string): AsyncIterable<StoredBucket>;
  /** Newest first. */
  history(bucket: string, key: string): AsyncIterable<StoredEntry>;
  newest(bucket: string, key: string): Promise<StoredEntry | undefined>;
  /** The newest entry if it is a version. */
  currentVersion(bucket: string, key: string): Promise<StoredEntry | undefined>;
  /** The entry at one place of a history. */
  entryAt(bucket: string, key: string, micros: bigint): Promise<StoredEntry | undefined>;
  /** Entries in listing order from a name on. */
  scan(bucket: string, span: names.Span): AsyncIterable<ListedEntry>;
  /** Keys whose newest entry is a version, in listing order, with it. */
  current(bucket: string, span: names.Span): AsyncIterable<ListedEntry>;
  /** Number of entries, parts and composites that share a body. */
  bodyUsers(body: string): Promise<number>;
  /** `undefined`: there is no such inline body. */
  bytes(body: string): Promise<Buffer | undefined>;
  /** `undefined`: there is no such composite body. */
  composite(body: string): Promise<readonly Slice[] | undefined>;
  document(bucket: string, name: string): Promise<StoredDocument | undefined>;
  /** The index names of a bucket's documents. */
  documentNames(bucket: string): Promise<readonly Buffer[]>;
  upload(bucket: string, key: string, uploadId: string): Promise<StoredUpload | undefined>;
  /** In listing order. */
  uploads(span: names.Span): AsyncIterable<StoredUpload>;
  part(uploadId: string, number: number): Promise<StoredPart | undefined>;
  /** By number, after one of them. */
  parts(uploadId: string, afterNumber: number, limit: number): Promise<readonly StoredPart[]>;
  /** Whether a span holds nothing. */
  isEmpty(span: names.Span): Promise<boolean>;
  /** Bodies whose files no entry refers to. */
  unreferenced(): Promise<readonly string[]>;
  events(limit: number): Promise<readonly string[]>;
  clock(): Promise<bigint>;
  format(): Promise<string | undefined>;
  /** All or nothing; survives a kill of the process once it resolves. */
  commit(operations: readonly Operation[]): Promise<void>;
  close(): Promise<void>;
}

/** Fails with what leveldb says; without `mayCreate` also if there is none, which would otherwise be an empty one. */
export async function openObjectIndex(folder: string, mayCreate: boolean): Promise<ObjectIndex> {
  const level = new ClassicLevel<Buffer, string>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'utf8',
    createIfMissing: mayCreate,
  });
  await level.open();
  const entryOf = (value: string): StoredEntry => JSON.parse(value) as StoredEntry;
  // What is read one by one is in memory nearly always: a thread for it would cost more than the reading.
  const read = async <Value>(name: Buffer): Promise<Value | undefined> => {
    const value = level.getSync(name);
    return value === undefined ? undefined : (JSON.parse(value) as Value);
  };
  const currentVersion = async (bucket: string, key: string): Promise<StoredEntry | undefined> => {
    const noted = level.getSync(names.currentName(bucket, key));
    return noted === undefined ? undefined : read(names.entryName(bucket, key, BigInt(noted)));
  };

  return {
    bucket: (name) => read(names.bucketName(name)),
    async *buckets(after = '') {
      const span = { gt: names.bucketName(after), lt: names.allBuckets.lt };
      for await (const value of level.values(span)) yield JSON.parse(value) as StoredBucket;
    },
    async *history(bucket, key) {
      for await (const value of level.values(names.keySpan(bucket, key))) yield entryOf(value);
    },
    currentVersion,
    async newest(bucket, key) {
      const version = await currentVersion(bucket, key);
      if (version) return version;
      // A delete marker, or nothing.
      for await (const value of level.values({ ...names.keySpan(bucket, key), limit: 1 }))
        return entryOf(value);
      return undefined;
    },
    entryAt: (bucket, key, micros) => read(names.entryName(bucket, key, micros)),
    async *scan(bucket, span) {
      for await (const [name, value] of level.iterator(span)) {
        yield { key: names.keyOf(name, bucket), entry: entryOf(value) };
      }
    },
    async *current(bucket, span) {
      const found = level.iterator(span);
      try {
        for (;;) {
          const page = await found.nextv(currentPage);
          if (page.length === 0) return;
          const keys = page.map(([name]) => names.keyOfCurrent(name, bucket));
          const entries = await level.getMany(
            page.map(([, micros], place) => names.entryName(bucket, keys[place] ?? '', BigInt(micros))),
          );
          for (const [place, value] of entries.entries()) {
            // Deleted since.
            if (value !== undefined) yield { key: keys[place] ?? '', entry: entryOf(value) };
          }
        }
      } finally {
        await found.close();
      }
    },
    async bodyUsers(body) {
      return Number(level.getSync(names.bodyName(body)) ?? 0);
    },
    async bytes(body) {
      return level.getSync<Buffer, Buffer>(names.inlineName(body), { valueEncoding: 'buffer' });
    },
    composite: (body) => read(names.compositeName(body)),
    document: (bucket, name) => read(names.documentName(bucket, name)),
    documentNames: (bucket) => level.keys(names.documentSpan(bucket)).all(),
    upload: (bucket, key, uploadId) => read(names.uploadName(bucket, key, uploadId)),
    async *uploads(span) {
      for await (const value of level.values(span)) yield JSON.parse(value) as StoredUpload;
    },
    part: (uploadId, number) => read(names.partName(uploadId, number)),
    async parts(uploadId, afterNumber, limit) {
      const values = await level.values({ ...names.partSpan(uploadId, afterNumber), limit }).all();
      return values.map((value) => JSON.parse(value) as StoredPart);
    },
    async isEmpty(span) {
      return (await level.keys({ ...span, limit: 1 }).all()).length === 0;
    },
    unreferenced: () => level.values(names.allUnreferenced).all(),
    events: (limit) => level.values({ ...names.allEvents, limit }).all(),
    async clock() {
      return BigInt((await level.get(names.clockName)) ?? 0);
    },
    format: () => level.get(names.formatName),
    commit: (operations) => level.batch<Buffer, string | Buffer>([...operations], {}),
    close: () => level.close(),
  };
}
