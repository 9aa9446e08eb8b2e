import type { EntryId, HistoryEntry } from './history';
import { entryId } from './history';
import { liesOn } from './base';
import {
  idMs,
  isListed,
  knowsAllCovered,
  type KeyView,
  oldestCoveredMs,
  type Provenance,
  type Question,
  sourceOlder,
} from './key-view';
import { seenFrom } from './mark';
import type { SourceOrder } from './source-order';

/** The newest source entry that was copied, as the destination tells. */
export type Walk =
  | Question
  | {
      kind: 'found';
      head: EntryId | undefined;
      headEntry: HistoryEntry | undefined;
      headReplica: Extract<Provenance, { kind: 'replica' }> | undefined;
      /** The source entry whose replica is the newest of ours at the destination. */
      top: EntryId | undefined;
      /** A user's own version lies on top of all replicas: it is not written over for what is older at the source. */
      usersOnTop: boolean;
    };

/**
 * Finds the head. The newest replica usually is its replica, and says so itself: if it lies on what it was planned
 * on, nobody wrote in between and everything below is older. Otherwise the walk goes on
 * downwards, past users' writes and late replicas, to the first replica that lies on its own base.
 */
export function walkDestination(view: KeyView, compare: SourceOrder): Walk {
  const { entries, complete } = view.destination;
  let head: EntryId | undefined;
  let headEntry: HistoryEntry | undefined;
  let headReplica: Extract<Provenance, { kind: 'replica' }> | undefined;
  let top: EntryId | undefined;
  let usersOnTop = false;
  const found = () => ({ kind: 'found', head, headEntry, headReplica, top, usersOnTop }) as const;

  const oldestOfInterestMs = oldestCoveredMs(view.coverage) - view.clockToleranceMs;
  const known = new Set(view.source.entries.map((entry) => entryId(entry)));
  for (let i = entries.length - 1; i >= 0; i -= 1) {
    const entry = entries[i] as HistoryEntry;
    // Nothing that is older than every covered entry can be its replica; below it lie younger ones if it took long.
    if (entry.lastModifiedMs < oldestOfInterestMs - view.longestWriteMs) return found();
    // On top it may be an older one's that took long, and hides the newest.
    if (entry.lastModifiedMs < oldestOfInterestMs && top !== undefined) continue;

    const what = view.provenance.get(entryId(entry));
    if (what === undefined) return { kind: 'examine', entry };
    if (what.kind === 'foreign') {
      usersOnTop ||= top === undefined && entry.kind === 'version';
      continue;
    }
    if (what.kind === 'torn') {
      top ??= torn;
      continue;
    }

    // Only the listing orders replicas of what it may still hold.
    if (!known.has(what.of) && !knowsAllCovered(view)) return sourceOlder;
    top ??= what.of;
    if (head === undefined || compare(what.of, head) > 0) {
      head = what.of;
      headEntry = entry;
      headReplica = what;
    }
    const undisturbed = what.plannedOn && liesOn(what.plannedOn, i, view.destination, view.digest);
    if (undisturbed === 'older') return { kind: 'readOlder', side: 'destination' };
    if (undisturbed) return found();
  }
  if (!complete) return { kind: 'readOlder', side: 'destination' };
  return found();
}

/** A listing may hide the head itself; then ids would decide over what lies above it. A marker cannot be asked for. */
export function isDoubtfullyGone(view: KeyView, walk: Extract<Walk, { kind: 'found' }>): boolean {
  const { head, headEntry, headReplica } = walk;
  if (head === undefined || headReplica === undefined || headEntry?.kind !== 'version') return false;
  if (head.startsWith('null_') || view.gone.has(head)) return false;
  if (isListed(view, head)) return false;
  return headReplica.issuedMs > seenFrom(view.listedMs, view.seenLookbackMs);
}

/**
 * What was copied before the rule began stays as it is: "off" keeps what was copied, and "on" begins anew. A marker that
 * was copied counts also when markers are not any longer.
 */
export function coversHead({ source, coverage }: KeyView, head: EntryId, headEntry: HistoryEntry): boolean {
  const listed = source.entries.find((entry) => entryId(entry) === head);
  const writtenMs = listed?.lastModifiedMs ?? idMs(head) ?? headEntry.lastModifiedMs;
  return Math.floor(writtenMs / 1000) * 1000 >= oldestCoveredMs(coverage);
}

/** Stands for no source entry, so that it is not the head. */
const torn: EntryId = '';
