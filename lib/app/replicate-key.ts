import { asReplicationError, ReplicationError } from '../domain/error';
import type { EntryId, HistoryEntry, HistoryWindow } from '../domain/history';
import { entryId, newestOf } from '../domain/history';
import { type KeyPlan, planKey, type Provenance, type ReplicationStep } from '../domain/plan';
import { type BucketRef, coverageOf, type ReplicationRule } from '../domain/rule';
import { type ApplyPorts, applyStep } from './apply-step';
import { type Look, lookAt, readOlder, sameCurrent } from './look';
import { destinationProvenance } from './provenance';

export interface ReplicateKeyPorts extends ApplyPorts {
  /** Milliseconds until this run must have ended. */
  readonly remainingMs: () => number;
}

/** One key of a source bucket, and the rules that apply to it: at most one per destination. */
export interface KeyTask {
  readonly source: BucketRef;
  readonly key: string;
  readonly rules: readonly ReplicationRule[];
}

/** What became of one key and rule. Nothing failed: everything eligible stands at the destination. */
export interface RuleOutcome {
  readonly rule: ReplicationRule;
  /** Versions and markers written. */
  readonly written: number;
  /** Entries that were left out: gaps, which somebody must act on, and what is not eligible by design. */
  readonly left: readonly EntryFailure[];
  /** Why the key is not done yet; it must be looked at again. */
  readonly pending: EntryFailure | undefined;
}

export interface EntryFailure {
  /** `undefined`: the key as a whole. */
  readonly source: EntryId | undefined;
  readonly error: ReplicationError;
}

/**
 * Brings one key up to date at every destination: look at both sides, ask the plan what is missing, apply it oldest
 * first, look again. Never throws: what is not done is said per rule.
 */
export async function replicateKey(ports: ReplicateKeyPorts, task: KeyTask): Promise<readonly RuleOutcome[]> {
  const progress = task.rules.map((rule) => new Progress(rule));
  try {
    for (let round = 0; round < ports.settings.roundsMax; round += 1) {
      if (!(await replicateOnce(ports, task, progress))) return progress.map((one) => one.outcome());
    }
    const busy = new ReplicationError(
      'KEY_BUSY',
      `"${task.key}" changed during ${ports.settings.roundsMax} looks`,
    );
    for (const one of progress) one.stop(undefined, busy);
  } catch (thrown) {
    for (const one of progress) one.stop(undefined, asReplicationError(thrown));
  }
  return progress.map((one) => one.outcome());
}

/** One round. `true`: something changed meanwhile, and another round is due. */
async function replicateOnce(
  ports: ReplicateKeyPorts,
  task: KeyTask,
  progress: readonly Progress[],
): Promise<boolean> {
  assertTime(ports);
  const look = await lookAt(ports, task.source, task.key);
  const source: SourceSide = {
    bucket: task.source,
    key: task.key,
    current: look.current,
    window: look.window,
  };
  let wrote = false;
  for (const one of progress) {
    if (one.stopped) continue;
    try {
      one.beginRound();
      if (await replicateTo(ports, source, one)) wrote = true;
    } catch (thrown) {
      one.stop(undefined, asReplicationError(thrown));
    }
  }
  if (!wrote) return false;
  const again = await ports.store.headObject(task.source, task.key);
  return !sameCurrent(again, look.current);
}

/** The source of a round, shared by all destinations; older entries are added as plans ask for them. */
interface SourceSide extends Omit<Look, 'window'> {
  readonly bucket: BucketRef;
  readonly key: string;
  window: HistoryWindow;
}

/** Brings one destination up to date with what was seen of the source. `true`: something was written. */
async function replicateTo(ports: ReplicateKeyPorts, source: SourceSide, one: Progress): Promise<boolean> {
  const { key } = source;
  const coverage = coverageOf(one.rule, key);
  if (coverage === undefined) return false;

  const { destination } = one.rule;
  const look = await lookAt(ports, destination, key);
  const resolve = destinationProvenance(ports, source.bucket.bucket, destination, key);
  const provenance = new Map<EntryId, Provenance>();
  let window = look.window;
  let plan: KeyPlan | undefined;
  for (let asked = 0; plan?.kind !== 'apply'; asked += 1) {
    if (asked > ports.settings.examinationsMax) {
      throw new ReplicationError(
        'KEY_BUSY',
        `too many foreign entries on top of "${key}" in ${destination.bucket}`,
      );
    }
    plan = planKey({
      source: source.window,
      destination: window,
      provenance,
      coverage,
      clockToleranceMs: ports.settings.clockToleranceMs,
    });
    if (plan.kind === 'examine') {
      provenance.set(entryId(plan.entry), await resolve(plan.entry, look.current));
    } else if (plan.kind === 'readOlder' && plan.side === 'source') {
      source.window = await readOlder(ports, source.bucket, key, source.window);
    } else if (plan.kind === 'readOlder') {
      window = await readOlder(ports, destination, key, window);
    }
  }
  return applyPlan(ports, source, one, plan.steps, newestOf(window.entries));
}

/** Applies steps in order, each on top of the one before. A failure that may pass stops the key here. */
async function applyPlan(
  ports: ReplicateKeyPorts,
  source: SourceSide,
  one: Progress,
  steps: readonly ReplicationStep[],
  top: HistoryEntry | undefined,
): Promise<boolean> {
  let base = top && entryId(top);
  let wrote = false;
  for (const step of steps) {
    try {
      assertTime(ports);
      const { bucket, key, current } = source;
      base = await applyStep(ports, { source: bucket, key, rule: one.rule, step, base, current });
      one.written += 1;
      wrote = true;
    } catch (thrown) {
      const error = asReplicationError(thrown);
      if (error.effect === 'retry') {
        one.stop(stepEntry(step), error);
        return wrote;
      }
      one.leave(stepEntry(step), error);
    }
  }
  return wrote;
}

function stepEntry(step: ReplicationStep): EntryId {
  switch (step.kind) {
    case 'copyVersion':
      return entryId(step.version);
    case 'putDeleteMarker':
      return entryId(step.marker);
    case 'restoreReplica':
      return step.of;
  }
}

function assertTime(ports: ReplicateKeyPorts): void {
  if (ports.remainingMs() < ports.settings.deadlineMarginMs) {
    throw new ReplicationError('DEADLINE', `less than ${ports.settings.deadlineMarginMs} ms are left`);
  }
}

/** What one rule has come to so far. */
class Progress {
  written = 0;
  private left = new Map<EntryId, EntryFailure>();
  private pending: EntryFailure | undefined;

  constructor(readonly rule: ReplicationRule) {}

  get stopped(): boolean {
    return this.pending !== undefined;
  }

  /** What was left out in an earlier round is tried, and said, again. */
  beginRound(): void {
    this.left.clear();
  }

  leave(source: EntryId, error: ReplicationError): void {
    this.left.set(source, { source, error });
  }

  stop(source: EntryId | undefined, error: ReplicationError): void {
    this.pending ??= { source, error };
  }

  outcome(): RuleOutcome {
    const { rule, written, pending } = this;
    return { rule, written, left: [...this.left.values()], pending };
  }
}
