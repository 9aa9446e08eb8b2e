import { suspect } from '../domain/compare';
import { areRivals, type BucketRef, coverageOf, type ReplicationRule, type RuleSet } from '../domain/rule';
import type { HandleEventPorts } from './handle-event';
import { isolated } from './isolated';
import { pairKeys, type PairedKey, walkKeys } from './key-walk';
import { lookAtKey, lookedName, type TimerRun } from './look-at-key';
import { mapAtMost } from './map-at-most';
import { isItsTurn } from './sample';
import { listedForSureMs } from './settings';
import {
  type BrokenOff,
  comparedBeforeMs,
  ruleName,
  sincesOf,
  type WalkBegin,
  type WalkState,
} from './walk-state';

/** Of keys that look alike, one in a thousand is looked at within an hour all the same, each hour others. */
const sampleTurn = { periodMs: 300_000, oneIn: 12_000 };
/** Of keys that look as they did when a walk looked at them, and found no more to do, one in 24. */
const knownTurn = { periodMs: 300_000, oneIn: 288 };
/** A walk that takes long makes up for the turns since the one before, if not for more. */
const turnsMissedMs = 3_600_000;

/** A walk that broke off goes on from its place; that often, if it comes no further. */
const brokenOffMax = 2;

/** So many keys in a row of which nothing could be done, and that took so long, break their rule's walk off for this time. */
const fruitlessKeysMax = 16;
const fruitlessMsMax = 60_000;

/** What is walked in one go: one prefix of one enabled rule. */
interface Walk {
  readonly source: BucketRef;
  readonly rule: ReplicationRule;
  readonly prefix: string;
}

export type Walked = Pick<WalkState, 'compared' | 'stopped' | 'brokenOff'>;

/**
 * Walks both listings of every enabled rule in lock-step, from where the last run stopped, and looks at the keys that
 * differ. Returns how far it came. A rule that cannot be walked, or one of whose keys could not be looked at, holds up
 * no other; it does not count as compared.
 */
export async function walkRules(
  ports: HandleEventPorts,
  ruleSets: readonly RuleSet[],
  run: TimerRun,
  { compared, stopped, brokenOff }: Walked,
): Promise<Walked> {
  const walks = walksOf(ruleSets, ports.region);
  const began = stopped?.began ?? new Date(ports.clock.now()).toISOString();
  // Of a rule that a run passes over, since it cannot be read, nobody knows whether it was walked as a whole.
  const now = coveragesOf(ports, walks);
  const coverages = stopped?.coverages ?? now;
  const sinces = sincesStill(stopped?.sinces ?? sincesOfAll(walks), coverages, now);
  const last = stopped && walkId(stopped);
  const places = placesStill(brokenOff, walks);
  for (const walk of walks) {
    const { source, rule, prefix } = walk;
    const here = idOf(walk);
    if (last !== undefined && here < last) continue;
    // What lies before the place where the last walk broke off is not walked now.
    const goesOn = here !== last && places.has(here);
    const place = places.get(here);
    const fromKey = here === last ? stopped?.afterKey : place?.afterKey;
    places.delete(here);
    const reached = await walkPrefix(ports, walk, run, {
      afterKey: fromKey,
      comparedBeforeMs: comparedBeforeMs(source.bucket, rule, compared, ports.settings),
      turnsFromMs: Math.max(Date.parse(compared?.began ?? began), ports.clock.now() - turnsMissedMs),
    });
    if (reached.failed || goesOn) for (const name of mayTakeOver(walks, walk)) delete sinces[name];
    const { afterKey } = reached;
    const times = afterKey === place?.afterKey ? (place?.times ?? 0) + 1 : 1;
    // One that comes no further begins anew: what keeps it may stay, and what lies before it has its turn.
    if (reached.brokeOff && afterKey !== undefined && times <= brokenOffMax)
      places.set(here, { afterKey, times });
    if (reached.ended) continue;
    return {
      ...(compared === undefined ? {} : { compared }),
      stopped: {
        began,
        sinces,
        coverages,
        bucket: source.bucket,
        rule: rule.id,
        prefix,
        ...(afterKey === undefined ? {} : { afterKey }),
      },
      ...written(places),
    };
  }
  return { compared: { began, sinces }, ...written(places) };
}

/** Where walks broke off, of those that there still are. */
function placesStill(brokenOff: Walked['brokenOff'] = {}, walks: readonly Walk[]): Map<string, BrokenOff> {
  const ids = new Set(walks.map(idOf));
  return new Map(Object.entries(brokenOff).filter(([id]) => ids.has(id)));
}

function written(places: ReadonlyMap<string, BrokenOff>): Pick<WalkState, 'brokenOff'> {
  return places.size === 0 ? {} : { brokenOff: Object.fromEntries(places) };
}

/** The names of a rule, and of those that may have its keys one day with the times from which it covered them. */
function mayTakeOver(walks: readonly Walk[], { source, rule }: Walk): readonly string[] {
  return walks
    .filter((other) => other.source.bucket === source.bucket && areRivals(other.rule, rule))
    .map((other) => ruleName(source.bucket, other.rule));
}

/** Without those of rules whose coverage is not what it was: what is new of it may lie before the place of the walk. */
function sincesStill(
  sinces: WalkBegin['sinces'],
  begun: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(sinces).filter(([name]) => begun[name] === now[name]));
}

/** By rule, what stands for its coverage. */
function coveragesOf({ digests }: HandleEventPorts, walks: readonly Walk[]): Record<string, string> {
  return Object.fromEntries(
    walks.map(({ source, rule }) => [
      ruleName(source.bucket, rule),
      digests.sha256(JSON.stringify(rule.coverage)).slice(0, 16),
    ]),
  );
}

function walksOf(ruleSets: readonly RuleSet[], region: string): readonly Walk[] {
  return ruleSets
    .filter((set) => set.region === region)
    .flatMap(({ bucket, rules }) =>
      rules.flatMap((rule) => rule.prefixes.map((prefix) => ({ source: { bucket, region }, rule, prefix }))),
    )
    .filter(({ rule }) => rule.status === 'Enabled')
    .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

const idOf = ({ source, rule, prefix }: Walk): string =>
  walkId({ bucket: source.bucket, rule: rule.id, prefix });

const walkId = (walk: { readonly bucket: string; readonly rule: string; readonly prefix: string }): string =>
  `${walk.bucket}/${walk.rule}/${walk.prefix}`;

function sincesOfAll(walks: readonly Walk[]): WalkBegin['sinces'] {
  return Object.fromEntries(walks.map(({ source, rule }) => [ruleName(source.bucket, rule), sincesOf(rule)]));
}

interface Reached {
  readonly ended: boolean;
  /** Some of it was not compared. */
  readonly failed: boolean;
  /** It could not be listed any further, or nothing could be done for many keys in a row. */
  readonly brokeOff: boolean;
  readonly afterKey: string | undefined;
}

interface WalkFrom {
  readonly afterKey: string | undefined;
  readonly comparedBeforeMs: number;
  /** When the last walk began that ended: turns since are due. */
  readonly turnsFromMs: number;
}

/** One prefix's walk, in batches of keys, until its end or until time is up. */
async function walkPrefix(
  ports: HandleEventPorts,
  { source, rule, prefix }: Walk,
  run: TimerRun,
  from: WalkFrom,
): Promise<Reached> {
  // Also where many in a row have no keys, or cannot be listed.
  if (run.timeIsUp()) return { ended: false, failed: false, brokeOff: false, afterKey: from.afterKey };
  const { keysAtOnce } = ports.settings;
  const side = (bucket: BucketRef) => walkKeys(ports, bucket, prefix, from.afterKey);
  let { afterKey } = from;
  let ended = true;
  let failed = false;
  let batch: PairedKey[] = [];
  let fruitless = 0;
  let fruitfulMs = ports.clock.now();
  const isInVain = (): boolean =>
    fruitless >= fruitlessKeysMax && ports.clock.now() - fruitfulMs > fruitlessMsMax;
  const flush = async (): Promise<void> => {
    await mapAtMost(keysAtOnce, batch, async ({ key }) => {
      const facts = { bucket: source.bucket, rule: rule.id, key };
      let isPending = true;
      const looked = await isolated(ports, 'key not done', facts, async () => {
        const outcomes = await lookAtKey(ports, source, key, run);
        isPending = outcomes.some((one) => one.rule.id === rule.id && one.pending?.error.effect === 'retry');
      });
      failed ||= looked !== 'done';
      fruitless = isPending ? fruitless + 1 : 0;
      if (!isPending) fruitfulMs = ports.clock.now();
    });
    batch = [];
  };
  const walk = async (): Promise<void> => {
    for await (const pair of pairKeys(side(source), side(rule.destination))) {
      if (run.timeIsUp()) {
        ended = false;
        break;
      }
      // A destination that nothing can be written to keeps no other rule from its turn.
      if (isInVain()) break;
      if (pair.source.entries.length > 0) run.tally.walkedKeys += 1;
      const looked = wasLookedAt(ports, pair, run.looked.get(lookedName(source, pair.key)));
      if (!looked && isWorthALook(ports, rule, pair, from)) batch.push(pair);
      if (batch.length >= keysAtOnce) await flush();
      afterKey = pair.key;
    }
  };
  const facts = { bucket: source.bucket, rule: rule.id, prefix };
  const outcome = await isolated(ports, 'rule not walked', facts, walk);
  // Also where the walk broke off: what was found by then is worth its look.
  await flush();
  const brokeOff = outcome !== 'done' || isInVain();
  return { ended, failed: failed || brokeOff, brokeOff, afterKey };
}

function isWorthALook(
  ports: HandleEventPorts,
  rule: ReplicationRule,
  pair: PairedKey,
  { comparedBeforeMs, turnsFromMs }: WalkFrom,
): boolean {
  const coverage = coverageOf(rule, pair.key);
  const { clockToleranceMs, longestTransferMs } = ports.settings;
  const times = { clockToleranceMs, comparedBeforeMs, longestWriteMs: longestTransferMs };
  switch (suspect(pair.source, pair.destination, coverage, times)) {
    case 'uncovered':
      return false;
    case 'doubt':
      return true;
    case 'known':
      return isItsTurn(ports, pair.key, { ...knownTurn, fromMs: turnsFromMs });
    case 'alike':
      return isItsTurn(ports, pair.key, { ...sampleTurn, fromMs: turnsFromMs });
  }
}

/** Whether this run looked at a key, and nothing that a listing shows is so young that it may have missed it. */
function wasLookedAt(
  { settings }: HandleEventPorts,
  { source, destination }: PairedKey,
  lookedMs: number | undefined,
): boolean {
  if (lookedMs === undefined) return false;
  const shownMs = lookedMs - listedForSureMs(settings);
  return [source, destination].every(({ entries }) =>
    entries.every(({ lastModifiedMs }) => lastModifiedMs < shownMs),
  );
}
