import { asReplicationError, type ReasonCode, ReplicationError } from '../domain/error';
import type { HistoryEntry, HistoryWindow } from '../domain/history';
import type { BucketRef } from '../domain/rule';
import type { BucketPage, BucketPageRequest, Clock, KeyedEntry, ObjectStore } from './ports';
import type { ReplicationSettings } from './settings';

interface WalkPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly settings: ReplicationSettings;
  /** Milliseconds until this run must have ended. */
  readonly remainingMs: () => number;
}

/** One key of a bucket with the newest part of its history. */
export interface WalkedKey {
  readonly key: string;
  readonly window: HistoryWindow;
}

/** Entries a page holds at most, as COS limits it. */
const pageEntriesMax = 1000;
/** Of each key this many entries are kept and compared, the newest. */
const windowEntriesMax = 1000;

/**
 * The keys of a bucket in COS's order, after `afterKey`. Holds one page and one key, whatever the bucket's size; of a
 * key with very many entries only the newest are kept.
 */
export async function* walkKeys(
  ports: WalkPorts,
  bucket: BucketRef,
  prefix: string,
  afterKey: string | undefined,
): AsyncGenerator<WalkedKey> {
  let key: string | undefined;
  let newestFirst: HistoryEntry[] = [];
  let count = 0;
  for await (const listed of walkEntries(ports, bucket, prefix, afterKey)) {
    if (listed.key !== key) {
      if (key !== undefined) yield walked(key, newestFirst, count);
      key = listed.key;
      newestFirst = [];
      count = 0;
    }
    count += 1;
    if (count <= windowEntriesMax) newestFirst.push(listed.entry);
  }
  if (key !== undefined) yield walked(key, newestFirst, count);
}

function walked(key: string, newestFirst: readonly HistoryEntry[], count: number): WalkedKey {
  return { key, window: { entries: newestFirst.toReversed(), complete: count === newestFirst.length } };
}

async function* walkEntries(
  ports: WalkPorts,
  bucket: BucketRef,
  prefix: string,
  afterKey: string | undefined,
): AsyncGenerator<KeyedEntry> {
  let after: { key: string; versionId?: string } | undefined =
    afterKey === undefined ? undefined : { key: afterKey };
  let ofKey = 0;
  for (;;) {
    const from = after === undefined ? {} : { after };
    const page = await readPage(ports, bucket, { prefix, entriesMax: pageEntriesMax, ...from });
    yield* page.entries;
    const last = page.entries.at(-1);
    if (page.complete) return;
    if (last === undefined)
      throw new ReplicationError(
        'STORE_UNAVAILABLE',
        `${bucket.bucket} lists nothing, and says that there is more`,
      );
    const first = page.entries.findIndex(({ key }) => key === last.key);
    ofKey =
      first === 0 && after?.key === last.key ? ofKey + page.entries.length : page.entries.length - first;
    // What is not kept of a key need not be read either.
    after = ofKey > windowEntriesMax ? { key: last.key } : { key: last.key, versionId: last.entry.versionId };
  }
}

/** Requests for one page at most, and no further one later than this after the first: a bucket of many pages meets failures. */
const pageTriesMax = 4;
const pageRetriesMs = 10_000;
const failuresThatPass: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['STORE_UNAVAILABLE', 'THROTTLED']);

async function readPage(
  { store, clock, settings, remainingMs }: WalkPorts,
  bucket: BucketRef,
  request: BucketPageRequest,
): Promise<BucketPage> {
  const lastTryMs = clock.now() + pageRetriesMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store.listVersions(bucket, request);
    } catch (thrown) {
      const passes = failuresThatPass.has(asReplicationError(thrown).code);
      const timeIsUp = clock.now() > lastTryMs || remainingMs() < 2 * settings.deadlineMarginMs;
      if (!passes || attempt >= pageTriesMax || timeIsUp) throw thrown;
      await clock.sleep(settings.staleWaitMs * 2 ** attempt);
    }
  }
}

/** A key that stands on either side, or both. */
export interface PairedKey {
  readonly key: string;
  readonly source: HistoryWindow;
  readonly destination: HistoryWindow;
}

const nothing: HistoryWindow = { entries: [], complete: true };

/** Two walks in lock-step: each key of either, with what both have of it. */
export async function* pairKeys(
  source: AsyncGenerator<WalkedKey>,
  destination: AsyncGenerator<WalkedKey>,
): AsyncGenerator<PairedKey> {
  let one = await source.next();
  let other = await destination.next();
  while (!one.done || !other.done) {
    const order = one.done ? 1 : other.done ? -1 : compareKeys(one.value.key, other.value.key);
    const left = one.done || order > 0 ? undefined : one.value;
    const right = other.done || order < 0 ? undefined : other.value;
    const key = left?.key ?? right?.key ?? '';
    yield { key, source: left?.window ?? nothing, destination: right?.window ?? nothing };
    if (left) one = await source.next();
    if (right) other = await destination.next();
  }
}

/** By UTF-8 bytes, as COS lists; JavaScript compares UTF-16 units, which differs beyond the basic plane. */
export function compareKeys(a: string, b: string): number {
  const left = a[Symbol.iterator]();
  const right = b[Symbol.iterator]();
  for (;;) {
    const one = left.next();
    const two = right.next();
    if (one.done || two.done) return one.done ? (two.done ? 0 : -1) : 1;
    const difference = (one.value.codePointAt(0) ?? 0) - (two.value.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
}
