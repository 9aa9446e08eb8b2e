import type { EntryId, HistoryEntry } from './history';
import { entryId, entryIdMicros } from './history';
import type { Walk } from './head';
import {
  idMs,
  isCovered,
  isListed,
  type KeyView,
  knowsAllCovered,
  type Question,
  reachesBackTo,
  sourceOlder,
} from './key-view';
import { seenBefore, seenFrom, seenMark } from './mark';
import type { SourceOrder } from './source-order';

export type Missed = (
  | { readonly kind: 'none' }
  /** The oldest covered entry below the head that is to be copied, and what was. */
  | { readonly kind: 'from'; readonly entry: EntryId; readonly copied: ReadonlySet<EntryId> }
) & {
  /** Gaps that are not filled, since a user's own version would be written over. */
  readonly held?: readonly EntryId[];
};

/**
 * Whether the head was copied while a listing hid an entry below it. Its stamp tells what was listed then; if the
 * listing now says the same, nothing was hidden. Otherwise every replica of that time is examined. A head that is no
 * longer listed has its place by its id alone: what was written about then and listed after it may count as below now.
 */
export function missedBelow(
  view: KeyView,
  walk: Extract<Walk, { kind: 'found' }>,
  compare: SourceOrder,
): Missed | Question {
  const { head, headReplica } = walk;
  if (head === undefined || headReplica === undefined) return { kind: 'none' };
  const listed = isListed(view, head);
  const writtenMs = listed ? Infinity : (idMs(head) ?? Infinity);
  const fromMs = seenFrom(Math.min(headReplica.issuedMs, writtenMs), view.seenLookbackMs);
  if (!reachesBackTo(view, fromMs)) return sourceOlder;
  const seen = listed && seenMark(view.source, compare, head, fromMs, view.digest);
  if (seen === headReplica.seen) return { kind: 'none' };

  const copied = copiedSince(view, fromMs);
  if (!(copied instanceof Set)) return copied;
  const missing = seenBefore(view.source, compare, head, fromMs).find(
    (entry) => isCovered(entry, view.coverage) && !copied.has(entryId(entry)),
  );
  return missing ? { kind: 'from', entry: entryId(missing), copied } : { kind: 'none' };
}

/** The oldest entry below the head that must be copied: one that was missed, or a gap that is to be filled. */
export function missedOrRefilled(
  view: KeyView,
  walk: Extract<Walk, { kind: 'found' }>,
  compare: SourceOrder,
): Missed | Question {
  const missed = missedBelow(view, walk, compare);
  const { head, usersOnTop } = walk;
  if (missed.kind === 'examine' || missed.kind === 'readOlder' || head === undefined) return missed;
  if (![...view.refills].every((id) => isListed(view, id)) && !knowsAllCovered(view)) return sourceOlder;
  const refills = view.source.entries.filter(
    (entry) =>
      view.refills.has(entryId(entry)) &&
      isCovered(entry, view.coverage) &&
      compare(entryId(entry), head) < 0 &&
      (missed.kind === 'none' || compare(entryId(entry), missed.entry) < 0),
  );
  if (refills.length === 0) return missed;
  const copied = copiedSince(view, Math.min(...refills.map(({ lastModifiedMs }) => lastModifiedMs)));
  if (!(copied instanceof Set)) return copied;
  // An earlier round may have copied some of them.
  const missing = refills.map(entryId).filter((id) => !copied.has(id));
  const [oldest] = missing;
  if (oldest === undefined) return missed;
  return usersOnTop ? { ...missed, held: missing } : { kind: 'from', entry: oldest, copied };
}

/** Source entries that have a replica from this time on, or what must be known to tell. */
export function copiedSince(view: KeyView, fromMs: number): Set<EntryId> | Question {
  const copied = new Set<EntryId>();
  const { entries, complete } = view.destination;
  for (const entry of entries.toReversed()) {
    const writtenMs = entry.lastModifiedMs + view.clockToleranceMs;
    if (writtenMs < fromMs - view.longestWriteMs) break;
    if (writtenMs >= fromMs) {
      const found = view.provenance.get(entryId(entry));
      if (found === undefined) return { kind: 'examine', entry };
      if (found.kind === 'replica') copied.add(found.of);
    }
    if (entry === entries[0] && !complete) return { kind: 'readOlder', side: 'destination' };
  }
  return copied;
}

/**
 * A `null` head that was overwritten is known to the second only. What was written in the same second is older if it
 * was copied before it.
 */
export function withoutOlderOfSameSecond(
  view: KeyView,
  above: readonly HistoryEntry[],
  head: EntryId | undefined,
): readonly HistoryEntry[] | Question {
  const listed = head === undefined || isListed(view, head);
  const headSecond = listed ? undefined : secondOf(entryIdMicros(head));
  const same = above.filter(
    (entry) => headSecond !== undefined && secondOf(entryIdMicros(entryId(entry))) === headSecond,
  );
  const [oldest] = same;
  if (oldest === undefined) return above;
  const copied = copiedSince(view, oldest.lastModifiedMs);
  if (!(copied instanceof Set)) return copied;
  return above.filter((entry) => !same.includes(entry) || !copied.has(entryId(entry)));
}

function secondOf(micros: bigint | undefined): bigint | undefined {
  return micros === undefined ? undefined : micros / 1_000_000n;
}
