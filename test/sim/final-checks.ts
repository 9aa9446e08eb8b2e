import type { BacklogEntry } from '../../lib/domain/backlog';
import type { BucketRef, ReplicationRule, RuleSet } from '../../lib/domain/rule';
import type { Verdict } from './failure';
import { type Author, nameOf, shown, type Written } from './ledger';
import { covers, hasPrefix, type RuleBooks } from './rule-books';
import type { MarkerRecord, World } from './world';

/** One key, and a rule that brings it somewhere. */
interface Pair {
  readonly source: BucketRef;
  readonly destination: BucketRef;
  readonly key: string;
  readonly rule: ReplicationRule;
}

/** When the world is quiet: nothing lost, everything in order, the newest on top. */
export function checkQuietWorld(
  world: World,
  books: RuleBooks,
  keys: readonly string[],
  verdict: Verdict,
): void {
  checkAllArrived(world, books, keys, verdict);
  for (const pair of pairsOf(world, books, keys)) checkCurrent(world, pair, verdict);
  checkOrder(world, books, keys, verdict);
}

/** Nothing lost; perhaps only of what landed after the rules changed for the last time. */
export function checkAllArrived(
  world: World,
  books: RuleBooks,
  keys: readonly string[],
  verdict: Verdict,
  of: 'all' | 'afterLastChange' = 'all',
): void {
  const gaps = readGaps(world);
  for (const pair of pairsOf(world, books, keys)) {
    const { bucket } = pair.source;
    const changedMs = books.committedMs(bucket, books.revisions(bucket).length - 1);
    const resumedMs = Math.max(world.cos.resumedMs(pair.source), doubtsEndMs(world, pair.destination));
    const fromMs = of === 'all' ? 0 : Math.max(changedMs, resumedMs) + world.settings.configLifetimeMs;
    checkNothingLost(world, books, pair, gaps, verdict, fromMs);
  }
}

/** A marker that was sent to a bucket while it was suspended got no id: its key waits until the attempt is surely over. */
function doubtsEndMs({ cos, settings: { replication } }: World, bucket: BucketRef): number {
  const resumedMs = cos.resumedMs(bucket);
  return resumedMs === 0 ? 0 : resumedMs + replication.deleteSettlesMs + 2 * replication.clockToleranceMs;
}

function pairsOf(world: World, books: RuleBooks, keys: readonly string[]): readonly Pair[] {
  return world.buckets.flatMap((source) =>
    (books.newest(source.bucket)?.rules ?? [])
      .filter((rule) => rule.status === 'Enabled')
      .flatMap((rule) =>
        keys
          .filter((key) => hasPrefix(rule, key))
          .map((key) => ({ source, destination: rule.destination, key, rule })),
      ),
  );
}

function isEligible(written: Written, { rule, key }: Pair): boolean {
  return written.author.kind === 'user' && covers(rule, key, written.stored);
}

/** All that replication wrote of a source entry to a bucket, the torn ones left aside. */
function replicasOf(world: World, written: Written, destination: BucketRef): readonly Written[] {
  return world.cos.ledger
    .of(destination.bucket, written.key)
    .filter(({ author }) => author.kind === 'replication' && author.of === written && !author.torn);
}

/** Itself, and what nobody can tell from it: the same content without an id, put again within the same second. */
function namesakesOf(world: World, written: Written): readonly Written[] {
  const name = nameOf(written.stored.entry);
  return world.cos.ledger
    .of(written.ref.bucket, written.key)
    .filter((one) => one === written || nameOf(one.stored.entry) === name);
}

function checkNothingLost(
  world: World,
  books: RuleBooks,
  pair: Pair,
  gaps: ReadonlySet<string>,
  verdict: Verdict,
  fromMs: number,
): void {
  for (const written of world.cos.ledger.of(pair.source.bucket, pair.key)) {
    // A listing that hides what landed below the newest cannot be told from one that has none of it.
    if (written.hidden && fromMs > 0 && (landedBelow(world, written) || isOnAnOlderPage(world, written)))
      continue;
    const state = stateOf(world, books, written, pair, gaps);
    world.tally.count(`entry ${state}`);
    if (state !== 'pending' || written.landedMs < fromMs) continue;
    verdict.fail(
      isCopyable(world, written) ? 'nothing lost' : 'gap told',
      `${shown(written)} (${nameOf(written.stored.entry)}) of ${pair.source.bucket} is not at ${pair.destination.bucket}, and no reason is told`,
      pair.key,
    );
  }
}

/** Where listings go by the time at which a write began, one may land below what began later. */
function landedBelow(world: World, written: Written): boolean {
  return world.cos.ledger
    .of(written.ref.bucket, written.key)
    .slice(placeOf(world, written) + 1)
    .some((above) => above.landedMs < written.landedMs);
}

/** Of a history that is read in pages, an older one may lag behind the newest. */
function isOnAnOlderPage(world: World, written: Written): boolean {
  const above = world.cos.ledger.of(written.ref.bucket, written.key).length - 1 - placeOf(world, written);
  return above >= world.settings.replication.historyPageEntries;
}

type EntryState =
  'copied' | 'skipped' | 'gone' | 'gap' | 'stood in for' | 'in doubt' | 'of the first seconds' | 'pending';

function stateOf(
  world: World,
  books: RuleBooks,
  written: Written,
  pair: Pair,
  gaps: ReadonlySet<string>,
): EntryState {
  if (namesakesOf(world, written).some((one) => replicasOf(world, one, pair.destination).length > 0))
    return 'copied';
  if (!isEligible(written, pair) || isAppendable(written)) return 'skipped';
  if (isInDoubt(world, written)) return 'in doubt';
  if (isOfTheFirstSeconds(world, books, written, pair)) return 'of the first seconds';
  if (written.removedMs !== undefined) return 'gone';
  if (gaps.has(`${pair.source.bucket}\n${pair.rule.id}\n${pair.key}\n${nameOf(written.stored.entry)}`))
    return 'gap';
  return isStoodInFor(world, written, pair) ? 'stood in for' : 'pending';
}

/** A user's marker that may as well be what came of an attempt to write a replica of another one there. */
function isInDoubt(world: World, written: Written): boolean {
  const { deleteSettlesMs, clockToleranceMs } = world.settings.replication;
  if (written.stored.entry.kind !== 'deleteMarker') return false;
  return openAttempts(world, written.ref.bucket, written.key).some(
    ({ sentMs }) =>
      // Last-Modified is in whole seconds.
      written.landedMs >= sentMs - 2 * clockToleranceMs - 1_000 &&
      written.landedMs <= sentMs + deleteSettlesMs + 2 * clockToleranceMs + 1_000,
  );
}

/**
 * From before functions knew for sure that markers, or versions without a tag, are replicated now: newer versions may
 * have passed it.
 */
function isOfTheFirstSeconds(world: World, books: RuleBooks, written: Written, { rule, key }: Pair): boolean {
  const ruleOf = (set: RuleSet | undefined) => set?.rules.find(({ id }) => id === rule.id);
  const revisions = books.revisions(written.ref.bucket);
  const uncovered = revisions.findLastIndex((set) => !covers(ruleOf(set), key, written.stored));
  const learntWithinMs = world.settings.settleMs + world.settings.configLifetimeMs + 1_000;
  // Those that a function may still have known then, and perhaps another one in between, which nobody has acted on.
  const before = revisions.filter(
    (_, revision) =>
      revision <= uncovered &&
      (revision >= uncovered - 2 ||
        books.committedMs(written.ref.bucket, revision + 1) + learntWithinMs >= written.landedMs),
  );
  const wasTagged = before.some((set) => (ruleOf(set)?.tags ?? []).length > 0);
  if (written.stored.entry.kind !== 'deleteMarker' && !wasTagged) return false;
  const coveredMs = books.committedMs(written.ref.bucket, uncovered + 1);
  return written.landedMs <= coveredMs + learntWithinMs && uncovered > 0;
}

const isAppendable = (written: Written): boolean =>
  written.stored.content?.metadata['x-cos-meta-kind'] === 'appendable';

/** Whether nothing about an entry itself stands in the way of its copy. */
function isCopyable(world: World, { stored: { content } }: Written): boolean {
  if (content === undefined) return true;
  return (
    content.storageClass !== 'ARCHIVE' &&
    content.metadata['x-cos-meta-kind'] === undefined &&
    content.metadata['x-cos-meta-large'] === undefined &&
    content.body.length <= world.settings.replication.singleCopyBytesMax
  );
}

/**
 * Another marker at the destination counts for a replicated one that an attempt of unknown outcome was to write: it
 * shows the same.
 */
function isStoodInFor(world: World, written: Written, { destination, key }: Pair): boolean {
  if (written.stored.entry.kind !== 'deleteMarker') return false;
  const { deleteSettlesMs, clockToleranceMs } = world.settings.replication;
  const markers = world.cos.ledger
    .of(destination.bucket, key)
    .filter(({ stored, author }) => stored.content === undefined && !isOf(author, written));
  return openAttempts(world, destination.bucket, key, 'whenOver')
    .filter(({ sourceMarker }) => sourceMarker === nameOf(written.stored.entry))
    .some(({ sentMs }) =>
      markers.some(
        ({ landedMs }) =>
          landedMs >= sentMs - 2 * clockToleranceMs &&
          landedMs <= sentMs + deleteSettlesMs + 2 * clockToleranceMs,
      ),
    );
}

const isOf = (author: Author, written: Written): boolean =>
  author.kind === 'replication' && author.of === written;

/** It arrived, and neither source nor destination had it deleted for good since. */
function canStillBeShown(world: World, written: Written, destination: BucketRef): boolean {
  const replicas = replicasOf(world, written, destination);
  const stands = (one: Written): boolean => one.removedMs === undefined;
  return replicas.length > 0 && (stands(written) || replicas.some(stands));
}

/** Where an entry stands among all there ever were of its key. */
function placeOf(world: World, written: Written): number {
  return world.cos.ledger.of(written.ref.bucket, written.key).indexOf(written);
}

/**
 * Once the source has deleted one of two entries for good, only ids tell which was newer: where a bucket lists by landing
 * and its ids hold the start of a write, they may tell the contrary.
 */
function idsDisagree(world: World, top: Written, newest: Written): boolean {
  if (top.removedMs === undefined && newest.removedMs === undefined) return false;
  if (top.idMicros >= newest.idMicros && placeOf(world, top) < placeOf(world, newest)) return true;
  // One that is gone has its place before the first listed one that is newer by its id.
  const below = world.cos.ledger
    .of(newest.ref.bucket, newest.key)
    .slice(0, placeOf(world, top) + 1)
    .filter((one) => one.removedMs === undefined);
  return newest.removedMs !== undefined && below.some((one) => one.idMicros >= newest.idMicros);
}

function checkCurrent(world: World, pair: Pair, verdict: Verdict): void {
  const { source, destination, key } = pair;
  const newest = world.cos.ledger
    .of(source.bucket, key)
    .findLast((one) => isEligible(one, pair) && canStillBeShown(world, one, destination));
  if (newest === undefined) return;
  const ever = world.cos.ledger.of(destination.bucket, key);
  const top = ever.findLast((one) => one.removedMs === undefined);
  if (top === undefined) return;
  // A user who deletes the newest replica for good at the destination has shown what lay below it.
  if (replicasOf(world, newest, destination).some((one) => one.removedMs !== undefined)) return;
  // A marker on top may stand in for a newer one than it was written for.
  const newer = world.cos.ledger.of(source.bucket, key).slice(placeOf(world, newest) + 1);
  if (
    top.stored.content === undefined &&
    newer.some((one) => isEligible(one, pair) && isStoodInFor(world, one, pair))
  )
    return;
  const { author } = top;
  if (author.kind === 'replication' && author.of.ref.bucket === source.bucket) {
    if (placeOf(world, author.of) >= placeOf(world, newest) && !author.torn) return;
    if (idsDisagree(world, author.of, newest)) return;
    // A late marker on top of a newer one shows the same; beside an attempt of unknown outcome nobody can tell them apart.
    const markers = top.stored.content === undefined && newest.stored.content === undefined;
    const doubtful = hadOpenAttempts(world, destination.bucket, key);
    if (markers && doubtful) return;
    // Nor a late one from one that is still to be written: the key shows as deleted, as it is at the source.
    const shownNow = world.cos.ledger.of(source.bucket, key).findLast((one) => one.removedMs === undefined);
    const bothDeleted = top.stored.content === undefined && shownNow?.stored.content === undefined;
    if (bothDeleted && doubtful) return;
    // In doubt what may have been an older marker is covered again by the head; a marker that is gone cannot come back.
    if (newest.stored.content === undefined && newest.removedMs !== undefined && doubtful) return;
    // A listing of the destination hid its replica, and the source has it no longer: nobody knew that it is missing. Or
    // the one of what is on top now, and who made it again could not tell any more what had come after it.
    const hidden = [newest, author.of]
      .flatMap((one) => replicasOf(world, one, destination))
      .some((one) => one.hidden);
    if (newest.removedMs !== undefined && hidden) return;
  } else {
    // A user wrote later than the newest arrived.
    const below = ever.slice(0, ever.indexOf(top));
    const arrived = below.some(
      (one) => one.author.kind === 'replication' && placeOf(world, one.author.of) >= placeOf(world, newest),
    );
    if (arrived) return;
  }
  verdict.fail(
    'current',
    `${shown(top)} is on top of "${key}" at ${destination.bucket} instead of ${shown(newest)}: [${ever.map(shown).join(' ')}]`,
    key,
  );
}

/**
 * First occurrences stand in source order. Exempt is what a listing hid while newer entries were copied, what was torn
 * at first, and what some revision of the rules did not cover: such an entry comes late by right. So does what the
 * source had deleted for good by then: whoever copied the newer one could not know of it.
 */
function checkOrder(world: World, books: RuleBooks, keys: readonly string[], verdict: Verdict): void {
  for (const { bucket } of world.buckets) {
    for (const key of keys) {
      const newestPlace = new Map<string, { place: number; of: Written; landedMs: number }>();
      const seen = new Set<Written>();
      for (const { author, landedMs } of byLanding(world, bucket, key)) {
        if (author.kind !== 'replication' || seen.has(author.of)) continue;
        const { of } = author;
        seen.add(of);
        const place = placeOf(world, of);
        const before = newestPlace.get(of.ref.bucket);
        if (before === undefined || place > before.place) {
          newestPlace.set(of.ref.bucket, { place, of, landedMs });
        } else if (
          !isLateByRight(world, books, of, bucket, before.landedMs) &&
          !(of.removedMs !== undefined && of.removedMs < landedMs)
        ) {
          verdict.fail(
            'order',
            `${shown(of)} arrives at ${bucket} after ${shown(before.of)}, which is newer`,
            key,
          );
        }
      }
    }
  }
}

function isLateByRight(
  world: World,
  books: RuleBooks,
  of: Written,
  bucket: string,
  newerLandedMs: number,
): boolean {
  return (
    of.hidden ||
    wasTorn(world, of) ||
    !alwaysCovered(books, of, bucket) ||
    // Another marker of unknown outcome counted for it, or its own that was still under way.
    (of.stored.content === undefined &&
      (hadOpenAttempts(world, bucket, of.key) || wasUnderWay(world, bucket, of, newerLandedMs)))
  );
}

/** An attempt to write this marker had its record when a newer entry landed. */
function wasUnderWay(world: World, bucket: string, of: Written, newerLandedMs: number): boolean {
  const name = nameOf(of.stored.entry);
  return world.attempts.some(
    ({ destination, key, sourceMarker, sentMs }) =>
      destination === bucket && key === of.key && sourceMarker === name && sentMs <= newerLandedMs,
  );
}

/**
 * Attempts to write a marker there whose outcome nobody has noted: by now, or by the time when it was over. Records of
 * markers that are gone are removed one day.
 */
function openAttempts(
  world: World,
  bucket: string,
  key: string,
  by: 'now' | 'whenOver' = 'now',
): readonly MarkerRecord[] {
  const { deleteSettlesMs } = world.settings.replication;
  return world.attempts.filter((one) => {
    if (one.destination !== bucket || one.key !== key) return false;
    const byMs = by === 'now' ? Infinity : one.sentMs + deleteSettlesMs;
    const names = world.state.namesAt(one.attempt, byMs);
    return (
      names.some((name) => name.startsWith(`${one.attempt}.open.`)) &&
      !names.some((name) => name.startsWith(`${one.attempt}.closed.`))
    );
  });
}

function hadOpenAttempts(world: World, bucket: string, key: string): boolean {
  return openAttempts(world, bucket, key).length > 0;
}

function byLanding(world: World, bucket: string, key: string): readonly Written[] {
  return world.cos.ledger.of(bucket, key).toSorted((a, b) => a.landedMs - b.landedMs);
}

function wasTorn(world: World, of: Written): boolean {
  return world.cos.ledger.all.some(
    ({ author }) => author.kind === 'replication' && author.torn && author.of === of,
  );
}

function alwaysCovered(books: RuleBooks, of: Written, destination: string): boolean {
  return books
    .revisions(of.ref.bucket)
    .slice(1)
    .filter((set) => set?.rules.some((rule) => rule.destination.bucket === destination))
    .every((set) =>
      set?.rules.some((rule) => rule.destination.bucket === destination && covers(rule, of.key, of.stored)),
    );
}

/** The entries that the backlog names as failed for good. */
function readGaps(world: World): ReadonlySet<string> {
  const gaps = new Set<string>();
  for (const [name, body] of world.state.documents) {
    if (!name.startsWith('backlog/')) continue;
    const { sourceBucket, ruleId, key, source, status } = JSON.parse(body) as BacklogEntry;
    if (status === 'FAILED') gaps.add(`${sourceBucket}\n${ruleId}\n${key}\n${source}`);
  }
  return gaps;
}

/** Every revision of the rules changes one rule: whoever changed another one at the same time has not lost it. */
export function checkNoChangeLost(world: World, books: RuleBooks, verdict: Verdict): void {
  for (const { bucket } of world.buckets) {
    const revisions = books.revisions(bucket).slice(1);
    for (const [place, set] of revisions.entries()) {
      const before = revisions[place - 1];
      if (set === undefined || before === undefined) continue;
      const [now, then] = [set, before].map(
        ({ rules }) => new Map(rules.map((rule) => [rule.id, JSON.stringify(rule)])),
      ) as [Map<string, string>, Map<string, string>];
      const changed = [...new Set([...now.keys(), ...then.keys()])].filter(
        (id) => now.get(id) !== then.get(id),
      );
      if (changed.length > 1) {
        verdict.fail(
          'no change lost',
          `revision ${set.revision} of ${bucket} changes ${changed.join(' and ')}`,
        );
      }
    }
  }
}

/** No work of an enabled rule is left that would be tried again. */
export function checkNothingPends(world: World, books: RuleBooks, verdict: Verdict): void {
  for (const [name, body] of world.state.documents) {
    if (!name.startsWith('backlog/')) continue;
    const entry = JSON.parse(body) as BacklogEntry;
    const rule = books.newest(entry.sourceBucket)?.rules.find(({ id }) => id === entry.ruleId);
    if (entry.status === 'PENDING' && rule?.status === 'Enabled') {
      verdict.fail('backlog', `still pending: ${body}`, entry.key);
    }
  }
}

/**
 * How often one entry is written to one destination at most, whatever goes wrong. Without leases, workers on both sides
 * of a pair wake each other, and each repeats what the others have not finished.
 */
const copiesMax = (world: World): number => (world.settings.replication.leases ? 100 : 400);

/** Every write of replication is one of a bounded number for its source entry. */
export function checkBounded(world: World, verdict: Verdict): void {
  const copies = new Map<Written, Map<string, number>>();
  for (const { author, ref } of world.cos.ledger.all) {
    if (author.kind !== 'replication') continue;
    const of = copies.get(author.of) ?? new Map<string, number>();
    of.set(ref.bucket, (of.get(ref.bucket) ?? 0) + 1);
    copies.set(author.of, of);
  }
  for (const [of, byBucket] of copies) {
    for (const [bucket, count] of byBucket) {
      world.tally.count(
        `entry written ${count < 5 ? count : count < 9 ? '5 to 8' : count < 17 ? '9 to 16' : count < 33 ? '17 to 32' : 'more'}`,
      );
      if (count > copiesMax(world))
        verdict.fail(
          'bounded',
          `${shown(of)} of ${of.ref.bucket} is written ${count} times to ${bucket}`,
          of.key,
        );
    }
  }
}
