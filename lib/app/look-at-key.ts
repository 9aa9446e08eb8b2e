import { type BucketRef, indexRules, matchRules } from '../domain/rule';
import { recordPending } from './backlog';
import type { HandleEventPorts } from './handle-event';
import { replicateKey } from './replicate-key';

/** What the timer's function counts while it runs. */
export interface Tally {
  backlogKeys: number;
  walkedKeys: number;
  lookedAt: number;
  written: number;
  /** Keys of which something is not done yet. */
  pending: number;
}

/** The timer brings one key up to date, and writes down what is not done. */
export async function lookAtKey(
  ports: HandleEventPorts,
  source: BucketRef,
  key: string,
  tally: Tally,
): Promise<void> {
  const rules = matchRules(indexRules(await ports.rules.current(source)), key);
  if (rules.length === 0) return;
  tally.lookedAt += 1;
  const outcomes = await replicateKey(ports, { source, key, rules });
  tally.pending += await recordPending(ports, source, key, outcomes);
  for (const outcome of outcomes) tally.written += outcome.written;
}
