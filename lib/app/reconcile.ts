import { ReplicationError } from '../domain/error';
import type { RuleSet } from '../domain/rule';
import type { HandleEventPorts } from './handle-event';
import { attempted, isolated } from './isolated';
import type { Tally, TimerRun } from './look-at-key';
import { sweepRecords } from './marker-records';
import { sweepBacklog } from './sweep-backlog';
import { sweepLeases } from './sweep-leases';
import { type BacklogState, readWalkState, type WalkState, writeWalkState } from './walk-state';
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
 * deadline and goes on there the next time. A part that fails holds up no other. Runs that overlap only cost requests.
 */
export async function reconcile(ports: ReconcilePorts): Promise<ReconcileReport> {
  const { region } = ports;
  const endsBeforeMs = 2 * ports.settings.deadlineMarginMs;
  // A backlog that nothing can be done about must not keep the walk from its turn.
  const forWalkMs = Math.max(ports.remainingMs() / 2, endsBeforeMs);
  const tally = { backlogKeys: 0, walkedKeys: 0, lookedAt: 0, written: 0, pending: 0 };
  const run: TimerRun = { tally, looked: new Map(), timeIsUp: () => ports.remainingMs() < endsBeforeMs };
  const known = await attempted(ports, 'walk state not read', { region }, () => readWalkState(ports));
  const { backlog: lastBacklog, ...before }: WalkState = known instanceof ReplicationError ? {} : known;
  const backlog = goOn(lastBacklog, ports.clock.now());
  const forBacklog: TimerRun = { ...run, timeIsUp: () => ports.remainingMs() < forWalkMs };
  const ruleSets = await attempted(ports, 'rules not listed', { region }, () => ports.ruleSets());
  const readable = ruleSets instanceof ReplicationError ? [] : ruleSets;
  const after = await sweepBacklog(ports, forBacklog, readable, backlog);
  await isolated(ports, 'leases not swept', { region }, () => sweepLeases(ports, run));

  // Without rules nothing is walked: that would count as a walk of all there are.
  const walked = ruleSets instanceof ReplicationError ? undefined : await walk(ports, ruleSets, run, before);
  // What could not be read is not written over: the next run goes on where the last one stopped that could.
  if (!(known instanceof ReplicationError)) {
    const { after: _, ...round } = backlog;
    const swept = { ...round, ...(after === undefined ? {} : { after }) };
    await writeWalkState(ports, { ...(walked ?? before), backlog: swept });
  }
  return { ...tally, finished: walked !== undefined && walked.stopped === undefined };
}

/** Where the last run stopped, or from the beginning. */
function goOn(last: BacklogState | undefined, nowMs: number): BacklogState {
  if (last?.after !== undefined) return last;
  return {
    began: new Date(nowMs).toISOString(),
    ...(last === undefined ? {} : { lastBegan: last.began }),
  };
}

/** The walk, and once it has come to its end the records of delete markers. */
async function walk(
  ports: ReconcilePorts,
  ruleSets: readonly RuleSet[],
  run: TimerRun,
  before: WalkState,
): Promise<Omit<WalkState, 'backlog'>> {
  const walked = await walkRules(ports, ruleSets, run, before);
  const destinations = ruleSets
    .filter(({ region }) => region === ports.region)
    .flatMap(({ rules }) => rules.map(({ destination }) => destination));
  const records =
    walked.stopped === undefined
      ? await sweepRecords(ports, destinations, before.records, run.timeIsUp)
      : before.records;
  return { ...walked, ...(records === undefined ? {} : { records }) };
}
