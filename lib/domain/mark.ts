import type { EntryId, HistoryWindow } from './history';
import { entryId } from './history';
import type { SourceOrder } from './source-order';

/** A collision-resistant digest as lower-case hex; injected, since the domain imports nothing. */
export type Digest = (text: string) => string;

/** A few hex digits that stand for an id, or for several, where only equality matters. */
export type Mark = string;

const markDigits = 12;

export function markOf(id: EntryId, digest: Digest): Mark {
  return digest(id).slice(0, markDigits);
}

/**
 * What was listed of the source at and shortly before an entry. A listing may hide a recent write; so a replica
 * carries this mark, and if the listing has another one later, something came to light below it, or was deleted for
 * good. Entries from before `fromMs` are old enough to have been listed for sure.
 */
export function seenMark(
  source: HistoryWindow,
  compare: SourceOrder,
  of: EntryId,
  fromMs: number,
  digest: Digest,
): Mark {
  const before = seenBefore(source, compare, of, fromMs).map((entry) => entryId(entry));
  return digest([...before, of].join('\n')).slice(0, markDigits);
}

/** The listed entries below one, not older than `fromMs`, oldest first. */
export function seenBefore(source: HistoryWindow, compare: SourceOrder, of: EntryId, fromMs: number) {
  return source.entries.filter((entry) => entry.lastModifiedMs >= fromMs && compare(entryId(entry), of) < 0);
}

/** From when on a listing read at this time may hide entries: whole seconds, as Last-Modified has them. */
export function seenFrom(listedMs: number, lookbackMs: number): number {
  return Math.floor((listedMs - lookbackMs) / 1000) * 1000;
}
