import type { RuleSet } from '../domain/rule';
import type { HandleEventPorts } from './handle-event';
import type { Tally, TimerRun } from './look-at-key';
import { sweepRecords } from './marker-records';
import { sweepBacklog } from './sweep-backlog';
import { sweepLeases } from './sweep-leases';
import { readWalkState, writeWalkState } from './walk-state';
import { walkRules } from './walk-rules';

export interface ReconcilePorts extends HandleEventPorts {
  /** The rules of every source bucket of the account, as far as they can be read. */
  readonly ruleSets: () => Promise<readonly RuleSet[]>;
}

/** What one run of the timer came to. */
export interface ReconcileReport extends Readonly<Tally> {
  /** Every rule was walked to its end; otherwise the next run goes on where this one stopped. */
  readonly finished: boolean;
}

/**
 * The safety net, run by a timer: nothing depends on an event arriving. First what the backlog holds, then what the dead
 * left, then a walk of both listings of every rule in lock-step, which looks at the keys that differ. Ends before the
 * deadline and goes on there the next time. Runs that overlap only cost requests.
 */
export async function reconcile(ports: ReconcilePorts): Promise<ReconcileReport> {
  const endsBeforeMs = 2 * ports.settings.deadlineMarginMs;
  // A backlog that nothing can be done about must not keep the walk from its turn.
  const forWalkMs = Math.max(ports.remainingMs() / 2, endsBeforeMs);
  const tally = { backlogKeys: 0, walkedKeys: 0, lookedAt: 0, written: 0, pending: 0 };
  const run: TimerRun = { tally, looked: new Map(), timeIsUp: () => ports.remainingMs() < endsBeforeMs };
  const before = await readWalkState(ports);
  const forBacklog: TimerRun = { ...run, timeIsUp: () => ports.remainingMs() < forWalkMs };
  const ruleSets = await ports.ruleSets();
  const backlogAfter = await sweepBacklog(ports, forBacklog, ruleSets, before.backlogAfter);
  await sweepLeases(ports, run);

  const walked = await walkRules(ports, ruleSets, run, before);
  const finished = walked.stopped === undefined;
  const destinations = ruleSets
    .filter(({ region }) => region === ports.region)
    .flatMap(({ rules }) => rules.map(({ destination }) => destination));
  const records = finished
    ? await sweepRecords(ports, destinations, before.records, run.timeIsUp)
    : before.records;
  await writeWalkState(ports, {
    ...walked,
    ...(records === undefined ? {} : { records }),
    ...(backlogAfter === undefined ? {} : { backlogAfter }),
  });
  return { ...tally, finished };
}
