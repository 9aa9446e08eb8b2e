import type { BucketRef, RuleSet } from '../../../lib/domain/rule';
import type { Verdict } from '../failure';
import { nameOf, shown, type Written } from '../ledger';
import { covers, type RuleBooks, ruleToward } from '../rule-books';
import type { World } from '../world';
import { type Gaps, isTrueReason, obstacleOf, readGaps, reasonsOfGap } from './gaps';
import {
  canStemFrom,
  isEligible,
  isStoodInFor,
  namesakesOf,
  openAttempts,
  type Pair,
  pairsOf,
  placeOf,
  replicasOf,
} from './histories';

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
    const doubtsMs = [bucket, pair.destination.bucket].map((one) => doubtsEndMs(world, one));
    const fromMs = of === 'all' ? 0 : Math.max(changedMs, ...doubtsMs) + world.settings.configLifetimeMs;
    checkNothingLost(world, books, pair, gaps, verdict, fromMs);
  }
}

export interface LeftToEvents {
  readonly written: Written;
  readonly destination: BucketRef;
}

/** What nothing but an event can tell to be missing at a destination. */
export function leftToEvents(
  world: World,
  books: RuleBooks,
  keys: readonly string[],
): readonly LeftToEvents[] {
  const gaps = readGaps(world);
  return pairsOf(world, books, keys).flatMap((pair) =>
    world.cos.ledger
      .of(pair.source.bucket, pair.key)
      .filter((written) => stateOf(world, books, written, pair, gaps) === 'like a replica')
      .map((written) => ({ written, destination: pair.destination })),
  );
}

/** A marker that was sent to a bucket while it was suspended got no id: its key waits until the attempt is surely over. */
function doubtsEndMs({ cos, buckets, settings: { replication } }: World, bucket: string): number {
  const ref = buckets.find((one) => one.bucket === bucket);
  const resumedMs = ref ? cos.resumedMs(ref) : 0;
  return resumedMs === 0 ? 0 : resumedMs + replication.deleteSettlesMs + 2 * replication.clockToleranceMs;
}

function checkNothingLost(
  world: World,
  books: RuleBooks,
  pair: Pair,
  gaps: Gaps,
  verdict: Verdict,
  fromMs: number,
): void {
  for (const written of world.cos.ledger.of(pair.source.bucket, pair.key)) {
    // A listing that hides what landed below the newest cannot be told from one that has none of it.
    if (written.hidden && fromMs > 0 && (landedBelow(world, written) || isOnAnOlderPage(world, written)))
      continue;
    // What was made readable is no event: the timer comes upon it, of what is old about once an hour.
    const isOld = world.scheduler.now() - written.landedMs > 2_700_000;
    if (written.restoredMs !== undefined && (fromMs > 0 || isOld)) continue;
    const state = stateOf(world, books, written, pair, gaps);
    world.tally.count(`entry ${state}`);
    // An event leads to a look, which tells them apart.
    if (state === 'like a replica' && fromMs === 0) continue;
    if (!notArrived.has(state) || written.landedMs < fromMs) continue;
    verdict.fail(
      obstacleOf(world, written) === undefined ? 'nothing lost' : 'gap told',
      `${shown(written)} (${nameOf(written.stored.entry)}) of ${pair.source.bucket} is not at ${pair.destination.bucket}, and no true reason is told`,
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
  | 'copied'
  | 'skipped'
  | 'gone'
  | 'gap'
  | 'stood in for'
  | 'in doubt'
  | 'of the first seconds'
  | 'like a replica'
  | 'pending';

const notArrived: ReadonlySet<EntryState> = new Set<EntryState>(['like a replica', 'pending']);

function stateOf(world: World, books: RuleBooks, written: Written, pair: Pair, gaps: Gaps): EntryState {
  if (namesakesOf(world, written).some((one) => replicasOf(world, one, pair.destination).length > 0))
    return 'copied';
  if (!isEligible(written, pair) || obstacleOf(world, written) === 'APPEND_OBJECT') return 'skipped';
  if (isInDoubt(world, written)) return 'in doubt';
  if (isOfTheFirstSeconds(world, books, written, pair)) return 'of the first seconds';
  if (written.removedMs !== undefined) return 'gone';
  const reasons = reasonsOfGap(gaps, written, pair);
  if ([...reasons].some(([code, toldMs]) => isTrueReason(world, written, pair, code, toldMs))) return 'gap';
  if (isStoodInFor(world, written, pair)) return 'stood in for';
  return isLikeAReplica(world, written, pair) ? 'like a replica' : 'pending';
}

/**
 * Both listings show these bytes once, and at the destination a user wrote them, or they are the replica of a version that was
 * deleted for good and is hardly older: without an event, nothing that is listed tells them from a replica.
 */
function isLikeAReplica(world: World, written: Written, { source, destination, key }: Pair): boolean {
  const body = written.stored.content?.body;
  const [here, there] = [source, destination].map(({ bucket }) =>
    world.cos.ledger
      .of(bucket, key)
      .filter(({ stored, removedMs }) => removedMs === undefined && stored.content?.body === body),
  );
  if (body === undefined || here?.length !== 1 || there?.length !== 1) return false;
  return there.every(({ author, stored: { entry } }) => {
    const { entry: own } = written.stored;
    const isOfGone =
      author.kind === 'replication' &&
      author.of.removedMs !== undefined &&
      entry.lastModifiedMs >= own.lastModifiedMs - world.settings.replication.clockToleranceMs;
    return (
      (author.kind === 'user' || isOfGone) &&
      entry.kind === 'version' &&
      own.kind === 'version' &&
      entry.etag === own.etag
    );
  });
}

/** A user's marker that may as well be what came of an attempt to write a replica of another one there. */
function isInDoubt(world: World, written: Written): boolean {
  if (written.stored.entry.kind !== 'deleteMarker') return false;
  return openAttempts(world, written.ref.bucket, written.key).some((attempt) =>
    canStemFrom(world, written.landedMs, attempt),
  );
}

/**
 * From before functions knew for sure that markers, or versions without a tag, are replicated now: by the rule as they
 * still knew it, newer versions were and have passed it.
 */
function isOfTheFirstSeconds(
  world: World,
  books: RuleBooks,
  written: Written,
  { destination, key }: Pair,
): boolean {
  const ruleOf = (set: RuleSet | undefined) => ruleToward(set, destination.bucket, key);
  const revisions = books.revisions(written.ref.bucket);
  const uncovered = revisions.findLastIndex((set) => !covers(ruleOf(set), key, written.stored));
  if (uncovered <= 0) return false;
  const learntWithinMs = world.settings.settleMs + world.settings.configLifetimeMs + 1_000;
  const coveredMs = books.committedMs(written.ref.bucket, uncovered + 1);
  if (written.landedMs > coveredMs + learntWithinMs) return false;
  // Those that a function may still have known then, and perhaps another one in between, which nobody has acted on.
  const before = revisions.filter(
    (_, revision) =>
      revision <= uncovered &&
      (revision >= uncovered - 2 ||
        books.committedMs(written.ref.bucket, revision + 1) + learntWithinMs >= written.landedMs),
  );
  return before.some((set) => passesOver(ruleOf(set), key, written));
}

/** Whether a rule that does not cover an entry covers another one of the same moment. */
function passesOver(rule: Pair['rule'] | undefined, key: string, { stored }: Written): boolean {
  if (covers(rule, key, stored)) return false;
  const { lastModifiedMs } = stored.entry;
  const other = { kind: 'version', versionId: '', etag: '', sizeBytes: 0, storageClass: 'STANDARD' } as const;
  const content = { body: '', metadata: {}, storageClass: 'STANDARD', tags: tagsOf(rule) } as const;
  return covers(rule, key, { entry: { ...other, lastModifiedMs }, content });
}

function tagsOf(rule: Pair['rule'] | undefined): string {
  const pairs = (rule?.tags ?? []).map(({ key, value }): [string, string] => [key, value]);
  return new URLSearchParams(pairs).toString();
}
