import type { BucketRef, ReplicationRule } from '../../../lib/domain/rule';
import { nameOf, type Written } from '../ledger';
import { covers, hasPrefix, type RuleBooks } from '../rule-books';
import type { MarkerRecord, World } from '../world';

/** One key, and an enabled rule that brings it somewhere. */
export interface Pair {
  readonly source: BucketRef;
  readonly destination: BucketRef;
  readonly key: string;
  readonly rule: ReplicationRule;
}

/** By the rules as they stand. */
export function pairsOf(world: World, books: RuleBooks, keys: readonly string[]): readonly Pair[] {
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

/** Whether a rule replicates an entry, whatever becomes of it. */
export function isEligible(written: Written, { rule, key }: Pair): boolean {
  return written.author.kind === 'user' && covers(rule, key, written.stored);
}

/** All that replication wrote of a source entry to a bucket, the torn ones left aside. */
export function replicasOf(world: World, written: Written, destination: BucketRef): readonly Written[] {
  return world.cos.ledger
    .of(destination.bucket, written.key)
    .filter(({ author }) => author.kind === 'replication' && author.of === written && !author.torn);
}

/** Itself, and what nobody can tell from it: the same content without an id, put again within the same second. */
export function namesakesOf(world: World, written: Written): readonly Written[] {
  const name = nameOf(written.stored.entry);
  return world.cos.ledger
    .of(written.ref.bucket, written.key)
    .filter((one) => one === written || nameOf(one.stored.entry) === name);
}

/** Where an entry stands among all there ever were of its key. */
export function placeOf(world: World, written: Written): number {
  return world.cos.ledger.of(written.ref.bucket, written.key).indexOf(written);
}

/** Whether a marker could have come of an attempt, by their times. */
export function canStemFrom(world: World, landedMs: number, { sentMs }: MarkerRecord): boolean {
  const { deleteSettlesMs, clockToleranceMs } = world.settings.replication;
  // Last-Modified is in whole seconds.
  return (
    landedMs >= sentMs - 2 * clockToleranceMs - 1_000 &&
    landedMs <= sentMs + deleteSettlesMs + 2 * clockToleranceMs + 1_000
  );
}

/**
 * Attempts to write a marker there whose outcome nobody has noted: by now, or by the time when it was over. Records of
 * markers that are gone are removed one day.
 */
export function openAttempts(
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

/**
 * Another marker at the destination counts for a replicated one that an attempt of unknown outcome was to write: it
 * shows the same.
 */
export function isStoodInFor(world: World, written: Written, { destination, key }: Pair): boolean {
  if (written.stored.entry.kind !== 'deleteMarker') return false;
  const markers = world.cos.ledger
    .of(destination.bucket, key)
    .filter(
      ({ stored, author }) =>
        stored.content === undefined && !(author.kind === 'replication' && author.of === written),
    );
  return openAttempts(world, destination.bucket, key, 'whenOver')
    .filter(({ sourceMarker }) => sourceMarker === nameOf(written.stored.entry))
    .some((attempt) => markers.some(({ landedMs }) => canStemFrom(world, landedMs, attempt)));
}
