import type { EntryId, HistoryWindow } from './history';
import { entryId, entryIdMicros } from './history';

/** Which of two source entries is newer: positive if `a` is. */
export type SourceOrder = (a: EntryId, b: EntryId) => number;

/**
 * The listing decides. An entry that it does not hold (deleted for good, or older than the part that was read) has its
 * place before the first listed entry that is newer by the time in its id, so that all of them stand in one line even
 * where ids and listing disagree. Nothing tells the place of an id without a time: what is listed counts as newer.
 */
export function sourceOrder(source: HistoryWindow): SourceOrder {
  const listed = source.entries.map((entry) => entryId(entry));
  let times: readonly (bigint | undefined)[] | undefined;
  const places = new Map(listed.map((id, place) => [id, place]));

  const placeOf = (id: EntryId): number => {
    const known = places.get(id);
    if (known !== undefined) return known;
    const micros = entryIdMicros(id) ?? -1n;
    times ??= listed.map(latestMicros);
    const next = times.findIndex((time) => time !== undefined && time >= micros);
    const place = (next < 0 ? listed.length : next) - 0.5;
    places.set(id, place);
    return place;
  };

  return (a, b) => {
    if (a === b) return 0;
    const byPlace = placeOf(a) - placeOf(b);
    if (byPlace !== 0) return byPlace;
    // Neither is listed.
    const [microsA, microsB] = [entryIdMicros(a) ?? -1n, entryIdMicros(b) ?? -1n];
    if (microsA === microsB) return a < b ? -1 : 1;
    return microsA < microsB ? -1 : 1;
  };
}

/** The end of the second for an entry without an id: what is gone from that second counts as older. */
function latestMicros(id: EntryId): bigint | undefined {
  const micros = entryIdMicros(id);
  return micros !== undefined && id.startsWith('null_') ? micros + 999_999n : micros;
}
