import type { HistoryEntry, HistoryWindow } from './history';
import { etagsAgree, newestOf } from './history';
import { isCovered } from './key-view';
import type { Since } from './rule';

/**
 * What two listings alone say of one key: `alike`, the newest entries look like source and replica and nothing seems to
 * be missing; `doubt`, only a look can tell; `known`, they differ, and have since before a walk that ended, which looked:
 * what is skipped or failed for good differs for ever. Nothing is decided here but whether a look is worth its requests.
 */
export type Suspicion = 'alike' | 'doubt' | 'known' | 'uncovered';

export interface SuspicionTimes {
  /** The clocks of two regions may differ by this much. */
  readonly clockToleranceMs: number;
  /**
   * Source entries from before this were compared by a walk that ended. Of younger ones, those that listings cannot tell
   * from others (delete markers, equal contents, uploads in parts) are worth a look of their own.
   */
  readonly comparedBeforeMs: number;
  /** What took long to land has the time of its begin, this much earlier at most. */
  readonly longestWriteMs: number;
}

/** What has an older time had landed when a walk that ended compared it. */
function comparedFromMs({ comparedBeforeMs, longestWriteMs }: SuspicionTimes): number {
  return comparedBeforeMs - longestWriteMs;
}

export function suspect(
  source: HistoryWindow,
  destination: HistoryWindow,
  coverage: Since | undefined,
  times: SuspicionTimes,
): Suspicion {
  const covered = coverage ? source.entries.filter((entry) => isCovered(entry, coverage)) : [];
  const wanted = newestOf(covered);
  if (wanted === undefined) return 'uncovered';
  const found = newestOf(destination.entries);
  const alike = found !== undefined && looksLikeReplica(wanted, found, times.clockToleranceMs);
  if (alike && everyEntryHasItsLike(source, covered, destination, times)) return 'alike';
  const known = [...source.entries, ...destination.entries].every(
    ({ lastModifiedMs }) => lastModifiedMs < comparedFromMs(times),
  );
  return known ? 'known' : 'doubt';
}

function looksLikeReplica(source: HistoryEntry, replica: HistoryEntry, clockToleranceMs: number): boolean {
  if (replica.lastModifiedMs < source.lastModifiedMs - clockToleranceMs) return false;
  return sameContent(source, replica);
}

/** As far as listings tell. */
function sameContent(a: HistoryEntry, b: HistoryEntry): boolean {
  if (a.kind === 'deleteMarker' || b.kind === 'deleteMarker') return a.kind === b.kind;
  return a.sizeBytes === b.sizeBytes && etagsAgree(a, b);
}

/** Whether the ETags of a source entry and of what looks like its replica speak of the content. */
function tellsContent(entry: HistoryEntry, like: HistoryEntry): boolean {
  return entry.kind === 'version' && like.kind === 'version' && entry.etag === like.etag;
}

/**
 * Whether each covered entry may have a replica of its own at the destination, as far down as its listing was read: a
 * version of the same size and ETag, and a marker for each marker. What is as old as the lowest entry that was read
 * may have its replica below it.
 */
function everyEntryHasItsLike(
  source: HistoryWindow,
  covered: readonly HistoryEntry[],
  destination: HistoryWindow,
  times: SuspicionTimes,
): boolean {
  const { clockToleranceMs } = times;
  const isFresh = ({ lastModifiedMs }: HistoryEntry): boolean => lastModifiedMs >= comparedFromMs(times);
  const readFromMs = destination.complete ? -Infinity : (destination.entries[0]?.lastModifiedMs ?? Infinity);
  const candidates = groupByLikeness(destination.entries);
  const siblings = groupByLikeness(source.entries);
  const standing = groupByLikeness(destination.entries);
  const versions = destination.entries.filter(({ kind }) => kind === 'version');
  const freshly = new Set(versions.filter(isFresh).map(likenessOf));
  // The newest first: what may be its replica may be an older one's too, but not the other way round.
  for (const entry of covered.toReversed()) {
    if (entry.lastModifiedMs - clockToleranceMs <= readFromMs) continue;
    const likes = candidates.get(likenessOf(entry)) ?? [];
    const [like, ...more] = likes.filter((one) => looksLikeReplica(entry, one, clockToleranceMs));
    if (like === undefined) return false;
    const young = entry.lastModifiedMs >= times.comparedBeforeMs;
    // One marker looks like any other, and of uploads in parts only the size was compared: it may be a user's own.
    if (young && !tellsContent(entry, like)) return false;
    if (young || freshly.has(likenessOf(entry))) {
      const twins = (siblings.get(likenessOf(entry)) ?? []).filter((one) => sameContent(one, entry));
      const copies = (standing.get(likenessOf(entry)) ?? []).filter((one) => sameContent(one, entry));
      // More of them than the source has: one may be a user's, or of an entry that is gone.
      const ambiguous = more.length > 0 || twins.length > 1 || copies.length > twins.length;
      // Of old ones too a copy that landed only now may lie on top of a newer one's.
      if (ambiguous && (young || copies.some(isFresh))) return false;
    }
    likes.splice(likes.indexOf(like), 1);
  }
  return true;
}

/** Only entries of one group can be alike. */
function likenessOf(entry: HistoryEntry): string {
  return entry.kind === 'deleteMarker' ? 'marker' : String(entry.sizeBytes);
}

/** Each group newest first. */
function groupByLikeness(entries: readonly HistoryEntry[]): Map<string, HistoryEntry[]> {
  const groups = new Map<string, HistoryEntry[]>();
  for (const entry of entries.toReversed()) {
    const group = groups.get(likenessOf(entry));
    if (group) group.push(entry);
    else groups.set(likenessOf(entry), [entry]);
  }
  return groups;
}
