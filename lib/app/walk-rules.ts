import { suspect } from '../domain/compare';
import { type BucketRef, coverageOf, type ReplicationRule, type RuleSet } from '../domain/rule';
import type { HandleEventPorts } from './handle-event';
import { isolated } from './isolated';
import { pairKeys, type PairedKey, walkKeys } from './key-walk';
import { lookAtKey, type Tally } from './look-at-key';
import { mapAtMost } from './map-at-most';
import { comparedBeforeMs, ruleName, sincesOf, type WalkBegin, type WalkState } from './walk-state';

/** One key in this many that look alike is looked at all the same. */
export const sampleOneIn = 1000;

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
  tally: Tally,
  { compared, stopped }: Walked,
  timeIsUp: () => boolean,
): Promise<Walked> {
  const walks = walksOf(ruleSets, ports.region);
  const began = stopped?.began ?? new Date(ports.clock.now()).toISOString();
  const sinces = { ...(stopped?.sinces ?? sincesOfAll(walks)) };
  const last = stopped && walkId(stopped);
  for (const walk of walks) {
    const { source, rule, prefix } = walk;
    const here = walkId({ bucket: source.bucket, rule: rule.id, prefix });
    if (last !== undefined && here < last) continue;
    const reached = await walkPrefix(ports, walk, tally, {
      afterKey: here === last ? stopped?.afterKey : undefined,
      comparedBeforeMs: comparedBeforeMs(source.bucket, rule, compared, ports.settings),
      timeIsUp,
    });
    if (reached.failed) delete sinces[ruleName(source.bucket, rule)];
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

function walksOf(ruleSets: readonly RuleSet[], region: string): readonly Walk[] {
  const idOf = ({ source, rule, prefix }: Walk) => walkId({ bucket: source.bucket, rule: rule.id, prefix });
  return ruleSets
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

/** One prefix's walk, in batches of keys, until its end or until time is up. */
async function walkPrefix(
  ports: HandleEventPorts,
  { source, rule, prefix }: Walk,
  tally: Tally,
  from: {
    readonly afterKey: string | undefined;
    readonly comparedBeforeMs: number;
    readonly timeIsUp: () => boolean;
  },
): Promise<Reached> {
  const { keysAtOnce } = ports.settings;
  const side = (bucket: BucketRef) => walkKeys(ports, bucket, prefix, from.afterKey);
  let { afterKey } = from;
  let ended = true;
  let failed = false;
  let batch: PairedKey[] = [];
  const flush = async (): Promise<void> => {
    await mapAtMost(keysAtOnce, batch, async ({ key }) => {
      const facts = { bucket: source.bucket, rule: rule.id, key };
      const looked = await isolated(ports, 'key not done', facts, () => lookAtKey(ports, source, key, tally));
      failed ||= looked !== 'done';
    });
    batch = [];
  };
  const walk = async (): Promise<void> => {
    for await (const pair of pairKeys(side(source), side(rule.destination))) {
      if (from.timeIsUp()) {
        ended = false;
        break;
      }
      tally.walkedKeys += 1;
      if (isWorthALook(ports, rule, pair, from.comparedBeforeMs)) batch.push(pair);
      if (batch.length >= keysAtOnce) await flush();
      afterKey = pair.key;
    }
    await flush();
  };
  const facts = { bucket: source.bucket, rule: rule.id, prefix };
  const outcome = await isolated(ports, 'rule not walked', facts, walk);
  return { ended, failed: failed || outcome !== 'done', afterKey };
}

function isWorthALook(
  ports: HandleEventPorts,
  rule: ReplicationRule,
  pair: PairedKey,
  comparedBeforeMs: number,
): boolean {
  const coverage = coverageOf(rule, pair.key);
  const { clockToleranceMs } = ports.settings;
  const suspicion = suspect(pair.source, pair.destination, coverage, { clockToleranceMs, comparedBeforeMs });
  if (suspicion !== 'alike') return suspicion === 'doubt';
  // Another sample each hour.
  const hour = Math.floor(ports.clock.now() / 3_600_000);
  return Number.parseInt(ports.digests.sha256(`${hour}\n${pair.key}`).slice(0, 8), 16) % sampleOneIn === 0;
}
