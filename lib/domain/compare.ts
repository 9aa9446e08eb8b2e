import type { HistoryEntry, HistoryWindow } from './history';
import { newestOf } from './history';
import { isCovered } from './plan';
import type { Coverage } from './rule';

/**
 * What two listings alone say of one key: `alike`, the newest entries look like source and replica; `doubt`, only a
 * look can tell. Nothing is decided here but whether a look is worth its requests.
 */
export type Suspicion = 'alike' | 'doubt' | 'uncovered';

export function suspect(
  source: HistoryWindow,
  destination: HistoryWindow,
  coverage: Coverage | undefined,
  clockToleranceMs: number,
): Suspicion {
  const wanted = coverage && newestCovered(source, coverage);
  if (wanted === undefined) return 'uncovered';
  const found = newestOf(destination.entries);
  return found && looksLikeReplica(wanted, found, clockToleranceMs) ? 'alike' : 'doubt';
}

function newestCovered(source: HistoryWindow, coverage: Coverage): HistoryEntry | undefined {
  return source.entries.findLast((entry) => isCovered(entry, coverage));
}

function looksLikeReplica(source: HistoryEntry, replica: HistoryEntry, clockToleranceMs: number): boolean {
  if (replica.lastModifiedMs < source.lastModifiedMs - clockToleranceMs) return false;
  if (source.kind === 'deleteMarker' || replica.kind === 'deleteMarker') return source.kind === replica.kind;
  // A multipart ETag is not carried over by a copy, and says nothing of the content.
  const comparable = !source.etag.includes('-') && !replica.etag.includes('-');
  return source.sizeBytes === replica.sizeBytes && (!comparable || source.etag === replica.etag);
}
