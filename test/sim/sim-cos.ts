import {
  createMemoryCos,
  type MemoryCos,
  type StoredContent,
  type StoredEntry,
} from '../../lib/adapters/memory/memory-cos';
import type { BucketVersioning } from '../../lib/app/ports';
import type { KeyHistory } from '../../lib/domain/history';
import type { BucketRef } from '../../lib/domain/rule';
import { versionIdAt } from '../../lib/domain/version-id';
import { type Author, createLedger, type Ledger, type Written } from './ledger';
import type { Scheduler } from './scheduler';

/** What nobody documents of COS; each bucket of a run has it one way or the other. */
export interface BucketHabits {
  /** Whether ids and Last-Modified hold the start or the end of a write. */
  readonly idsFrom: 'start' | 'end';
  /** Whether a history is listed in the order of landing or of ids. */
  readonly listedBy: 'landing' | 'id';
  readonly clockSkewMs: number;
}

/** COS in memory, with the habits of its buckets, and a ledger of all that was ever written. */
export interface SimCos {
  readonly exact: MemoryCos;
  readonly ledger: Ledger;
  createBucket(ref: BucketRef, habits: BucketHabits): void;
  setVersioning(ref: BucketRef, versioning: BucketVersioning): void;
  versioning(ref: BucketRef): BucketVersioning;
  suspendedSinceMs(ref: BucketRef): number | undefined;
  /** When versioning was switched on again for the last time; 0: it never was off. */
  resumedMs(ref: BucketRef): number;
  bucketClock(ref: BucketRef): number;
  put(ref: BucketRef, key: string, content: Partial<StoredContent>, write: Write): Written;
  delete(ref: BucketRef, key: string, write: Write): Written;
  deleteVersion(written: Written): void;
  /** As a lifecycle does it: the version stays the same. */
  archive(written: Written): void;
  /** The history of a key as it was at a moment. */
  historyAt(ref: BucketRef, key: string, ms: number): readonly StoredEntry[];
  keysOf(ref: BucketRef): Iterable<string>;
  onChange: (written: Written | undefined, ref: BucketRef, key: string) => void;
}

export interface Write {
  readonly startedMs: number;
  /** As a multipart upload, whose ETag no copy has. */
  readonly inParts?: boolean;
  readonly author: Author;
}

interface Past {
  readonly atMs: number;
  readonly history: readonly StoredEntry[];
}

export function createSimCos(scheduler: Scheduler): SimCos {
  const ledger = createLedger();
  const exact = createMemoryCos({ now: () => scheduler.now(), etagOf });
  const habitsByBucket = new Map<string, BucketHabits>();
  const suspended = new Map<string, number>();
  const resumed = new Map<string, number>();
  const past = new Map<string, Past[]>();
  const usedMicros = new Set<bigint>();

  const habitsOf = (ref: BucketRef): BucketHabits => habitsByBucket.get(ref.bucket) as BucketHabits;
  const bucketOf = (ref: BucketRef) => {
    const bucket = exact.bucket(ref);
    if (!bucket) throw new Error(`no bucket ${ref.bucket} in ${ref.region}`);
    return bucket;
  };

  const freeMicros = (ms: number): bigint => {
    let micros = BigInt(Math.floor(ms)) * 1000n;
    while (usedMicros.has(micros)) micros += 1n;
    usedMicros.add(micros);
    return micros;
  };

  /** Gives what was just appended the id and the place that this bucket's habits ask for. */
  const settle = (
    ref: BucketRef,
    key: string,
    made: StoredEntry,
    write: Write,
    before: readonly StoredEntry[],
  ) => {
    const habits = habitsOf(ref);
    const { clockSkewMs } = habits;
    // A version without id is replaced in place by whatever lands last.
    const isNull = made.entry.versionId === 'null';
    const idsFrom = isNull ? 'end' : habits.idsFrom;
    const listedBy = isNull ? 'landing' : habits.listedBy;
    const ms = (idsFrom === 'start' ? write.startedMs : scheduler.now()) + clockSkewMs;
    const micros = freeMicros(ms);
    const versionId = isNull ? 'null' : versionIdAt(micros);
    const entry = { ...made.entry, versionId, lastModifiedMs: Math.floor(ms / 1000) * 1000 };
    const stored: StoredEntry = {
      ...made,
      entry: entry.kind === 'version' && write.inParts ? { ...entry, etag: `${entry.etag}-2` } : entry,
    };
    const { keys } = bucketOf(ref);
    const kept = (keys.get(key) ?? []).slice(0, -1);
    for (const gone of before) {
      const written = ledger.find(gone);
      if (written && !kept.includes(gone)) written.removedMs ??= scheduler.now();
    }
    // Ids count down in time, so that the younger is the smaller.
    const younger = (entry: StoredEntry): boolean => microsOf(entry) > micros;
    const place = listedBy === 'id' ? firstPlace(kept, younger) : kept.length;
    const history = kept.toSpliced(place, 0, stored);
    microsByStored.set(stored, micros);
    keys.set(key, history);
    remember(ref, key, history);
    const ever = ledger.of(ref.bucket, key);
    const everPlace =
      listedBy === 'id'
        ? firstPlace(
            ever.map((one) => one.stored),
            younger,
          )
        : ever.length;
    const written: Written = {
      ref,
      key,
      stored,
      landedMs: scheduler.now(),
      idMicros: isNull ? BigInt(stored.entry.lastModifiedMs) * 1000n : micros,
      author: write.author,
      // A newer one was there to be copied before it, also if that one is gone by now.
      hidden: everPlace < ever.length,
      removedMs: undefined,
      restoredMs: undefined,
      classes: stored.content === undefined ? [] : [stored.content.storageClass],
      told: [],
    };
    ledger.add(written, everPlace);
    cos.onChange(written, ref, key);
    return written;
  };

  const microsByStored = new Map<StoredEntry, bigint>();
  const microsOf = (stored: StoredEntry): bigint => microsByStored.get(stored) ?? 0n;

  const remember = (ref: BucketRef, key: string, history: readonly StoredEntry[]): void => {
    const id = `${ref.bucket}\n${key}`;
    const list = past.get(id);
    const moment: Past = { atMs: scheduler.now(), history };
    if (list) list.push(moment);
    else past.set(id, [moment]);
  };

  const cos: SimCos = {
    exact,
    ledger,
    createBucket(ref, own) {
      exact.createBucket(ref);
      habitsByBucket.set(ref.bucket, own);
    },
    setVersioning(ref, versioning) {
      exact.setVersioning(ref, versioning);
      if (versioning === 'Enabled') {
        if (suspended.delete(ref.bucket)) resumed.set(ref.bucket, scheduler.now());
      } else suspended.set(ref.bucket, scheduler.now());
    },
    versioning: (ref) => bucketOf(ref).versioning,
    suspendedSinceMs: (ref) => suspended.get(ref.bucket),
    resumedMs: (ref) => resumed.get(ref.bucket) ?? 0,
    bucketClock: (ref) => scheduler.now() + (habitsByBucket.get(ref.bucket)?.clockSkewMs ?? 0),
    put(ref, key, content, write) {
      const before = exact.history(ref, key);
      return settle(ref, key, exact.put(ref, key, content), write, before);
    },
    delete(ref, key, write) {
      const before = exact.history(ref, key);
      return settle(ref, key, exact.delete(ref, key), write, before);
    },
    deleteVersion(written) {
      const { ref, key, stored } = written;
      const { keys } = bucketOf(ref);
      const history = (keys.get(key) ?? []).filter((one) => one !== stored);
      keys.set(key, history);
      written.removedMs ??= scheduler.now();
      remember(ref, key, history);
      cos.onChange(undefined, ref, key);
    },
    archive({ stored: { entry, content }, classes }) {
      if (content === undefined) return;
      for (const one of [entry, content]) Object.assign(one, { storageClass: 'ARCHIVE' });
      classes.push('ARCHIVE');
    },
    historyAt: (ref, key, ms) =>
      past.get(`${ref.bucket}\n${key}`)?.findLast((moment) => moment.atMs <= ms)?.history ?? [],
    keysOf: (ref) => bucketOf(ref).keys.keys(),
    onChange: () => {},
  };
  return cos;
}

function firstPlace(history: readonly StoredEntry[], isYounger: (stored: StoredEntry) => boolean): number {
  const place = history.findIndex(isYounger);
  return place < 0 ? history.length : place;
}

/** Equal for equal bodies, and no longer than needed. */
function etagOf(body: string): string {
  return Buffer.from(body.slice(0, 16)).toString('hex');
}

export function entriesOf(history: readonly StoredEntry[]): KeyHistory {
  return history.map((stored) => stored.entry);
}
