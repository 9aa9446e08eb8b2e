import type { Coverage } from './rule';
import type { DeleteMarker, EntryId, HistoryEntry, HistoryWindow, ObjectVersion, VersionId } from './history';
import { entryId, entryIdMicros } from './history';
import { type Base, liesOn } from './base';
import { type Digest, type Mark, reachesBackTo, seenBefore, seenFrom, seenMark } from './mark';
import { type SourceOrder, sourceOrder } from './source-order';

/** What an entry of the destination turned out to be. */
export type Provenance =
  | {
      readonly kind: 'replica';
      readonly of: EntryId;
      /** Absent: nobody can tell. */
      readonly plannedOn?: Base | undefined;
      /** When it was sent. */
      readonly issuedMs: number;
      /** What was listed of the source then. */
      readonly seen: Mark;
    }
  /** A replica of ours that has another size than its source: none, but nothing that should be on top either. */
  | { readonly kind: 'torn' }
  /** A user's own write. */
  | { readonly kind: 'foreign' };

/** All that is known of one key on both sides when it is planned. */
export interface KeyView {
  readonly source: HistoryWindow;
  readonly destination: HistoryWindow;
  /** Answers found so far, by destination entry. */
  readonly provenance: ReadonlyMap<EntryId, Provenance>;
  /** Source versions that are known to be deleted for good. */
  readonly gone: ReadonlySet<EntryId>;
  readonly coverage: Coverage;
  /** The clocks of two regions may differ by this much. */
  readonly clockToleranceMs: number;
  /** When the source was listed, by the clock of whoever looks. */
  readonly listedMs: number;
  /** A listing may hide entries that are younger than this when it is read. */
  readonly seenLookbackMs: number;
  readonly digest: Digest;
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
    };

/**
 * What is missing at the destination, by the settled-history rule: the head is the newest source entry that was
 * copied; everything below it is settled; everything eligible above it is applied, oldest first. If an older
 * replica landed on top of the head, the head is put on top again.
 */
export function planKey(view: KeyView): KeyPlan {
  // What is stamped on the replicas must be known as far back as it matters.
  if (!reachesBackTo(view.source, seenFrom(view.listedMs, view.seenLookbackMs))) return sourceOlder;
  const compare = sourceOrder(view.source);
  const walk = walkDestination(view, compare);
  if (walk.kind !== 'found') return walk;

  const { head, headEntry, top } = walk;
  if (head !== undefined && isDoubtfullyGone(view, walk)) return { kind: 'confirmGone', versionId: head };
  const missed = walk.head === undefined ? { kind: 'none' as const } : missedBelow(view, walk, compare);
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
  return { kind: 'apply', steps, refills: again.length, repeats, contended };
}

const sourceOlder = { kind: 'readOlder', side: 'source' } as const;

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

/** Whether a rule's coverage includes this entry by its age and kind. */
export function isCovered(entry: HistoryEntry, coverage: Coverage): boolean {
  const since = entry.kind === 'version' ? coverage.since : coverage.markersSince;
  return since !== undefined && Math.floor(entry.lastModifiedMs / 1000) >= since;
}

/** Whether the head must be put on top again: refills go there first, or a late older replica landed there. */
function isBuried(
  view: KeyView,
  { head, headEntry, top }: Extract<Walk, { kind: 'found' }>,
  refills: number,
) {
  if (head === undefined || headEntry === undefined) return false;
  return refills > 0 || (top !== head && coversHead(view, head, headEntry));
}

/**
 * What was copied before the rule began stays as it is: "off" keeps what was copied, and "on" begins anew. A marker that
 * was copied counts also when markers are not any longer.
 */
function coversHead({ source, coverage }: KeyView, head: EntryId, headEntry: HistoryEntry): boolean {
  const listed = source.entries.find((entry) => entryId(entry) === head);
  const writtenMs = listed?.lastModifiedMs ?? idMs(head) ?? headEntry.lastModifiedMs;
  return Math.floor(writtenMs / 1000) * 1000 >= oldestCoveredMs(coverage);
}

type Walk =
  | { kind: 'examine'; entry: HistoryEntry }
  | { kind: 'readOlder'; side: 'source' | 'destination' }
  | {
      kind: 'found';
      head: EntryId | undefined;
      headEntry: HistoryEntry | undefined;
      headReplica: Extract<Provenance, { kind: 'replica' }> | undefined;
      /** The source entry whose replica is the newest of ours at the destination. */
      top: EntryId | undefined;
    };

/**
 * Finds the head. The newest replica usually is its replica, and says so itself: if it lies on what it was planned
 * on, nobody wrote in between and everything below is older. Otherwise the walk goes on
 * downwards, past users' writes and late replicas, to the first replica that lies on its own base.
 */
function walkDestination(view: KeyView, compare: SourceOrder): Walk {
  const { entries, complete } = view.destination;
  let head: EntryId | undefined;
  let headEntry: HistoryEntry | undefined;
  let headReplica: Extract<Provenance, { kind: 'replica' }> | undefined;
  let top: EntryId | undefined;

  const oldestOfInterestMs = oldestCoveredMs(view.coverage) - view.clockToleranceMs;
  const known = new Set(view.source.entries.map((entry) => entryId(entry)));
  for (let i = entries.length - 1; i >= 0; i -= 1) {
    const entry = entries[i] as HistoryEntry;
    // Nothing that is older than every covered entry can be its replica.
    if (entry.lastModifiedMs < oldestOfInterestMs)
      return { kind: 'found', head, headEntry, headReplica, top };

    const found = view.provenance.get(entryId(entry));
    if (found === undefined) return { kind: 'examine', entry };
    if (found.kind === 'foreign') continue;
    if (found.kind === 'torn') {
      top ??= torn;
      continue;
    }

    // Only the listing orders replicas of what it may still hold.
    if (!known.has(found.of) && !knowsAllCovered(view)) return sourceOlder;
    top ??= found.of;
    if (head === undefined || compare(found.of, head) > 0) {
      head = found.of;
      headEntry = entry;
      headReplica = found;
    }
    const undisturbed = found.plannedOn && liesOn(found.plannedOn, i, view.destination, view.digest);
    if (undisturbed === 'older') return { kind: 'readOlder', side: 'destination' };
    if (undisturbed) return { kind: 'found', head, headEntry, headReplica, top };
  }
  if (!complete) return { kind: 'readOlder', side: 'destination' };
  return { kind: 'found', head, headEntry, headReplica, top };
}

/** A listing may hide the head itself; then ids would decide over what lies above it. A marker cannot be asked for. */
function isDoubtfullyGone(view: KeyView, walk: Extract<Walk, { kind: 'found' }>): boolean {
  const { head, headEntry, headReplica } = walk;
  if (head === undefined || headReplica === undefined || headEntry?.kind !== 'version') return false;
  if (head.startsWith('null_') || view.gone.has(head)) return false;
  if (view.source.entries.some((entry) => entryId(entry) === head)) return false;
  return headReplica.issuedMs > seenFrom(view.listedMs, view.seenLookbackMs);
}

type Missed =
  | { readonly kind: 'none' }
  /** The oldest covered entry below the head that was not copied, and what was. */
  | { readonly kind: 'from'; readonly entry: EntryId; readonly copied: ReadonlySet<EntryId> }
  | Unknown;

/**
 * Whether the head was copied while a listing hid an entry below it. Its stamp tells what was listed then; if the
 * listing now says the same, nothing was hidden. Otherwise every replica of that time is examined. A head that is no
 * longer listed has its place by its id alone: what was written about then and listed after it may count as below now.
 */
function missedBelow(view: KeyView, walk: Extract<Walk, { kind: 'found' }>, compare: SourceOrder): Missed {
  const { head, headReplica } = walk;
  if (head === undefined || headReplica === undefined) return { kind: 'none' };
  const isListed = view.source.entries.some((entry) => entryId(entry) === head);
  const writtenMs = isListed ? Infinity : (idMs(head) ?? Infinity);
  const fromMs = seenFrom(Math.min(headReplica.issuedMs, writtenMs), view.seenLookbackMs);
  if (!reachesBackTo(view.source, fromMs)) return sourceOlder;
  const seen = isListed && seenMark(view.source, compare, head, fromMs, view.digest);
  if (seen === headReplica.seen) return { kind: 'none' };

  const copied = copiedSince(view, fromMs);
  if (!(copied instanceof Set)) return copied;
  const missing = seenBefore(view.source, compare, head, fromMs).find(
    (entry) => isCovered(entry, view.coverage) && !copied.has(entryId(entry)),
  );
  return missing ? { kind: 'from', entry: entryId(missing), copied } : { kind: 'none' };
}

type Unknown =
  | { readonly kind: 'examine'; readonly entry: HistoryEntry }
  | { readonly kind: 'readOlder'; readonly side: 'source' | 'destination' };

/** Source entries that have a replica from this time on, or what must be known to tell. */
function copiedSince(view: KeyView, fromMs: number): Set<EntryId> | Unknown {
  const copied = new Set<EntryId>();
  const { entries, complete } = view.destination;
  for (const entry of entries.toReversed()) {
    if (entry.lastModifiedMs < fromMs - view.clockToleranceMs) break;
    const found = view.provenance.get(entryId(entry));
    if (found === undefined) return { kind: 'examine', entry };
    if (found.kind === 'replica') copied.add(found.of);
    if (entry === entries[0] && !complete) return { kind: 'readOlder', side: 'destination' };
  }
  return copied;
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
    .map((entry) => ({ step: stepOf(entry), repeats: copied.has(entryId(entry)) }));
}

/** Stands for no source entry, so that it is not the head. */
const torn: EntryId = '';

function oldestCoveredMs({ since, markersSince }: Coverage): number {
  const seconds = Math.min(since ?? Infinity, markersSince ?? Infinity);
  return seconds * 1000;
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

/**
 * A `null` head that was overwritten is known to the second only. What was written in the same second is older if it
 * was copied before it.
 */
function withoutOlderOfSameSecond(
  view: KeyView,
  above: readonly HistoryEntry[],
  head: EntryId | undefined,
): readonly HistoryEntry[] | Unknown {
  const listed = head === undefined || view.source.entries.some((entry) => entryId(entry) === head);
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

/** When an entry was written, by its id. */
function idMs(id: EntryId): number | undefined {
  const micros = entryIdMicros(id);
  return micros === undefined ? undefined : Number(micros / 1000n);
}

function secondOf(micros: bigint | undefined): bigint | undefined {
  return micros === undefined ? undefined : micros / 1_000_000n;
}

/** Whether the source was read as far back as the rule covers. */
function knowsAllCovered({ source, coverage, clockToleranceMs }: KeyView): boolean {
  return reachesBackTo(source, oldestCoveredMs(coverage) - clockToleranceMs);
}

function stepOf(entry: HistoryEntry): ReplicationStep {
  return entry.kind === 'version'
    ? { kind: 'copyVersion', version: entry }
    : { kind: 'putDeleteMarker', marker: entry };
}

function putOnTopAgain(view: KeyView, head: EntryId, headEntry: HistoryEntry): ReplicationStep {
  const atSource = view.source.entries.find((entry) => entryId(entry) === head);
  if (atSource) return stepOf(atSource);
  if (headEntry.kind === 'version') return { kind: 'restoreReplica', replica: headEntry, of: head };
  // A marker that the source no longer has: any marker shows the same.
  return {
    kind: 'putDeleteMarker',
    marker: { kind: 'deleteMarker', versionId: head, lastModifiedMs: headEntry.lastModifiedMs },
  };
}
