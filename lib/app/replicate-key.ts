import { asReplicationError, ReplicationError } from '../domain/error';
import type { EntryId, HistoryEntry, HistoryWindow } from '../domain/history';
import { entryId, newestOf } from '../domain/history';
import { markOf, seenFrom, seenMark } from '../domain/mark';
import type { Provenance } from '../domain/key-view';
import { type KeyPlan, planKey, type ReplicationStep } from '../domain/plan';
import { type BucketRef, coverageOf, type ReplicationRule } from '../domain/rule';
import { sourceOrder } from '../domain/source-order';
import { type ApplyPorts, applyStep } from './apply-step';
import { recordFailure } from './backlog';
import { takeLease } from './lease';
import { type Look, lookAt, readOlder, keyChanged } from './look';
import type { RuleSource } from './ports';
import { createProgress, type Progress, type RuleOutcome } from './progress';
import { destinationProvenance } from './provenance';
import { seenLookbackMs } from './settings';

export interface ReplicateKeyPorts extends ApplyPorts {
  readonly rules: RuleSource;
  /** Milliseconds until this run must have ended. */
  readonly remainingMs: () => number;
}

/** One key of a source bucket, and the rules that apply to it: at most one per destination. */
export interface KeyTask {
  readonly source: BucketRef;
  readonly key: string;
  readonly rules: readonly ReplicationRule[];
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

async function replicateUntilQuiet(
  ports: ReplicateKeyPorts,
  task: KeyTask,
  progress: readonly Progress[],
): Promise<void> {
  for (let round = 0; round < ports.settings.roundsMax; round += 1) {
    const look = await replicateOnce(ports, task, progress, round);
    if (look === 'again') continue;
    // Whoever found the key taken has left, and relies on a look after the release.
    if (!(await releaseAll(progress))) return;
    if (!(await keyChanged(ports, task.source, task.key, look))) return;
  }
  throw new ReplicationError('KEY_BUSY', `"${task.key}" changed during ${ports.settings.roundsMax} looks`);
}

/** `true`: a lease was held. One that cannot be released expires. */
async function releaseAll(progress: readonly Progress[]): Promise<boolean> {
  const held = progress.flatMap((one) => (one.lease ? [one.lease] : []));
  for (const one of progress) one.lease = undefined;
  await Promise.allSettled(held.map((lease) => lease.release()));
  return held.length > 0;
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
  const source: SourceSide = {
    bucket: task.source,
    key: task.key,
    listedMs,
    current: look.current,
    window: look.window,
  };
  let wrote = false;
  let again = false;
  for (const one of progress) {
    if (one.stopped) continue;
    try {
      one.beginRound();
      const done = await replicateTo(ports, source, one, round);
      wrote ||= done === 'wrote';
      again ||= done === 'again';
    } catch (thrown) {
      one.stop(undefined, asReplicationError(thrown));
    }
  }
  if (again) return 'again';
  // With a lease, the look again comes after its release.
  if (!wrote || progress.some((one) => one.lease)) return look;
  return (await keyChanged(ports, task.source, task.key, look)) ? 'again' : look;
}

/** The source of a round, shared by all destinations; older entries are added as plans ask for them. */
interface SourceSide extends Omit<Look, 'window'> {
  readonly bucket: BucketRef;
  readonly key: string;
  readonly listedMs: number;
  window: HistoryWindow;
}

type Done = 'idle' | 'wrote' | 'again';

/** Brings one destination up to date with what was seen of the source. */
async function replicateTo(
  ports: ReplicateKeyPorts,
  source: SourceSide,
  one: Progress,
  round: number,
): Promise<Done> {
  if (coverageOf(one.rule, source.key) === undefined) return 'idle';
  await ports.gate.pass(one.rule.destination, 'destination');
  const { plan, look, top } = await makePlan(ports, source, one.rule);
  if (plan.steps.length === 0) return 'idle';

  const contended = plan.contended || round > 0;
  const holdLease = async (): Promise<void> => {
    if (!ports.settings.leases || !contended || one.lease !== undefined) return;
    const { destination } = one.rule;
    const lease = await takeLease(ports, source.bucket, destination, source.key).catch(() => undefined);
    if (lease === 'held') throw new PlanDropped('idle');
    one.lease = lease;
    // What was planned may have been done by whoever held it before.
    if (lease && (await keyChanged(ports, destination, source.key, look))) throw new PlanDropped('again');
  };
  try {
    return await applyPlan(ports, source, one, plan, top, holdLease);
  } catch (thrown) {
    if (!(thrown instanceof PlanDropped)) throw thrown;
    if (thrown.next === 'idle') one.leaveToHolder();
    return thrown.next;
  }
}

/** Another worker is at the key, or was: `idle`, it is left to that one; `again`, it is looked at anew. */
class PlanDropped extends Error {
  constructor(readonly next: 'idle' | 'again') {
    super(`the plan is dropped: ${next}`);
  }
}

type ReadyPlan = Extract<KeyPlan, { kind: 'apply' }>;

/** Entries of a destination that are asked about side by side. */
const examinationsAtOnceMax = 32;

/** Looks at a destination and asks the plan, answering its questions until it is made. */
async function makePlan(
  ports: ReplicateKeyPorts,
  source: SourceSide,
  rule: ReplicationRule,
): Promise<{ readonly plan: ReadyPlan; readonly look: Look; readonly top: HistoryEntry | undefined }> {
  const { key } = source;
  const { destination } = rule;
  const look = await lookAt(ports, destination, key);
  const resolve = destinationProvenance(ports, source.bucket.bucket, destination, key);
  const provenance = new Map<EntryId, Provenance>();
  const gone = new Set<EntryId>();
  let window = look.window;
  let batch = 1;
  for (let asked = 0; asked < ports.settings.examinationsMax; asked += 1) {
    const plan = planKey({
      source: source.window,
      destination: window,
      provenance,
      gone,
      coverage: coverageOf(rule, key) ?? {},
      clockToleranceMs: ports.settings.clockToleranceMs,
      listedMs: source.listedMs,
      seenLookbackMs: seenLookbackMs(ports.settings),
      digest: ports.digests.sha256,
    });
    if (plan.kind === 'apply') return { plan, look, top: newestOf(window.entries) };
    if (plan.kind === 'examine') {
      const place = window.entries.indexOf(plan.entry);
      const below = window.entries.slice(Math.max(0, place + 1 - batch), place + 1);
      const unknown = below.filter((entry) => !provenance.has(entryId(entry)));
      await Promise.all(
        unknown.map(async (entry) => {
          provenance.set(entryId(entry), await resolve(entry, window, look.current));
        }),
      );
      asked += unknown.length;
      // One is nearly always enough; where it is not, there may be thousands, and a plan must not grow old over them.
      batch = Math.min(batch * 2, examinationsAtOnceMax);
    } else if (plan.kind === 'confirmGone') {
      if (await ports.store.headObject(source.bucket, key, plan.versionId)) {
        throw new ReplicationError('LISTING_STALE', `version ${plan.versionId} of "${key}" is not listed`);
      }
      gone.add(plan.versionId);
    } else if (plan.side === 'source') {
      source.window = await readOlder(ports, source.bucket, key, source.window);
    } else {
      window = await readOlder(ports, destination, key, window);
    }
  }
  throw new ReplicationError(
    'KEY_BUSY',
    `too many foreign entries on top of "${key}" in ${destination.bucket}`,
  );
}

/** Applies steps in order, each on top of the one before. A failure that may pass stops the key here. */
async function applyPlan(
  ports: ReplicateKeyPorts,
  source: SourceSide,
  one: Progress,
  plan: ReadyPlan,
  top: HistoryEntry | undefined,
  beforeWrite: () => Promise<void>,
): Promise<Done> {
  const { bucket, key, current, window, listedMs } = source;
  const compare = sourceOrder(window);
  const seenAt = (of: EntryId, issuedMs: number) =>
    seenMark(window, compare, of, seenFrom(issuedMs, seenLookbackMs(ports.settings)), ports.digests.sha256);
  /** Nothing is sent on the ground of an old look, of rules that changed, or without time to hear the answer. */
  const assertDue = async (): Promise<void> => {
    assertTime(ports);
    await assertRuleHolds(ports, source, one.rule);
    if (ports.clock.now() - listedMs > ports.settings.planAgeMaxMs) throw new PlanDropped('again');
  };
  const topMark = top && markOf(entryId(top), ports.digests.sha256);
  let above = 0;
  let done: Done = 'idle';
  const writtenBefore = one.written;
  for (const [place, step] of plan.steps.entries()) {
    // Nothing below the head was missing after all.
    if (plan.repeats.has(step) && one.written === writtenBefore) continue;
    try {
      await assertDue();
      above += await applyStep(ports, {
        source: bucket,
        key,
        rule: one.rule,
        step,
        base: place < plan.refills ? undefined : { top: topMark, above },
        seenAt,
        current,
        beforeWrite,
        assertDue,
      });
      one.written += 1;
      done = 'wrote';
    } catch (thrown) {
      if (thrown instanceof PlanDropped) throw thrown;
      const failure = { source: stepEntry(step), error: asReplicationError(thrown) };
      if (failure.error.effect === 'retry') {
        one.stop(failure.source, failure.error);
        return done;
      }
      // Once something stands above a gap, no look finds it again: it is written down first.
      if (failure.error.effect === 'gap') await recordFailure(ports, bucket, key, one.rule.id, failure);
      one.leave(failure.source, failure.error);
    }
  }
  return done;
}

/** No copy starts under rules that are older than one config lifetime. A read of cached rules costs no request. */
async function assertRuleHolds(
  ports: ReplicateKeyPorts,
  source: SourceSide,
  rule: ReplicationRule,
): Promise<void> {
  const { rules } = await ports.rules.current(source.bucket);
  const now = rules.find((candidate) => candidate.id === rule.id);
  // Each change has a time of its own, but for several within one clock tick.
  const same = now !== undefined && now.updatedAt === rule.updatedAt && now.status === rule.status;
  if (!same) throw new ReplicationError('RULE_CHANGED', `rule ${rule.id} of ${source.bucket.bucket}`);
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
