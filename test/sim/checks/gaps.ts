import type { BacklogEntry } from '../../../lib/domain/backlog';
import type { ReasonCode } from '../../../lib/domain/error';
import type { BucketRef } from '../../../lib/domain/rule';
import type { RuleBooks } from '../rule-books';
import { ruleToward } from '../rule-books';
import type { Verdict } from '../failure';
import { nameOf, shown, type Written } from '../ledger';
import type { World } from '../world';
import { canStemFrom, openAttempts, type Pair, placeOf, replicasOf } from './histories';

/** Why an entry is said to have failed for good, and when each reason was told, by the teller's clock. */
type Reasons = ReadonlyMap<ReasonCode, number>;

/** The entries that the backlog names as failed for good. */
export type Gaps = ReadonlyMap<string, Reasons>;

export function readGaps(world: World): Gaps {
  const gaps = new Map<string, Map<ReasonCode, number>>();
  for (const { entry } of readBacklog(world)) {
    if (entry.status !== 'FAILED') continue;
    const name = gapName(entry.sourceBucket, entry.destinationBucket, entry.key, entry.source);
    gaps.set(name, (gaps.get(name) ?? new Map<ReasonCode, number>()).set(entry.code, Date.parse(entry.at)));
  }
  return gaps;
}

/** What failed for good, and where it was to go. */
export function toldGaps(world: World): readonly { readonly gap: Written; readonly destination: string }[] {
  return readBacklog(world).flatMap(({ entry }) => {
    const { status, source, sourceBucket, destinationBucket, key } = entry;
    if (status !== 'FAILED' || source === undefined || destinationBucket === undefined) return [];
    const gap = world.cos.ledger.named(sourceBucket, key, source);
    return gap === undefined ? [] : [{ gap, destination: destinationBucket }];
  });
}

export function reasonsOfGap(gaps: Gaps, written: Written, pair: Pair): Reasons {
  const name = gapName(pair.source.bucket, pair.destination.bucket, pair.key, nameOf(written.stored.entry));
  return gaps.get(name) ?? new Map<ReasonCode, number>();
}

/** Whichever rule it failed under: another one may bring the key to the same destination by now. */
const gapName = (
  bucket: string,
  destination: string | undefined,
  key: string,
  source: string | undefined,
): string => [bucket, destination, key, source].join('\n');

function readBacklog(world: World): readonly { readonly name: string; readonly entry: BacklogEntry }[] {
  return [...world.state.documents]
    .filter(([name]) => name.startsWith('backlog/'))
    .map(([name, body]) => ({ name, entry: JSON.parse(body) as BacklogEntry }));
}

/** Why an entry cannot be copied, whoever tries, at this time; `undefined`: nothing about it stands in the way. */
export function obstacleOf(
  world: World,
  { restoredMs = Infinity, stored: { content } }: Written,
  atMs = world.scheduler.now(),
): ReasonCode | undefined {
  if (content === undefined) return undefined;
  const kind = content.metadata['x-cos-meta-kind'];
  if (kind === 'appendable') return 'APPEND_OBJECT';
  // Of one that is sealed not even a HEAD is answered.
  if (kind === 'encrypted' || kind === 'sealed') return 'OBJECT_ENCRYPTED';
  if (content.storageClass === 'ARCHIVE' && restoredMs > atMs) return 'OBJECT_ARCHIVED';
  if (content.body.length > world.settings.replication.singleCopyBytesMax) return 'OBJECT_TOO_LARGE';
  if (kind === 'unreadable') return 'METADATA_UNREADABLE';
  if (kind === 'refused') return 'REQUEST_REFUSED';
  if (content.metadata['x-cos-meta-large'] !== undefined) return 'METADATA_TOO_LARGE';
  return undefined;
}

/** Whether a reason for which an entry is said to have failed is true of it. */
export function isTrueReason(
  world: World,
  written: Written,
  { destination }: Pair,
  code: ReasonCode,
  toldMs: number,
): boolean {
  if (code === obstacleOf(world, written)) return true;
  if (code === 'NEWER_NOT_COPYABLE')
    return (
      wasBelowUncopyable(world, written, destination, toldMs) ||
      wasBelowUsersOwn(world, written, destination, toldMs)
    );
  return code === 'REPLICA_MISMATCH' && tornReplicas(world, written, destination.bucket).length >= 2;
}

/**
 * Something newer was at the destination that could be copied neither from the source nor from there when it was told: that
 * is asked again only about once an hour.
 */
function wasBelowUncopyable(world: World, written: Written, destination: BucketRef, toldMs: number): boolean {
  const { clockToleranceMs } = world.settings.replication;
  const [fromMs, untilMs] = [toldMs - clockToleranceMs, toldMs + clockToleranceMs];
  const isCopyable = (one: Written): boolean =>
    (one.removedMs ?? Infinity) > untilMs && obstacleOf(world, one, fromMs) === undefined;
  return world.cos.ledger
    .of(written.ref.bucket, written.key)
    .slice(placeOf(world, written) + 1)
    .some((newer) => {
      const standing = replicasOf(world, newer, destination).filter(
        ({ landedMs, removedMs }) => landedMs <= untilMs && (removedMs ?? Infinity) > fromMs,
      );
      return standing.length > 0 && ![newer, ...standing].some(isCopyable);
    });
}

/** A user's own version lay on top of all replicas when it was told. */
function wasBelowUsersOwn(world: World, { key }: Written, { bucket }: BucketRef, toldMs: number): boolean {
  const { clockToleranceMs } = world.settings.replication;
  const [fromMs, untilMs] = [toldMs - clockToleranceMs, toldMs + clockToleranceMs];
  const stood = world.cos.ledger
    .of(bucket, key)
    .filter(({ landedMs, removedMs }) => landedMs <= untilMs && (removedMs ?? Infinity) > fromMs);
  const newest = stood.findLastIndex(
    ({ author, landedMs }) => author.kind === 'replication' && landedMs <= fromMs,
  );
  return stood
    .slice(newest + 1)
    .some(({ author, stored: { entry } }) => author.kind === 'user' && entry.kind === 'version');
}

function tornReplicas(world: World, written: Written, bucket: string): readonly Written[] {
  return world.cos.ledger
    .of(bucket, written.key)
    .filter(({ author }) => author.kind === 'replication' && author.torn && author.of === written);
}

/** What is older was copied on top of it, and it could not be put there again. What is torn counts for nothing. */
function isBuried(world: World, written: Written, { bucket }: BucketRef): boolean {
  const standing = world.cos.ledger
    .of(bucket, written.key)
    .filter(({ removedMs }) => removedMs === undefined);
  const top = standing.findLast(({ author }) => author.kind === 'replication' && !author.torn);
  if (top?.author.kind !== 'replication' || top.author.of.ref.bucket !== written.ref.bucket) return false;
  if (placeOf(world, top.author.of) < placeOf(world, written)) return true;
  const markers = standing
    .slice(standing.indexOf(top) + 1)
    .filter(({ stored }) => stored.content === undefined);
  return markers.some((marker) => mayBeOfOlder(world, marker, written));
}

/** A user's own marker counts as one of replication that an attempt of unknown outcome can have written. */
function mayBeOfOlder(world: World, { landedMs, ref, key }: Written, written: Written): boolean {
  return openAttempts(world, ref.bucket, key)
    .filter((attempt) => canStemFrom(world, landedMs, attempt))
    .map(({ sourceMarker }) => world.cos.ledger.named(written.ref.bucket, key, sourceMarker))
    .some((of) => of !== undefined && placeOf(world, of) < placeOf(world, written));
}

/** A gap that a rule left behind is removed by the timer once it is ten minutes old. */
const leftBehindMs = 600_000;
/** Older gaps are read about once an hour; when all goes well again, the timer runs three times at least. */
const youngMs = 1_800_000;

/**
 * In a quiet world nothing waits to be tried again, and what is said to have failed has: its reason is true, it does not
 * stand at the destination, and a rule still wants it.
 */
export function checkBacklog(world: World, books: RuleBooks, timerMs: number, verdict: Verdict): void {
  for (const { name, entry } of readBacklog(world)) {
    const { sourceBucket, destinationBucket = '', ruleId, key, status, source, code, at } = entry;
    if (status === 'PENDING') {
      verdict.fail('backlog', `still pending: ${name} ${code}`, key);
      continue;
    }
    const rules = books.newest(sourceBucket);
    const rule = ruleToward(rules, destinationBucket, key);
    // Keys that an enabled rule no longer covers are come upon about once an hour.
    const goesOn = rules?.rules.find(({ id }) => id === ruleId)?.status === 'Enabled';
    if (rule === undefined && goesOn) continue;
    if (rule === undefined) {
      // Two runs of the timer after it became old enough, whatever clock it is by.
      const old = world.scheduler.now() - Date.parse(at) > leftBehindMs + 2 * timerMs + 60_000;
      if (old) verdict.fail('backlog', `no rule wants it any longer: ${name}`, key);
      continue;
    }
    const written = source === undefined ? undefined : world.cos.ledger.named(sourceBucket, key, source);
    if (written === undefined) {
      verdict.fail('backlog', `failed for good, and there never was such an entry: ${name}`, key);
      continue;
    }
    const ageMs = world.scheduler.now() - 3 * timerMs - Date.parse(at);
    if (written.restoredMs !== undefined && ageMs > youngMs) continue;
    const pair: Pair = { source: written.ref, destination: rule.destination, key, rule };
    const stands = replicasOf(world, written, rule.destination).some(
      ({ removedMs }) => removedMs === undefined,
    );
    // Whatever it failed of, it is tried again about once an hour.
    if (stands && isBuried(world, written, rule.destination)) continue;
    if (!isTrueReason(world, written, pair, code, Date.parse(at)))
      verdict.fail('backlog', `${shown(written)} is said to have failed: ${code}, which is not so`, key);
    if (stands)
      verdict.fail('status', `${shown(written)} is said to have failed: ${code}; it was copied`, key);
  }
}
