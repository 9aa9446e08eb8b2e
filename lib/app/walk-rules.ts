import { suspect } from '../domain/compare';
import { areRivals, type BucketRef, coverageOf, type ReplicationRule, type RuleSet } from '../domain/rule';
import type { HandleEventPorts } from './handle-event';
import { isolated } from './isolated';
import { pairKeys, type PairedKey, walkKeys } from './key-walk';
import { lookAtKey, lookedName, type TimerRun } from './look-at-key';
import { mapAtMost } from './map-at-most';
import { isItsTurn } from './sample';
import { listedForSureMs } from './settings';
import { comparedBeforeMs, ruleName, sincesOf, type WalkBegin, type WalkState } from './walk-state';

/** Of keys that look alike, one in a thousand is looked at within an hour all the same, each hour others. */
const sampleTurn = { periodMs: 300_000, oneIn: 12_000 };
/** Of keys that look as they did when a walk looked at them, and found no more to do, one in 24. */
const knownTurn = { periodMs: 300_000, oneIn: 288 };
/** A walk that takes long makes up for the turns since the one before, if not for more. */
const turnsMissedMs = 3_600_000;

/** What is walked in one go: one prefix of one enabled rule. */
interface Walk {
  readonly source: BucketRef;
  readonly rule: ReplicationRule;
  readonly prefix: string;
}

export type Walked = Pick<WalkState, 'compared' | 'stopped'>;

/**
 * Walks both listings of every enabled rule in lock-step, from where the last run stopped, and looks at the keys that
 * differ. Returns how far it came. A rule that cannot be walked, or one of whose keys could not be looked at, holds up
 * no other; it does not count as compared.
 */
export async function walkRules(
  ports: HandleEventPorts,
  ruleSets: readonly RuleSet[],
  run: TimerRun,
  { compared, stopped }: Walked,
): Promise<Walked> {
  const walks = walksOf(ruleSets, ports.region);
  const began = stopped?.began ?? new Date(ports.clock.now()).toISOString();
  // Of a rule that a run passes over, since it cannot be read, nobody knows whether it was walked as a whole.
  const sinces = sincesStill(stopped?.sinces ?? sincesOfAll(walks), walks);
  const last = stopped && walkId(stopped);
  for (const walk of walks) {
    const { source, rule, prefix } = walk;
    const here = walkId({ bucket: source.bucket, rule: rule.id, prefix });
    if (last !== undefined && here < last) continue;
    const reached = await walkPrefix(ports, walk, run, {
      afterKey: here === last ? stopped?.afterKey : undefined,
      comparedBeforeMs: comparedBeforeMs(source.bucket, rule, compared, ports.settings),
      turnsFromMs: Math.max(Date.parse(compared?.began ?? began), ports.clock.now() - turnsMissedMs),
    });
    if (reached.failed) for (const name of mayTakeOver(walks, walk)) delete sinces[name];
    if (reached.ended) continue;
    const { afterKey } = reached;
    const place = { bucket: source.bucket, rule: rule.id, prefix };
    const before = compared === undefined ? {} : { compared };
    return {
      ...before,
      stopped: { began, sinces, ...place, ...(afterKey === undefined ? {} : { afterKey }) },
    };
  }
  return { compared: { began, sinces } };
}

/** The names of a rule, and of those that may have its keys one day with the times from which it covered them. */
function mayTakeOver(walks: readonly Walk[], { source, rule }: Walk): readonly string[] {
  return walks
    .filter((other) => other.source.bucket === source.bucket && areRivals(other.rule, rule))
    .map((other) => ruleName(source.bucket, other.rule));
}

/** Without those of rules that are not walked any longer. */
function sincesStill(sinces: WalkBegin['sinces'], walks: readonly Walk[]): Record<string, readonly number[]> {
  const walked = new Set(walks.map(({ source, rule }) => ruleName(source.bucket, rule)));
  return Object.fromEntries(Object.entries(sinces).filter(([name]) => walked.has(name)));
}

function walksOf(ruleSets: readonly RuleSet[], region: string): readonly Walk[] {
  const idOf = ({ source, rule, prefix }: Walk) => walkId({ bucket: source.bucket, rule: rule.id, prefix });
  return ruleSets
    .filter((set) => set.region === region)
    .flatMap(({ bucket, rules }) =>
      rules.flatMap((rule) => rule.prefixes.map((prefix) => ({ source: { bucket, region }, rule, prefix }))),
    )
    .filter(({ rule }) => rule.status === 'Enabled')
    .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

const walkId = (walk: { readonly bucket: string; readonly rule: string; readonly prefix: string }): string =>
  `${walk.bucket}/${walk.rule}/${walk.prefix}`;

function sincesOfAll(walks: readonly Walk[]): WalkBegin['sinces'] {
  return Object.fromEntries(walks.map(({ source, rule }) => [ruleName(source.bucket, rule), sincesOf(rule)]));
}

interface Reached {
  readonly ended: boolean;
  readonly failed: boolean;
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
  if (run.timeIsUp()) return { ended: false, failed: false, afterKey: from.afterKey };
  const { keysAtOnce } = ports.settings;
  const side = (bucket: BucketRef) => walkKeys(ports, bucket, prefix, from.afterKey);
  let { afterKey } = from;
  let ended = true;
  let failed = false;
  let batch: PairedKey[] = [];
  const flush = async (): Promise<void> => {
    await mapAtMost(keysAtOnce, batch, async ({ key }) => {
      const facts = { bucket: source.bucket, rule: rule.id, key };
      const looked = await isolated(ports, 'key not done', facts, () => lookAtKey(ports, source, key, run));
      failed ||= looked !== 'done';
    });
    batch = [];
  };
  const walk = async (): Promise<void> => {
    for await (const pair of pairKeys(side(source), side(rule.destination))) {
      if (run.timeIsUp()) {
        ended = false;
        break;
      }
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
  return { ended, failed: failed || outcome !== 'done', afterKey };
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
