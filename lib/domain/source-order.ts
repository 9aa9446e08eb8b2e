import type { EntryId, HistoryWindow } from './history';
import { entryId, entryIdMicros } from './history';

/** Which of two source entries is newer: positive if `a` is. */
export type SourceOrder = (a: EntryId, b: EntryId) => number;

/**
 * The listing decides; only for an entry that it does not hold (deleted for good, or older than the part that was
 * read) do the ids' times.
 */
export function sourceOrder(source: HistoryWindow): SourceOrder {
  const places = new Map(source.entries.map((entry, place) => [entryId(entry), place]));
  return (a, b) => {
    if (a === b) return 0;
    const placeA = places.get(a);
    const placeB = places.get(b);
    if (placeA !== undefined && placeB !== undefined) return placeA - placeB;
    const microsA = entryIdMicros(a);
    const microsB = entryIdMicros(b);
    if (microsA !== undefined && microsB !== undefined && microsA !== microsB)
      return microsA < microsB ? -1 : 1;
    // Nothing tells: what the source still lists counts as newer.
    return (placeA ?? -1) - (placeB ?? -1);
  };
}
