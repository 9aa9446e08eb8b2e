import { coversHead, isDoubtfullyGone, type Walk, walkDestination } from './head';
import type { DeleteMarker, EntryId, HistoryEntry, ObjectVersion, VersionId } from './history';
import { entryId } from './history';
import {
  idMs,
  isCovered,
  type KeyView,
  knowsAllCovered,
  type Provenance,
  type Question,
  reachesBackTo,
  sourceOlder,
} from './key-view';
import { seenFrom } from './mark';
import { type Missed, missedOrRefilled, withoutOlderOfSameSecond } from './missed';
import { type SourceOrder, sourceOrder } from './source-order';

/** One write to the destination. Steps of a plan are applied in order, each on top of the one before. */
export type ReplicationStep =
  | {
      readonly kind: 'copyVersion';
      readonly version: ObjectVersion;
      /** It stands at the destination: whether the rule wants it was decided when it was copied. */
      readonly again?: true;
      /** Its replica, to be copied in its place if it cannot be copied any longer. */
      readonly replica?: ObjectVersion;
    }
  | { readonly kind: 'putDeleteMarker'; readonly marker: DeleteMarker }
  /** An older replica landed on top of this one, and the source no longer has its version. */
  | { readonly kind: 'restoreReplica'; readonly replica: ObjectVersion; readonly of: EntryId };

export type KeyPlan =
  | Question
  /** The listing does not hold this source version, which was copied a moment ago: was it deleted for good? */
  | { readonly kind: 'confirmGone'; readonly versionId: VersionId }
  | {
      readonly kind: 'apply';
      readonly steps: readonly ReplicationStep[];
      /** So many of the first steps write entries that are older than the head again: they lie on no base of theirs. */
      readonly refills: number;
      /** Steps for what stands at the destination: taken only if one before them wrote below it after all. */
      readonly repeats: ReadonlySet<ReplicationStep>;
      /** Somebody else is probably at the same work. */
      readonly contended: boolean;
      /** Gaps that were to be filled, or a head to be put on top again, and cannot be where a user's own version lies on top. */
      readonly held: readonly EntryId[];
      /** A late write lies on top of the head: whoever wrote the head need not look again. */
      readonly buried: boolean;
    };

/**
 * What is missing at the destination, by the settled-history rule: the head is the newest source entry that was
 * copied; everything below it is settled; everything eligible above it is applied, oldest first. If an older
 * replica landed on top of the head, the head is put on top again.
 */
export function planKey(view: KeyView): KeyPlan {
  // What is stamped on the replicas must be known as far back as it matters.
  if (!reachesBackTo(view, seenFrom(view.listedMs, view.seenLookbackMs))) return sourceOlder;
  const compare = sourceOrder(view.source);
  const walk = walkDestination(view, compare);
  if (walk.kind !== 'found') return walk;

  const { head, headEntry, top } = walk;
  if (head !== undefined && isDoubtfullyGone(view, walk)) return { kind: 'confirmGone', versionId: head };
  const none: Missed = { kind: 'none' };
  const missed = walk.head === undefined ? none : missedOrRefilled(view, walk, compare);
  if (missed.kind === 'examine' || missed.kind === 'readOlder') return missed;

  const listedAbove = coveredAbove(view, head, compare);
  if (listedAbove === 'readOlder') return sourceOlder;
  const above = withoutOlderOfSameSecond(view, listedAbove, head);
  if ('kind' in above) return above;
  const again = missed.kind === 'from' ? coveredFrom(view, missed, head, compare) : [];
  const headSteps =
    head !== undefined && headEntry !== undefined && isBuried(view, walk, again.length)
      ? [putOnTopAgain(view, head, headEntry)]
      : [];
  const repeats = new Set(again.filter(({ repeats }) => repeats).map(({ step }) => step));
  if (again.length > 0 && top === head) headSteps.forEach((step) => repeats.add(step));
  const steps = [...again.map(({ step }) => step), ...headSteps, ...above.map(stepOf)];
  const contended = looksContended(view, steps, walk.headReplica);
  const buried = headSteps.length > 0 && top !== head;
  const held = [...(missed.held ?? []), ...(again.length === 0 ? headBelowUsersOwn(view, walk) : [])];
  return { kind: 'apply', steps, refills: again.length, repeats, held, contended, buried };
}

/**
 * Several entries at once were told of by several events. And whoever copied the head just now, after the first
 * missing entry was written, has seen that one too and is about to copy it.
 */
function looksContended(
  view: KeyView,
  steps: readonly ReplicationStep[],
  headReplica: Extract<Provenance, { kind: 'replica' }> | undefined,
): boolean {
  const [first] = steps;
  if (first === undefined || steps.length > 1) return steps.length > 1;
  if (headReplica === undefined || first.kind === 'restoreReplica') return false;
  const entry = first.kind === 'copyVersion' ? first.version : first.marker;
  const writtenMs = idMs(entryId(entry)) ?? entry.lastModifiedMs;
  return writtenMs < headReplica.issuedMs && view.listedMs - headReplica.issuedMs < contentionMs;
}

/** Work on a key that began longer ago than this is over. */
const contentionMs = 10_000;

/** Whether the head must be put on top again: refills go there first, or a late older replica is the newest there. */
function isBuried(
  view: KeyView,
  { head, headEntry, top, usersOnTop }: Extract<Walk, { kind: 'found' }>,
  refills: number,
) {
  if (head === undefined || headEntry === undefined) return false;
  return refills > 0 || (top !== head && !usersOnTop && coversHead(view, head, headEntry));
}

/** A head that could not be put on top of what is older there, and is told of: now a user's own version lies on top of both. */
function headBelowUsersOwn(
  view: KeyView,
  { head, headEntry, top, usersOnTop }: Extract<Walk, { kind: 'found' }>,
): readonly EntryId[] {
  const isBelow = usersOnTop && top !== head && head !== undefined && headEntry !== undefined;
  return isBelow && view.refills.has(head) && coversHead(view, head, headEntry) ? [head] : [];
}

/** The covered entries from one up to the head, which is not among them: filling a gap repeats what lies above it. */
function coveredFrom(
  view: KeyView,
  { entry: from, copied }: Extract<Missed, { kind: 'from' }>,
  head: EntryId | undefined,
  compare: SourceOrder,
): readonly { readonly step: ReplicationStep; readonly repeats: boolean }[] {
  return view.source.entries
    .filter(
      (entry) =>
        isCovered(entry, view.coverage) &&
        compare(entryId(entry), from) >= 0 &&
        head !== undefined &&
        compare(entryId(entry), head) < 0,
    )
    .map((entry) => {
      const repeats = copied.has(entryId(entry));
      return { step: repeats ? stepAgain(entry) : stepOf(entry), repeats };
    });
}

/**
 * The covered source entries above the head, oldest first. Ids place a head that the listing does not hold, but only
 * once all of the listing that matters is known: as long as it can tell, it does.
 */
function coveredAbove(
  view: KeyView,
  head: EntryId | undefined,
  compare: SourceOrder,
): readonly HistoryEntry[] | 'readOlder' {
  const { entries } = view.source;
  const place = entries.findIndex((entry) => entryId(entry) === head);
  if (place < 0 && !knowsAllCovered(view)) return 'readOlder';
  const above =
    place >= 0
      ? entries.slice(place + 1)
      : entries.filter((entry) => head === undefined || compare(entryId(entry), head) > 0);
  return above.filter((entry) => isCovered(entry, view.coverage));
}

function stepOf(entry: HistoryEntry): ReplicationStep {
  return entry.kind === 'version'
    ? { kind: 'copyVersion', version: entry }
    : { kind: 'putDeleteMarker', marker: entry };
}

function stepAgain(entry: HistoryEntry): ReplicationStep {
  const step = stepOf(entry);
  return step.kind === 'copyVersion' ? { ...step, again: true } : step;
}

function putOnTopAgain(view: KeyView, head: EntryId, headEntry: HistoryEntry): ReplicationStep {
  const atSource = view.source.entries.find((entry) => entryId(entry) === head);
  if (atSource) {
    const step = stepAgain(atSource);
    const both = step.kind === 'copyVersion' && headEntry.kind === 'version';
    return both ? { ...step, replica: headEntry } : step;
  }
  if (headEntry.kind === 'version') return { kind: 'restoreReplica', replica: headEntry, of: head };
  // A marker that the source no longer has: any marker shows the same.
  return {
    kind: 'putDeleteMarker',
    marker: { kind: 'deleteMarker', versionId: head, lastModifiedMs: headEntry.lastModifiedMs },
  };
}
