import type { Verdict } from '../failure';
import { nameOf, shown, type Written } from '../ledger';
import type { RuleBooks } from '../rule-books';
import type { MarkerRecord, World } from '../world';
import {
  canStemFrom,
  isEligible,
  isStoodInFor,
  openAttempts,
  type Pair,
  pairsOf,
  placeOf,
  replicasOf,
} from './histories';

/** The newest is on top, unless a user wrote to the destination later. */
export function checkCurrent(
  world: World,
  books: RuleBooks,
  keys: readonly string[],
  verdict: Verdict,
): void {
  for (const pair of pairsOf(world, books, keys)) {
    const wrong = wrongTop(world, pair);
    if (wrong === undefined) continue;
    const ever = world.cos.ledger.of(pair.destination.bucket, pair.key);
    const { top, newest } = wrong;
    verdict.fail(
      'current',
      `${shown(top)} is on top of "${pair.key}" at ${pair.destination.bucket} instead of ${shown(newest)}: [${ever.map(shown).join(' ')}]`,
      pair.key,
    );
  }
}

function wrongTop(world: World, pair: Pair): { readonly top: Written; readonly newest: Written } | undefined {
  const { source, destination, key } = pair;
  const newest = world.cos.ledger
    .of(source.bucket, key)
    .findLast((one) => isEligible(one, pair) && canStillBeShown(world, one, pair));
  const ever = world.cos.ledger.of(destination.bucket, key);
  const top = ever.findLast((one) => one.removedMs === undefined);
  if (newest === undefined || top === undefined) return undefined;
  // A user who deletes the newest replica for good at the destination has shown what lay below it.
  const replicas = replicasOf(world, newest, destination);
  if (replicas.length > 0 && replicas.every((one) => one.removedMs !== undefined)) return undefined;
  // A marker on top may stand in for a newer one than it was written for.
  const newer = world.cos.ledger.of(source.bucket, key).slice(placeOf(world, newest) + 1);
  const isMarker = top.stored.content === undefined;
  if (isMarker && newer.some((one) => isEligible(one, pair) && isStoodInFor(world, one, pair)))
    return undefined;
  const right =
    top.author.kind === 'replication' && top.author.of.ref.bucket === source.bucket
      ? isRightReplica(world, pair, top, newest)
      : arrivedBelow(world, ever.slice(0, ever.indexOf(top)), newest);
  return right ? undefined : { top, newest };
}

/** It arrived, and neither source nor destination had it deleted for good since. */
function canStillBeShown(world: World, written: Written, { destination }: Pair): boolean {
  const replicas = replicasOf(world, written, destination);
  const stands = (one: Written): boolean => one.removedMs === undefined;
  return replicas.length > 0 && (stands(written) || replicas.some(stands));
}

/** A user wrote later than the newest arrived. */
function arrivedBelow(world: World, below: readonly Written[], newest: Written): boolean {
  return below.some(
    ({ author }) => author.kind === 'replication' && placeOf(world, author.of) >= placeOf(world, newest),
  );
}

function isRightReplica(world: World, pair: Pair, top: Written, newest: Written): boolean {
  const { source, destination, key } = pair;
  const { author } = top;
  if (author.kind !== 'replication') return false;
  if (placeOf(world, author.of) >= placeOf(world, newest) && !author.torn) return true;
  if (idsDisagree(world, author.of, newest)) return true;
  const open = openAttempts(world, destination.bucket, key);
  const isDoubtful = (marker: Written): boolean =>
    open.some((attempt) => canStemFrom(world, marker.landedMs, attempt));
  // A late marker on top of a newer one shows the same; beside an attempt of unknown outcome nobody can tell them apart.
  const isMarker = top.stored.content === undefined;
  if (isMarker && isDoubtful(top) && newest.stored.content === undefined) return true;
  // Nor a late one from one that is still to be written: the key shows as deleted, as it is at the source.
  const shownNow = world.cos.ledger.of(source.bucket, key).findLast((one) => one.removedMs === undefined);
  if (isMarker && isDoubtful(top) && shownNow?.stored.content === undefined) return true;
  if (newest.removedMs === undefined) return false;
  // In doubt what may have been an older marker is covered again by the head; a marker that is gone cannot come back.
  if (newest.stored.content === undefined && replicasOf(world, newest, destination).some(isDoubtful))
    return true;
  // The marker's record was hidden from who wrote on top of it as on a user's; that lies on its base for everybody since.
  const hidden = ({ hiddenFrom }: MarkerRecord): boolean => hiddenFrom.has(author.worker);
  if (world.attempts.some((attempt) => isOf(attempt, newest, pair) && hidden(attempt))) return true;
  // A listing of the destination hid its replica, and the source has it no longer: nobody knew that it is missing. Or
  // the one of what is on top now, and who made it again could not tell any more what had come after it.
  return [newest, author.of].flatMap((one) => replicasOf(world, one, destination)).some((one) => one.hidden);
}

function isOf(attempt: MarkerRecord, { ref, stored }: Written, { destination, key }: Pair): boolean {
  const ofSource = attempt.sourceBucket === ref.bucket && attempt.sourceMarker === nameOf(stored.entry);
  return ofSource && attempt.destination === destination.bucket && attempt.key === key;
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
