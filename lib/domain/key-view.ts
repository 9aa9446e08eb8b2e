import type { EntryId, HistoryEntry, HistoryWindow } from './history';
import { entryId, entryIdMicros } from './history';
import type { Base } from './base';
import type { Digest, Mark } from './mark';
import type { Since } from './rule';

/** What an entry of the destination turned out to be. */
export type Provenance =
  | {
      readonly kind: 'replica';
      readonly of: EntryId;
      /** Absent: nobody can tell. */
      readonly plannedOn?: Base | undefined;
      /** When it was sent. */
      readonly issuedMs: number;
      /** What was listed of the source then. */
      readonly seen: Mark;
      /** Its content was compared, and not only its size. */
      readonly isWhole?: boolean;
    }
  /** A replica of ours that has another size or CRC64 than its source: none, but nothing that should be on top either. */
  | { readonly kind: 'torn' }
  /** A user's own write. */
  | { readonly kind: 'foreign' };

/** All that is known of one key on both sides when it is planned. */
export interface KeyView {
  readonly source: HistoryWindow;
  readonly destination: HistoryWindow;
  /** Answers found so far, by destination entry. */
  readonly provenance: ReadonlyMap<EntryId, Provenance>;
  /** Source versions that are known to be deleted for good. */
  readonly gone: ReadonlySet<EntryId>;
  /** Source versions that failed for good, and are to be copied now: each in its place, and all above it again. */
  readonly refills: ReadonlySet<EntryId>;
  readonly coverage: Since;
  /** The clocks of two regions may differ by this much. */
  readonly clockToleranceMs: number;
  /** A write that took long has the time of its begin, and may be listed above what was begun this much later. */
  readonly longestWriteMs: number;
  /** When the source was listed, by the clock of whoever looks. */
  readonly listedMs: number;
  /** A listing may hide entries that are younger than this when it is read. */
  readonly seenLookbackMs: number;
  readonly digest: Digest;
}

/** What a plan must be told before it can be made. */
export type Question =
  /** The plan rests on what this destination entry is: find out and ask again. */
  | { readonly kind: 'examine'; readonly entry: HistoryEntry }
  /** The plan rests on older entries of this side: read more of it and ask again. */
  | { readonly kind: 'readOlder'; readonly side: 'source' | 'destination' };

export const sourceOlder = { kind: 'readOlder', side: 'source' } as const;

/** Whether a rule's coverage includes this entry by its age and kind. */
export function isCovered(entry: HistoryEntry, coverage: Since): boolean {
  return isCoveredAt(entry.lastModifiedMs, entry.kind === 'version' ? coverage.since : coverage.markersSince);
}

/** Both in whole seconds of the source's clock; the first one is covered. */
export function isCoveredAt(lastModifiedMs: number, since: number | undefined): boolean {
  return since !== undefined && Math.floor(lastModifiedMs / 1000) >= since;
}

export function oldestCoveredMs({ since, markersSince }: Since): number {
  const seconds = Math.min(since ?? Infinity, markersSince ?? Infinity);
  return seconds * 1000;
}

/** Whether the source was read as far back as the rule covers. */
export function knowsAllCovered(view: KeyView): boolean {
  return reachesBackTo(view, oldestCoveredMs(view.coverage) - view.clockToleranceMs);
}

/** Whether nothing of the source that is as young as this lies below what was read. */
export function reachesBackTo({ source, longestWriteMs }: KeyView, fromMs: number): boolean {
  const [oldest] = source.entries;
  return source.complete || oldest === undefined || oldest.lastModifiedMs < fromMs - longestWriteMs;
}

/** When an entry was written, by its id. */
export function idMs(id: EntryId): number | undefined {
  const micros = entryIdMicros(id);
  return micros === undefined ? undefined : Number(micros / 1000n);
}

/** Whether the source's listing holds an entry, as far as it was read. */
export function isListed({ source }: KeyView, id: EntryId): boolean {
  return source.entries.some((entry) => entryId(entry) === id);
}
