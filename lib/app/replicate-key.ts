import { asReplicationError, ReplicationError } from '../domain/error';
import { entryId, type EntryId, type HistoryWindow, newestOf } from '../domain/history';
import { type BucketRef, coverageOf, type ReplicationRule } from '../domain/rule';
import { type ApplyPlanPorts, applyPlan, assertTime, type Done, PlanDropped } from './apply-plan';
import { recordFailure } from './backlog';
import { historyChanged, keyChanged, type Look, lookAt } from './look';
import { makePlan, type SourceSide } from './make-plan';
import { createProgress, type Progress, type RuleOutcome } from './progress';
import { createTurn } from './turn';

export type ReplicateKeyPorts = ApplyPlanPorts;

/** One key of a source bucket, and the rules that apply to it: at most one per destination. */
export interface KeyTask {
  readonly source: BucketRef;
  readonly key: string;
  readonly rules: readonly ReplicationRule[];
  /** By rule: versions that failed for good, to be copied now in their place. */
  readonly refills?: ReadonlyMap<string, ReadonlySet<EntryId>> | undefined;
}

/**
 * Brings one key up to date at every destination: look at both sides, ask the plan what is missing, apply it oldest
 * first, look again. Never throws: what is not done is said per rule.
 */
export async function replicateKey(ports: ReplicateKeyPorts, task: KeyTask): Promise<readonly RuleOutcome[]> {
  const progress = task.rules.map((rule) => createProgress(rule));
  try {
    await replicateUntilQuiet(ports, task, progress);
  } catch (thrown) {
    for (const one of progress) one.stop(undefined, asReplicationError(thrown));
  } finally {
    await releaseAll(progress);
  }
  return progress.map((one) => one.outcome());
}

const nothing: ReadonlySet<EntryId> = new Set();

async function replicateUntilQuiet(
  ports: ReplicateKeyPorts,
  task: KeyTask,
  progress: readonly Progress[],
): Promise<void> {
  for (let round = 0; round < ports.settings.roundsMax; round += 1) {
    const look = await replicateOnce(ports, task, progress, round);
    if (look === 'again') continue;
    // Whoever found the key taken has left, and relies on a look after the release, whatever it was that they saw.
    if (!(await releaseAll(progress))) return;
    if (!(await historyChanged(ports, task.source, task.key, look))) return;
  }
  throw new ReplicationError('KEY_BUSY', `"${task.key}" changed during ${ports.settings.roundsMax} looks`);
}

/** `true`: a lease was held. One that cannot be released expires, and until then is found held by whoever comes. */
async function releaseAll(progress: readonly Progress[]): Promise<boolean> {
  const holders = progress.filter(({ lease }) => lease !== undefined);
  await Promise.all(
    holders.map(async (one) => {
      const { lease } = one;
      one.lease = undefined;
      await lease?.release().catch(() => {
        one.mayNotLeave = true;
      });
    }),
  );
  return holders.length > 0;
}

/** One round. `again`: something changed meanwhile, and another round is due. */
async function replicateOnce(
  ports: ReplicateKeyPorts,
  task: KeyTask,
  progress: readonly Progress[],
  round: number,
): Promise<Look | 'again'> {
  assertTime(ports);
  await ports.gate.pass(task.source, 'source');
  const listedMs = ports.clock.now();
  const look = await lookAt(ports, task.source, task.key);
  const sides = progress.map((): SourceSide => ({ bucket: task.source, key: task.key, listedMs, ...look }));
  // Side by side: a destination that does not answer holds up no other. Each reads as far back as it must.
  const done = await Promise.all(
    progress.map(async (one, place): Promise<Done> => {
      const side = sides[place];
      if (one.stopped || side === undefined) return 'idle';
      try {
        one.beginRound();
        return await replicateTo(ports, side, one, {
          round,
          refills: task.refills?.get(one.rule.id) ?? nothing,
        });
      } catch (thrown) {
        one.stop(undefined, asReplicationError(thrown));
        return 'idle';
      }
    }),
  );
  if (done.includes('again')) return 'again';

  // With a lease, the look again comes after its release: at as much as any destination needed.
  if (progress.some((one) => one.lease)) return { ...look, window: longestOf(look.window, sides) };
  const wrote = progress.filter((_one, place) => done[place] === 'wrote');
  if (wrote.length === 0) return look;
  // What lands below the newest is the affair of its own event, unless it is newer than what was written here.
  const newest = newestOf(look.window.entries);
  const wroteNewest = wrote.every((one) => newest && one.wroteLast === entryId(newest));
  const changed = wroteNewest ? keyChanged : historyChanged;
  return (await changed(ports, task.source, task.key, look)) ? 'again' : look;
}

function longestOf(listed: HistoryWindow, sides: readonly SourceSide[]): HistoryWindow {
  return sides.reduce(
    (longest, { window }) => (window.entries.length > longest.entries.length ? window : longest),
    listed,
  );
}

/** Brings one destination up to date with what was seen of the source. */
async function replicateTo(
  ports: ReplicateKeyPorts,
  source: SourceSide,
  one: Progress,
  { round, refills }: { readonly round: number; readonly refills: ReadonlySet<EntryId> },
): Promise<Done> {
  if (coverageOf(one.rule, source.key) === undefined) return 'idle';
  await ports.gate.pass(one.rule.destination, 'destination');
  const made = await makePlan(ports, source, one.rule, refills);
  const { plan, look } = made;

  for (const gap of plan.held) {
    const detail = `a version of ${one.rule.destination.bucket}'s own is the newest of "${source.key}" there`;
    const failure = { source: gap, error: new ReplicationError('NEWER_NOT_COPYABLE', detail) };
    await recordFailure(ports, source.bucket, source.key, one.rule, failure);
    one.leave(failure.source, failure.error);
  }
  if (plan.steps.length === 0) return 'idle';

  const takeTurn = createTurn(ports, {
    source,
    one,
    look,
    contended: plan.contended || round > 0,
    // Its holder may be done with writing, or have sent what lands below it, and after its release looks at the source only.
    mayLeave: !plan.buried && !one.mayNotLeave,
  });
  const beforeWrite = async (): Promise<void> => {
    await takeTurn();
    // Also of what fails, or differs from its source, something may land.
    one.mayNotLeave = !one.lease?.isInTime();
  };
  try {
    return await applyPlan(ports, source, one, { ...made, refills, beforeWrite });
  } catch (thrown) {
    if (!(thrown instanceof PlanDropped)) throw thrown;
    if (thrown.next === 'idle') one.leaveToHolder();
    return thrown.next;
  }
}
