import type { ReasonCode } from '../../../lib/domain/error';
import type { BucketRef, ReplicationRule } from '../../../lib/domain/rule';
import type { Verdict } from '../failure';
import { faultKinds, type FaultRates } from '../faults';
import { shown, type Written } from '../ledger';
import { eventHeldMostMs, eventSoonMostMs, retriesMax, retryDelayMostMs } from '../platform';
import { covers, hasPrefix, type RuleBooks } from '../rule-books';
import type { Scenario } from '../scenario';
import type { World } from '../world';

/**
 * From the begin of an invocation until what it writes of one entry has landed, whatever else goes on at the key. What lands
 * far below the newest has all that was written since its begin repeated on top of it.
 */
const workMostMs = ({ settings }: World): number => 5_000 + settings.replication.longestUploadMs / 10;
/** An event comes, perhaps together with others, and is worked on. */
const soonMs = (world: World): number => eventSoonMostMs + eventHeldMostMs + workMostMs(world);
/** As often as the platform tries, if there was a reason to wait. */
const latestMs = (world: World): number =>
  soonMs(world) + retriesMax * (retryDelayMostMs + workMostMs(world));

/**
 * Reasons for which an event is tried again although nothing goes wrong: a listing lags, an attempt to write a marker
 * may still be under way, a key changes all the time, or somebody switched versioning off or changed the rule.
 */
const waitsByRight: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'LISTING_STALE',
  'OUTCOME_UNKNOWN',
  'KEY_BUSY',
  'SOURCE_NOT_VERSIONED',
  'DESTINATION_NOT_VERSIONED',
  'RULE_CHANGED',
]);

/** Whether all answers come at once and show what there is. */
function isCalm(rates: FaultRates): boolean {
  return faultKinds.every((kind) => rates[kind] === 0);
}

/**
 * Where nothing goes wrong, events alone bring every entry within a stated time after it landed, and leave the newest
 * on top; the latter also where answers take long. Before functions have heard of the last change of a rule, and of versioning, nobody can say what is due.
 */
export function checkHowSoon(
  world: World,
  books: RuleBooks,
  { keys, faultRates }: Scenario,
  verdict: Verdict,
): void {
  const calm = isCalm(faultRates);
  for (const { code, key } of calm ? world.retries : []) {
    if (!waitsByRight.has(code as ReasonCode))
      verdict.fail('how soon', `an event of "${key}" failed with ${code} although nothing went wrong`, key);
  }
  for (const source of world.buckets) {
    const fromMs = dueFromMs(world, books, source);
    for (const rule of books.newest(source.bucket)?.rules ?? []) {
      for (const key of keys.filter((one) => rule.status === 'Enabled' && hasPrefix(rule, one))) {
        const due = world.cos.ledger
          .of(source.bucket, key)
          .filter(
            (one) =>
              one.author.kind === 'user' &&
              one.restoredMs === undefined &&
              covers(rule, key, one.stored) &&
              one.landedMs >= fromMs,
          );
        for (const written of calm ? due : []) checkLanded(world, written, rule, verdict);
        checkOnTop(world, due, rule, verdict);
      }
    }
  }
}

function dueFromMs({ cos, buckets, settings }: World, books: RuleBooks, { bucket }: BucketRef): number {
  const { deleteSettlesMs, clockToleranceMs } = settings.replication;
  const changedMs = books.committedMs(bucket, books.revisions(bucket).length - 1);
  // A marker that was sent meanwhile got no id, and its key waits until that attempt is surely over.
  const resumedMs = Math.max(...buckets.map((ref) => cos.resumedMs(ref)));
  const doubtEndsMs = resumedMs === 0 ? 0 : resumedMs + deleteSettlesMs + 2 * clockToleranceMs;
  return Math.max(changedMs, doubtEndsMs) + settings.configLifetimeMs;
}

function checkLanded(
  world: World,
  written: Written,
  { destination }: ReplicationRule,
  verdict: Verdict,
): void {
  const { key, landedMs } = written;
  const replica = replicasAt(world, destination, key).find((one) => originOf(one) === written);
  // Whether it must arrive at all is asked elsewhere.
  if (replica === undefined) return;
  const tookMs = replica.landedMs - landedMs;
  const hadToWait = world.retries.some(
    (retry) => retry.key === key && retry.atMs >= landedMs && retry.atMs <= replica.landedMs,
  );
  if (tookMs <= (hadToWait ? latestMs(world) : soonMs(world))) return;
  verdict.fail(
    'how soon',
    `${shown(written)} is at ${destination.bucket} only after ${tookMs} ms${hadToWait ? ', retries included' : ''}`,
    key,
  );
}

/** Of what was deleted for good, other checkers say what may be on top. */
function checkOnTop(
  world: World,
  due: readonly Written[],
  { destination }: ReplicationRule,
  verdict: Verdict,
): void {
  const newest = due.findLast((one) =>
    replicasAt(world, destination, one.key).some((replica) => originOf(replica) === one),
  );
  if (newest === undefined) return;
  const { key } = newest;
  const source = world.cos.ledger.of(newest.ref.bucket, key);
  const there = world.cos.ledger.of(destination.bucket, key);
  if ([...source, ...there].some(({ removedMs }) => removedMs !== undefined)) return;
  const top = there.at(-1);
  const of = top && originOf(top);
  if (top === undefined || of === undefined || of.ref.bucket !== newest.ref.bucket) return;
  if (source.indexOf(of) >= source.indexOf(newest)) return;
  verdict.fail(
    'how soon',
    `${shown(top)} is on top of "${key}" at ${destination.bucket} instead of ${shown(newest)}, and no event is left`,
    key,
  );
}

function replicasAt(world: World, { bucket }: BucketRef, key: string): readonly Written[] {
  return world.cos.ledger.of(bucket, key).filter(({ author }) => author.kind === 'replication');
}

function originOf({ author }: Written): Written | undefined {
  return author.kind === 'replication' ? author.of : undefined;
}
