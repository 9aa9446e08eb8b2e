import type { HistoryEntry, HistoryWindow, ObjectVersion } from './history';
import { newestOf } from './history';
import { isCovered } from './plan';
import type { Coverage } from './rule';

/**
 * What two listings alone say of one key: `alike`, the newest entries look like source and replica and nothing seems to
 * be missing; `doubt`, only a look can tell. Nothing is decided here but whether a look is worth its requests.
 */
export type Suspicion = 'alike' | 'doubt' | 'uncovered';

export function suspect(
  source: HistoryWindow,
  destination: HistoryWindow,
  coverage: Coverage | undefined,
  clockToleranceMs: number,
): Suspicion {
  const covered = coverage ? source.entries.filter((entry) => isCovered(entry, coverage)) : [];
  const wanted = newestOf(covered);
  if (wanted === undefined) return 'uncovered';
  const found = newestOf(destination.entries);
  if (!found || !looksLikeReplica(wanted, found, clockToleranceMs)) return 'doubt';
  return everyEntryHasItsLike(covered, destination, clockToleranceMs) ? 'alike' : 'doubt';
}

function looksLikeReplica(source: HistoryEntry, replica: HistoryEntry, clockToleranceMs: number): boolean {
  if (replica.lastModifiedMs < source.lastModifiedMs - clockToleranceMs) return false;
  if (source.kind === 'deleteMarker' || replica.kind === 'deleteMarker') return source.kind === replica.kind;
  return (
    source.sizeBytes === replica.sizeBytes &&
    (!comparableEtags(source, replica) || source.etag === replica.etag)
  );
}

/** A multipart ETag is not carried over by a copy, and says nothing of the content. */
function comparableEtags(a: ObjectVersion, b: ObjectVersion): boolean {
  return !a.etag.includes('-') && !b.etag.includes('-');
}

/**
 * Whether each covered entry may have a replica at the destination, as far down as its listing was read: a version of
 * the same size and ETag, and a marker for each marker.
 */
function everyEntryHasItsLike(
  covered: readonly HistoryEntry[],
  destination: HistoryWindow,
  clockToleranceMs: number,
): boolean {
  const readFromMs = destination.complete ? -Infinity : (destination.entries[0]?.lastModifiedMs ?? Infinity);
  const bySize = new Map<number, ObjectVersion[]>();
  let markers = 0;
  for (const entry of destination.entries) {
    if (entry.kind === 'deleteMarker') markers += 1;
    else bySize.set(entry.sizeBytes, [...(bySize.get(entry.sizeBytes) ?? []), entry]);
  }
  for (const entry of covered) {
    if (entry.lastModifiedMs - clockToleranceMs <= readFromMs) continue;
    if (entry.kind === 'deleteMarker') {
      markers -= 1;
      if (markers < 0) return false;
    } else {
      const like = bySize.get(entry.sizeBytes) ?? [];
      if (!like.some((replica) => looksLikeReplica(entry, replica, clockToleranceMs))) return false;
    }
  }
  return true;
}
