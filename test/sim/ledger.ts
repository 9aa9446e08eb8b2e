import type { StoredEntry } from '../../lib/adapters/memory/memory-cos';
import type { HistoryEntry } from '../../lib/domain/history';
import type { BucketRef } from '../../lib/domain/rule';

/** One entry that ever stood in a bucket, with what only the simulator knows of it. */
export interface Written {
  readonly ref: BucketRef;
  readonly key: string;
  readonly stored: StoredEntry;
  readonly landedMs: number;
  /** The time that its id tells; of one without, its Last-Modified. */
  readonly idMicros: bigint;
  readonly author: Author;
  /** Lately listed without this entry although a newer one was listed. */
  hidden: boolean;
  /** Deleted for good, or replaced in place. */
  removedMs: number | undefined;
  /** An archived one was made readable by its owner. */
  restoredMs: number | undefined;
  /** All that it ever had, the last one last; none of a marker. */
  readonly classes: string[];
  /** Of one that was ever archived: who was told of it, and whether it could be read then. */
  readonly told: Told[];
}

export interface Told {
  readonly worker: string;
  readonly atMs: number;
  readonly readable: boolean;
}

export type Author =
  | { readonly kind: 'user' }
  | {
      readonly kind: 'replication';
      readonly worker: string;
      /** The source entry that it stands for. */
      readonly of: Written;
      /** As of when its worker had last been shown the source's listing of the key. */
      readonly lookedMs: number;
      readonly startedMs: number;
      /** Its content is not what it should be. */
      readonly torn: boolean;
    };

/** The true histories: all entries there ever were, in the order in which their bucket lists them. */
export interface Ledger {
  add(written: Written, place: number): void;
  /** With those that are gone. */
  of(bucket: string, key: string): readonly Written[];
  find(stored: StoredEntry): Written | undefined;
  named(bucket: string, key: string, name: string): Written | undefined;
  readonly all: readonly Written[];
}

export function createLedger(): Ledger {
  const byKey = new Map<string, Written[]>();
  const byStored = new Map<StoredEntry, Written>();
  const all: Written[] = [];
  const keyOf = (bucket: string, key: string) => `${bucket}\n${key}`;
  return {
    all,
    add(written, place) {
      const id = keyOf(written.ref.bucket, written.key);
      const list = byKey.get(id) ?? [];
      list.splice(place, 0, written);
      byKey.set(id, list);
      byStored.set(written.stored, written);
      all.push(written);
    },
    of: (bucket, key) => byKey.get(keyOf(bucket, key)) ?? [],
    find: (stored) => byStored.get(stored),
    named: (bucket, key, name) =>
      byKey.get(keyOf(bucket, key))?.findLast((written) => nameOf(written.stored.entry) === name),
  };
}

/** What tells an entry of a key from all others: its id, or for one without, its content and second. */
export function nameOf(entry: HistoryEntry): string {
  if (entry.versionId !== 'null') return entry.versionId;
  const content = entry.kind === 'version' ? entry.etag : 'marker';
  return `null_${content}_${Math.floor(entry.lastModifiedMs / 1000).toString(36)}`;
}

/** For people: the body says which write it was. */
export function shown(written: Written): string {
  const { stored, author } = written;
  const what = stored.content === undefined ? '(deleted)' : stored.content.body.split('~')[0];
  if (author.kind === 'user') return `${what}`;
  return stored.content === undefined ? `(deleted = ${timeName(author.of)})` : `${what}*`;
}

function timeName(of: Written): string {
  return of.stored.entry.versionId.slice(-9);
}

/** With all that matters to a reader of a trace. */
export function described(written: Written, startMs: number): string {
  const seconds = (ms: number): string => ((ms - startMs) / 1000).toFixed(3);
  const { stored, landedMs, removedMs, hidden, author } = written;
  return [
    `${nameOf(stored.entry).slice(-12)} ${shown(written)}`,
    `landed ${seconds(landedMs)}`,
    `Last-Modified ${seconds(stored.entry.lastModifiedMs)}`,
    author.kind === 'replication'
      ? `of ${nameOf(author.of.stored.entry).slice(-12)} as listed ${seconds(author.lookedMs)} sent ${seconds(author.startedMs)}`
      : '',
    hidden ? 'was hidden by a listing' : '',
    author.kind === 'replication' && author.torn ? 'torn' : '',
    removedMs === undefined ? '' : `gone ${seconds(removedMs)}`,
  ]
    .filter(Boolean)
    .join(', ');
}
