import type { Written } from '../ledger';
import type { RuleBooks } from '../rule-books';
import type { World } from '../world';
import { leftToEvents } from './arrival-check';
import { toldGaps } from './gaps';
import { placeOf, replicasOf } from './histories';

/**
 * Events that come twice more, and one more run of the timer, write nothing in a quiet world. As it stands now, four things
 * may come all the same: what a user deleted for good at the destination; what lost its only event; a gap whose turn it is,
 * and what lies above it; and a marker that shows what a late, older one on top of it shows already.
 */
export function mayStillCome(
  world: World,
  books: RuleBooks,
  keys: readonly string[],
): (written: Written) => boolean {
  const { ledger } = world.cos;
  const before = ledger.all.length;
  const left = leftToEvents(world, books, keys);
  const gaps = toldGaps(world);

  /** By the timer: no event fills one. */
  const fills = (replica: Written, gap: Written): boolean =>
    replica.author.kind === 'replication' &&
    replica.author.worker.includes('timer') &&
    replicasOf(world, gap, replica.ref).some((one) => ledger.all.indexOf(one) >= before);

  return (written) =>
    lacksReplicas(world, written) ||
    left.some(({ written: of, destination }) => replicasOf(world, of, destination)[0] === written) ||
    gaps.some(
      ({ gap, destination }) =>
        destination === written.ref.bucket && gap.key === written.key && fills(written, gap),
    ) ||
    showsTheSame(world, written);
}

/** Replicas that a user deleted for good are made again when their key is looked at, and not before, with what lies above. */
function lacksReplicas(world: World, { author, ref, key }: Written): boolean {
  if (author.kind !== 'replication') return false;
  const { of } = author;
  return world.cos.ledger
    .of(ref.bucket, key)
    .some(
      (one) =>
        one.removedMs !== undefined &&
        one.author.kind === 'replication' &&
        one.author.of.ref.bucket === of.ref.bucket &&
        placeOf(world, one.author.of) <= placeOf(world, of),
    );
}

/** It was put on top of a marker of an older one, and a list had hidden a record of such a marker until then. */
function showsTheSame(world: World, written: Written): boolean {
  const { author, stored, ref, key } = written;
  const standing = world.cos.ledger
    .of(ref.bucket, key)
    .filter((one) => one === written || one.removedMs === undefined);
  const below = standing[standing.indexOf(written) - 1];
  if (stored.content !== undefined || below === undefined || below.stored.content !== undefined) return false;
  if (author.kind !== 'replication' || below.author.kind !== 'replication') return false;
  const [of, older] = [author.of, below.author.of];
  const wasHidden = world.attempts.some(
    (attempt) => attempt.destination === ref.bucket && attempt.key === key && attempt.hiddenFrom.size > 0,
  );
  return wasHidden && older.ref.bucket === of.ref.bucket && placeOf(world, older) < placeOf(world, of);
}
