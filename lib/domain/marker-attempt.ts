import type { EntryId, HistoryEntry } from './history';
import { entryId, entryIdMicros, type HistoryWindow } from './history';
import type { DeleteMarker } from './history';
import { type Base, decodeBase, encodeBase, liesOn } from './base';
import { type Digest, type Mark, markOf } from './mark';
import type { Provenance } from './key-view';

/**
 * A delete marker carries no metadata, so what a replicated one stands for is a record in the state bucket, one
 * per attempt: opened before the DELETE, closed with the new marker's id after it. The name holds every fact, so
 * that one listing answers for a key; closing adds a second object and nothing is ever overwritten.
 */
export interface MarkerAttempt {
  /** Unique; begins with the time it was opened. */
  readonly attempt: string;
  readonly openedMs: number;
  readonly sourceBucket: string;
  /** The source's marker. */
  readonly source: EntryId;
  /** On what it was planned; `undefined`: it is written again below the head. */
  readonly base: Base | undefined;
  /** What was listed of the source, as `seenMark` has it. */
  readonly seen: Mark;
  /** The marker that the destination made; `undefined` while the outcome is unknown. */
  readonly written: EntryId | undefined;
}

/** The records of all markers of one bucket. */
export function markersFolder(destinationBucket: string): string {
  return `markers/${destinationBucket}/`;
}

export function markerFolder(destinationBucket: string, keyDigest: string): string {
  return `${markersFolder(destinationBucket)}${keyDigest}/`;
}

export function attemptId(openedMs: number, nonce: string): string {
  return `${attemptTime(openedMs)}-${nonce}`;
}

/** What the names of all attempts begin with that were opened at this moment; sorted as the moments are. */
export function attemptTime(openedMs: number): string {
  return Math.max(0, openedMs).toString(36).padStart(9, '0');
}

export function openName(attempt: MarkerAttempt): string {
  const { sourceBucket, source, seen, base } = attempt;
  const on = base === undefined ? '' : encodeBase(base);
  return `${attempt.attempt}.open.${sourceBucket}.${encodeURIComponent(source)}.${seen}.${on}`;
}

export function closedName(attempt: MarkerAttempt, written: EntryId): string {
  return `${attempt.attempt}.closed.${encodeURIComponent(written)}`;
}

/** Reads the names of one key's folder, in any order. Names that are not ours are passed over. */
export function parseAttempts(names: readonly string[]): readonly MarkerAttempt[] {
  const written = new Map<string, EntryId>();
  const opened: MarkerAttempt[] = [];
  for (const name of names) {
    const [attempt, state, first, second, seen, base] = name.split('.');
    if (attempt === undefined || first === undefined) continue;
    if (state === 'closed') written.set(attempt, decodeURIComponent(first));
    if (state !== 'open' || second === undefined || seen === undefined) continue;
    opened.push({
      attempt,
      openedMs: Number.parseInt(attempt, 36),
      sourceBucket: first,
      source: decodeURIComponent(second),
      seen,
      base: decodeBase(base ?? ''),
      written: undefined,
    });
  }
  return opened.map((attempt) => ({ ...attempt, written: written.get(attempt.attempt) }));
}

/**
 * What a marker at the destination is. One that a closed record names is ours. Any other is ours too if an attempt
 * could have made it that nobody closed: in doubt the head is asserted again, which shows an object that a user may
 * have deleted there, and hides none. While it may still be closed, nobody can tell. A record that no list shows yet makes
 * its marker look like a user's; that costs a marker more, since whatever is written then ends with the newest.
 */
export function markerProvenance(
  marker: DeleteMarker,
  history: HistoryWindow,
  attempts: readonly MarkerAttempt[],
  sourceBucket: string,
  times: LandingTimes & { readonly nowMs: number },
  digest: Digest,
): Provenance | 'unknown' {
  const ours = attempts.filter((attempt) => attempt.sourceBucket === sourceBucket);
  const id = entryId(marker);
  const closed = ours.find((attempt) => attempt.written === id);
  if (closed) return { ...replicaOf(closed), plannedOn: closed.base };

  const possible = ours.filter((attempt) => canHaveMade(attempt, marker, times, digest));
  if (!possible.every((attempt) => isOver(attempt, times))) return 'unknown';
  const place = history.entries.indexOf(marker);
  const fitting = possible.filter(({ base }) => base && liesOn(base, place, history, digest) === true);
  // Of several, the one of the oldest source: what is taken for missing is written again, what is taken for done is lost.
  const [open] = (fitting.length > 0 ? fitting : possible).toSorted((a, b) =>
    compareTimes(entryIdMicros(a.source), entryIdMicros(b.source)),
  );
  return open ? replicaOf(open) : { kind: 'foreign' };
}

/** What has no time counts as oldest. */
function compareTimes(a: bigint | undefined, b: bigint | undefined): number {
  if (a === b) return 0;
  return (a ?? -1n) < (b ?? -1n) ? -1 : 1;
}

function replicaOf({ source, openedMs, seen }: MarkerAttempt) {
  return { kind: 'replica', of: source, issuedMs: openedMs, seen } as const;
}

/** How far the time of a marker and that of its attempt can be apart, in milliseconds. */
export interface LandingTimes {
  readonly clockToleranceMs: number;
  /** A delete whose answer never came has happened by then, or never will. */
  readonly deleteSettlesMs: number;
}

/**
 * Whether a marker of a source bucket was itself written by replication. A closed record says so. One that an attempt
 * can have made whose owner died before it closed it is taken for a replica: in doubt nothing is hidden further. While
 * such an attempt may still be closed, nobody can tell.
 */
export function sourceMarkerOrigin(
  marker: DeleteMarker,
  attempts: readonly MarkerAttempt[],
  times: LandingTimes & { readonly nowMs: number },
  digest: Digest,
): 'replica' | 'user' | 'unknown' {
  if (attempts.some((attempt) => attempt.written === entryId(marker))) return 'replica';
  const possible = attempts.filter((attempt) => canHaveMade(attempt, marker, times, digest));
  if (possible.length === 0) return 'user';
  return possible.every((attempt) => isOver(attempt, times)) ? 'replica' : 'unknown';
}

/** Whether an old record still tells something: its marker stands, or one that an attempt of unknown outcome may have made. */
export function isNeeded(
  attempt: MarkerAttempt,
  history: readonly HistoryEntry[],
  ids: ReadonlySet<EntryId>,
  times: LandingTimes,
): boolean {
  if (attempt.written !== undefined) return ids.has(attempt.written);
  return history.some((entry) => {
    if (entry.kind === 'version') return false;
    const { fromMs, toMs } = openedBetween(entry, times);
    return attempt.openedMs >= fromMs && attempt.openedMs <= toMs;
  });
}

/** Whether an open attempt stays open: nobody will close it any longer, or withdraw it. */
function isOver(
  { openedMs }: MarkerAttempt,
  { nowMs, deleteSettlesMs, clockToleranceMs }: LandingTimes & { readonly nowMs: number },
): boolean {
  return openedMs < nowMs - deleteSettlesMs - clockToleranceMs;
}

/**
 * Whether an attempt is open that was made at the right time, and not on top of the marker itself. A marker without an
 * id may have been put in the place of one that looked the same.
 */
function canHaveMade(
  attempt: MarkerAttempt,
  marker: DeleteMarker,
  times: LandingTimes,
  digest: Digest,
): boolean {
  const { fromMs, toMs } = openedBetween(marker, times);
  if (attempt.written !== undefined || attempt.openedMs < fromMs || attempt.openedMs > toMs) return false;
  return marker.versionId === 'null' || attempt.base?.top !== markOf(entryId(marker), digest);
}

/** Between which moments the attempt was opened that made a marker. */
export function openedBetween(marker: DeleteMarker, { clockToleranceMs, deleteSettlesMs }: LandingTimes) {
  return {
    fromMs: marker.lastModifiedMs - deleteSettlesMs - clockToleranceMs,
    toMs: marker.lastModifiedMs + 1000 + clockToleranceMs,
  };
}
