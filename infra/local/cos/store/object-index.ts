import { ClassicLevel } from 'classic-level';
import type { StoredBucket, StoredEntry } from './entry';
import * as names from './index-keys';

export type Operation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: string }
  | { readonly type: 'del'; readonly key: Buffer };

export interface ListedEntry {
  readonly key: string;
  readonly entry: StoredEntry;
}

/** The index of the local COS: what exists, in COS's order. Reads cost what they return, whatever the index holds. */
export interface ObjectIndex {
  bucket(name: string): Promise<StoredBucket | undefined>;
  buckets(): AsyncIterable<StoredBucket>;
  /** Newest first. */
  history(bucket: string, key: string): AsyncIterable<StoredEntry>;
  newest(bucket: string, key: string): Promise<StoredEntry | undefined>;
  /** The entry at one place of a history. */
  entryAt(bucket: string, key: string, micros: bigint): Promise<StoredEntry | undefined>;
  /** Entries in listing order from a name on. */
  scan(bucket: string, span: names.Span): AsyncIterable<ListedEntry>;
  /** Number of entries that share a body. */
  bodyUsers(body: string): Promise<number>;
  /** Bodies whose files no entry refers to. */
  unreferenced(): Promise<readonly string[]>;
  events(limit: number): Promise<readonly string[]>;
  clock(): Promise<bigint>;
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

  return {
    async bucket(name) {
      const value = await level.get(names.bucketName(name));
      return value === undefined ? undefined : (JSON.parse(value) as StoredBucket);
    },
    async *buckets() {
      for await (const value of level.values(names.allBuckets)) yield JSON.parse(value) as StoredBucket;
    },
    async *history(bucket, key) {
      for await (const value of level.values(names.keySpan(bucket, key))) yield entryOf(value);
    },
    async newest(bucket, key) {
      for await (const value of level.values({ ...names.keySpan(bucket, key), limit: 1 }))
        return entryOf(value);
      return undefined;
    },
    async entryAt(bucket, key, micros) {
      const value = await level.get(names.entryName(bucket, key, micros));
      return value === undefined ? undefined : entryOf(value);
    },
    async *scan(bucket, span) {
      for await (const [name, value] of level.iterator(span)) {
        yield { key: names.keyOf(name, bucket), entry: entryOf(value) };
      }
    },
    async bodyUsers(body) {
      return Number((await level.get(names.bodyName(body))) ?? 0);
    },
    unreferenced: () => level.values(names.allUnreferenced).all(),
    events: (limit) => level.values({ ...names.allEvents, limit }).all(),
    async clock() {
      return BigInt((await level.get(names.clockName)) ?? 0);
    },
    commit: (operations) => level.batch([...operations]),
    close: () => level.close(),
  };
}
