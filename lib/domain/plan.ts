import type { Coverage } from './rule';
import type { DeleteMarker, EntryId, HistoryEntry, HistoryWindow, ObjectVersion } from './history';
import { entryId, entryIdMicros } from './history';

/** What an entry of the destination turned out to be. */
export type Provenance =
  | {
      readonly kind: 'replica';
      readonly of: EntryId;
      /** What lay on top when it was planned, `top: undefined` if nothing did; absent: nobody can tell. */
      readonly plannedOn?: { readonly top: EntryId | undefined };
    }
  /** A user's own write. */
  | { readonly kind: 'foreign' };

/** All that is known of one key on both sides when it is planned. */
export interface KeyView {
  readonly source: HistoryWindow;
  readonly destination: HistoryWindow;
  /** Answers found so far, by destination entry. */
  readonly provenance: ReadonlyMap<EntryId, Provenance>;
  readonly coverage: Coverage;
  /** The clocks of two regions may differ by this much. */
  readonly clockToleranceMs: number;
}

/** One write to the destination. Steps of a plan are applied in order, each on top of the one before. */
export type ReplicationStep =
  | { readonly kind: 'copyVersion'; readonly version: ObjectVersion }
  | { readonly kind: 'putDeleteMarker'; readonly marker: DeleteMarker }
  /** An older replica landed on top of this one, and the source no longer has its version. */
  | { readonly kind: 'restoreReplica'; readonly replica: ObjectVersion; readonly of: EntryId };

export type KeyPlan =
  /** The plan rests on what this destination entry is: find out and ask again. */
  | { readonly kind: 'examine'; readonly entry: HistoryEntry }
  /** The plan rests on older entries of this side: read more of it and ask again. */
  | { readonly kind: 'readOlder'; readonly side: 'source' | 'destination' }
  | {
      readonly kind: 'apply';
      readonly steps: readonly ReplicationStep[];
      readonly head: EntryId | undefined;
    };

/**
 * What is missing at the destination, by the settled-history rule: the head is the newest source entry that was
 * copied; everything below it is settled; everything eligible above it is applied, oldest first. If an older
 * replica landed on top of the head, the head is put on top again.
 */
export function planKey(view: KeyView): KeyPlan {
  const compare = sourceOrder(view.source);
  const walk = walkDestination(view, compare);
  if (walk.kind !== 'found') return walk;

  const { head, headEntry, top } = walk;
  const above = coveredAbove(view, head, compare);
  if (above === 'readOlder') return { kind: 'readOlder', side: 'source' };

  const steps: ReplicationStep[] = above.map(stepOf);
  if (head !== undefined && top !== undefined && top !== head) {
    steps.unshift(putOnTopAgain(view, head, headEntry));
  }
  return { kind: 'apply', steps, head };
}

/** Whether a rule's coverage includes this entry by its age and kind. */
export function isCovered(entry: HistoryEntry, coverage: Coverage): boolean {
  const since = entry.kind === 'version' ? coverage.since : coverage.markersSince;
  return since !== undefined && Math.floor(entry.lastModifiedMs / 1000) >= since;
}

type Walk =
  | { kind: 'examine'; entry: HistoryEntry }
  | { kind: 'readOlder'; side: 'destination' }
  | {
      kind: 'found';
      head: EntryId | undefined;
      headEntry: HistoryEntry | undefined;
      /** The source entry whose replica is the newest of ours at the destination. */
      top: EntryId | undefined;
    };

/**
 * Finds the head. The newest replica usually is its replica, and says so itself: if what lies directly below it
 * is what it was planned on, nobody wrote in between and everything below is older. Otherwise the walk goes on
 * downwards, past users' writes and late replicas, to the first replica that lies on its own base.
 */
function walkDestination(view: KeyView, compare: SourceOrder): Walk {
  const { entries, complete } = view.destination;
  let head: EntryId | undefined;
  let headEntry: HistoryEntry | undefined;
  let top: EntryId | undefined;

  const oldestOfInterestMs = oldestCoveredMs(view) - view.clockToleranceMs;
  for (let i = entries.length - 1; i >= 0; i -= 1) {
    const entry = entries[i] as HistoryEntry;
    // Nothing that is older than every covered entry can be its replica.
    if (entry.lastModifiedMs < oldestOfInterestMs) return { kind: 'found', head, headEntry, top };

    const found = view.provenance.get(entryId(entry));
    if (found === undefined) return { kind: 'examine', entry };
    if (found.kind === 'foreign' || !hasSizeOfSource(view, entry, found.of)) continue;

    top ??= found.of;
    if (head === undefined || compare(found.of, head) > 0) {
      head = found.of;
      headEntry = entry;
    }
    const below = entries[i - 1];
    if (below === undefined && !complete) return { kind: 'readOlder', side: 'destination' };
    const undisturbed = found.plannedOn !== undefined && found.plannedOn.top === (below && entryId(below));
    if (undisturbed) return { kind: 'found', head, headEntry, top };
  }
  if (!complete) return { kind: 'readOlder', side: 'destination' };
  return { kind: 'found', head, headEntry, top };
}

/** A version whose size is not its source's is no replica, whatever its stamp says. */
function hasSizeOfSource(view: KeyView, entry: HistoryEntry, of: EntryId): boolean {
  const source = view.source.entries.find((candidate) => entryId(candidate) === of);
  if (source?.kind !== 'version') return true;
  return entry.kind === 'version' && entry.sizeBytes === source.sizeBytes;
}

function oldestCoveredMs(view: KeyView): number {
  const { since, markersSince } = view.coverage;
  const seconds = Math.min(since ?? Infinity, markersSince ?? Infinity);
  return seconds * 1000;
}

/** The covered source entries above the head, oldest first. */
function coveredAbove(
  view: KeyView,
  head: EntryId | undefined,
  compare: SourceOrder,
): readonly HistoryEntry[] | 'readOlder' {
  const { entries, complete } = view.source;
  const above: HistoryEntry[] = [];
  let reachedHead = false;
  for (let i = entries.length - 1; i >= 0 && !reachedHead; i -= 1) {
    const entry = entries[i] as HistoryEntry;
    if (head !== undefined && compare(entryId(entry), head) <= 0) reachedHead = true;
    else if (isCovered(entry, view.coverage)) above.unshift(entry);
  }
  const oldest = entries[0];
  const nothingOlderIsCovered =
    oldest === undefined || oldest.lastModifiedMs < oldestCoveredMs(view) - view.clockToleranceMs;
  if (!reachedHead && !complete && !nothingOlderIsCovered) return 'readOlder';
  return above;
}

function stepOf(entry: HistoryEntry): ReplicationStep {
  return entry.kind === 'version'
    ? { kind: 'copyVersion', version: entry }
    : { kind: 'putDeleteMarker', marker: entry };
}

function putOnTopAgain(view: KeyView, head: EntryId, headEntry: HistoryEntry | undefined): ReplicationStep {
  const atSource = view.source.entries.find((entry) => entryId(entry) === head);
  if (atSource) return stepOf(atSource);
  if (headEntry?.kind === 'version') return { kind: 'restoreReplica', replica: headEntry, of: head };
  // A marker that the source no longer has: any marker shows the same.
  return {
    kind: 'putDeleteMarker',
    marker: { kind: 'deleteMarker', versionId: head, lastModifiedMs: headEntry?.lastModifiedMs ?? 0 },
  };
}

/** Which of two source entries is newer: positive if `a` is. */
type SourceOrder = (a: EntryId, b: EntryId) => number;

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
