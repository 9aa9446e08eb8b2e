import { ReplicationError } from '../domain/error';
import type { EntryId } from '../domain/history';
import type { BucketRef } from '../domain/rule';
import { recordPending } from './backlog';
import type { HandleEventPorts } from './handle-event';
import type { RuleOutcome } from './progress';
import { replicateKey } from './replicate-key';
import { rulesForKey } from './rules-for-key';

/** What the timer's function counts while it runs. */
export interface Tally {
  backlogKeys: number;
  walkedKeys: number;
  lookedAt: number;
  written: number;
  /** Keys of which something is not done yet. */
  pending: number;
}

/** One run of the timer's function. */
export interface TimerRun {
  readonly tally: Tally;
  /** When its sweeps looked at a key: the walk need not look again at what has not changed since. */
  readonly looked: Map<string, number>;
  readonly timeIsUp: () => boolean;
}

export function lookedName(source: BucketRef, key: string): string {
  return `${source.bucket}\n${key}`;
}

/** Looks under rules that changed meanwhile. */
const triesMax = 3;

/** The timer brings one key up to date, fills gaps of it by rule if asked, and writes down what is not done. */
export async function lookAtKey(
  ports: HandleEventPorts,
  source: BucketRef,
  key: string,
  { tally }: TimerRun,
  refills?: ReadonlyMap<string, ReadonlySet<EntryId>>,
): Promise<readonly RuleOutcome[]> {
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    const rules = rulesForKey(await ports.rules.current(source), key);
    if (rules.length === 0) return [];
    tally.lookedAt += 1;
    const outcomes = await replicateKey(ports, { source, key, rules, refills });
    for (const outcome of outcomes) tally.written += outcome.written;
    const waiting = await recordPending(ports, source, key, outcomes);
    tally.pending += waiting;
    if (!outcomes.some(({ pending }) => pending?.error.code === 'RULE_CHANGED')) return outcomes;
  }
  throw new ReplicationError('RULE_CHANGED', `the rules of "${key}" change all the time`);
}
