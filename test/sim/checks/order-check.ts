import type { Verdict } from '../failure';
import { nameOf, shown, type Written } from '../ledger';
import { covers, type RuleBooks } from '../rule-books';
import type { World } from '../world';
import { openAttempts, placeOf } from './histories';

/** The first time that an entry arrived somewhere. */
interface Arrival {
  readonly of: Written;
  readonly place: number;
  readonly worker: string;
  readonly lookedMs: number;
  readonly startedMs: number;
  readonly landedMs: number;
}

/**
 * First occurrences stand in source order. Exempt is what a listing hid while newer entries were copied, what was torn
 * at first, what landed only after the listing by which the newer one was planned, and what the rules of that moment did not cover: such an entry
 * comes late by right. So does what the source had deleted for good by then: whoever copied the newer one could not know
 * of it.
 */
export function checkOrder(world: World, books: RuleBooks, keys: readonly string[], verdict: Verdict): void {
  for (const { bucket } of world.buckets) {
    for (const key of keys) {
      const before: Arrival[] = [];
      for (const arrival of arrivals(world, bucket, key)) {
        // What was passed once lies below the head, and is passed by all that follows.
        const passedBy = before.find(
          (newer) => newer.of.ref.bucket === arrival.of.ref.bucket && newer.place > arrival.place,
        );
        if (passedBy && !isLateByRight(world, books, arrival, bucket, passedBy)) {
          const [late, newer] = [shown(arrival.of), shown(passedBy.of)];
          verdict.fail('order', `${late} arrives at ${bucket} after ${newer}, which is newer`, key);
        }
        before.push(arrival);
      }
    }
  }
}

/** In the order in which they landed. */
function arrivals(world: World, bucket: string, key: string): readonly Arrival[] {
  const seen = new Set<Written>();
  return world.cos.ledger
    .of(bucket, key)
    .toSorted((a, b) => a.landedMs - b.landedMs)
    .flatMap(({ author, landedMs }): readonly Arrival[] => {
      if (author.kind !== 'replication' || seen.has(author.of)) return [];
      seen.add(author.of);
      const { of, worker, lookedMs, startedMs } = author;
      return [{ of, place: placeOf(world, of), worker, lookedMs, startedMs, landedMs }];
    });
}

function isLateByRight(
  world: World,
  books: RuleBooks,
  { of, landedMs }: Arrival,
  bucket: string,
  newer: Arrival,
): boolean {
  if (of.removedMs !== undefined && of.removedMs < landedMs) return true;
  if (of.hidden || wasTorn(world, of, bucket)) return true;
  if (of.landedMs > newer.lookedMs) return true;
  // It could not be copied before it was passed, perhaps by a marker that another one stood in for.
  if (of.restoredMs !== undefined && (wasArchivedFor(of, newer) || isBelowStandIn(world, of, bucket)))
    return true;
  if (!wasCovered(world, books, of, bucket, newer.startedMs)) return true;
  // Another marker of unknown outcome counted for it, or its own that was still under way.
  if (of.stored.content !== undefined) return false;
  const name = nameOf(of.stored.entry);
  const isInDoubt = openAttempts(world, bucket, of.key).some(({ sourceMarker }) => sourceMarker === name);
  return isInDoubt || wasUnderWay(world, bucket, of, newer.landedMs);
}

/**
 * Who passed it had been told that it is archived, which an instance remembers for an hour for each destination, also where
 * it is told meanwhile, asking for something else, that it is readable by now.
 */
function wasArchivedFor(of: Written, { worker, startedMs }: Arrival): boolean {
  return of.told.some(
    ({ worker: by, atMs, readable }) =>
      by === worker && !readable && atMs <= startedMs && atMs > startedMs - rememberedMs,
  );
}

const rememberedMs = 3_600_000;

/** A newer marker may count as copied because an attempt to write it is of unknown outcome. */
function isBelowStandIn(world: World, of: Written, bucket: string): boolean {
  const markers = openAttempts(world, bucket, of.key).map(({ sourceMarker }) => sourceMarker);
  return world.cos.ledger
    .of(of.ref.bucket, of.key)
    .slice(placeOf(world, of) + 1)
    .some((newer) => markers.includes(nameOf(newer.stored.entry)));
}

/** An attempt to write this marker had its record when a newer entry landed. */
function wasUnderWay(world: World, bucket: string, of: Written, newerLandedMs: number): boolean {
  const name = nameOf(of.stored.entry);
  return world.attempts.some(
    ({ destination, key, sourceMarker, sentMs }) =>
      destination === bucket && key === of.key && sourceMarker === name && sentMs <= newerLandedMs,
  );
}

function wasTorn(world: World, of: Written, bucket: string): boolean {
  return world.cos.ledger
    .of(bucket, of.key)
    .some(({ author }) => author.kind === 'replication' && author.torn && author.of === of);
}

/** Whether all rules covered an entry by which a copy that was sent at this moment may have been planned. */
function wasCovered(world: World, books: RuleBooks, of: Written, bucket: string, sentMs: number): boolean {
  return books
    .believable(of.ref.bucket, sentMs - world.settings.configLifetimeMs, sentMs)
    .filter((set) => set.rules.some((rule) => rule.destination.bucket === bucket))
    .every((set) =>
      set.rules.some((rule) => rule.destination.bucket === bucket && covers(rule, of.key, of.stored)),
    );
}
