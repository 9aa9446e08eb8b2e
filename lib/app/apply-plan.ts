import { isDeepStrictEqual } from 'node:util';
import { asReplicationError, ReplicationError } from '../domain/error';
import type { EntryId } from '../domain/history';
import { entryId } from '../domain/history';
import { markOf, seenFrom, seenMark } from '../domain/mark';
import type { ReplicationStep } from '../domain/plan';
import { type ReplicationRule, spansAt } from '../domain/rule';
import { sourceOrder } from '../domain/source-order';
import { type ApplyPorts, applyStep } from './apply-step';
import { closeGaps, recordFailure } from './backlog';
import { type CopyMatter, copyMatterOf } from './copy-matter';
import type { LeftOut } from './left-out';
import type { MadePlan, SourceSide } from './make-plan';
import type { RuleSource } from './ports';
import type { Progress } from './progress';
import { rulesForKey } from './rules-for-key';
import { seenLookbackMs } from './settings';

export interface ApplyPlanPorts extends ApplyPorts {
  readonly rules: RuleSource;
  readonly leftOut: LeftOut;
  /** Milliseconds until this run must have ended. */
  readonly remainingMs: () => number;
}

export type Done = 'idle' | 'wrote' | 'again';

/** Another worker is at the key, or was: `idle`, it is left to that one; `again`, it is looked at anew. */
export class PlanDropped extends Error {
  constructor(readonly next: 'idle' | 'again') {
    super(`the plan is dropped: ${next}`);
  }
}

export interface ApplyRequest extends MadePlan {
  /** Versions that failed for good, to be tried anew. */
  readonly refills: ReadonlySet<EntryId>;
  /** Called before the first write of each step. */
  readonly beforeWrite: () => Promise<void>;
}

/** Applies steps in order, each on top of the one before. A failure that may pass stops the key here. */
export async function applyPlan(
  ports: ApplyPlanPorts,
  source: SourceSide,
  one: Progress,
  request: ApplyRequest,
): Promise<Done> {
  const { plan, top, beforeWrite } = request;
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
  const ofRule = { source: bucket, key, rule: one.rule };
  let headMatter: CopyMatter | undefined;
  /** What is older is written again only if the head can be put on top of it: not as the look had it, but as it is now. */
  const assertHeadFollows = async (): Promise<void> => {
    const step = plan.steps[plan.refills];
    if (headMatter !== undefined || step === undefined || step.kind === 'putDeleteMarker') return;
    const request = { source: bucket, key, rule: one.rule, step, current: undefined };
    headMatter = await copyMatterOf(ports, request).catch((thrown: unknown) => {
      const { effect, message } = asReplicationError(thrown);
      if (effect === 'gap') throw new ReplicationError('NEWER_NOT_COPYABLE', message, thrown);
      // It was deleted for good since the look.
      throw effect === 'skip' ? new PlanDropped('again') : thrown;
    });
  };
  const topMark = top && markOf(entryId(top), ports.digests.sha256);
  let above = 0;
  let done: Done = 'idle';
  /** Whatever lies on top of the head now, it is put on top again. */
  let wroteBelow = false;
  for (const [place, step] of plan.steps.entries()) {
    // Nothing below the head was missing after all.
    if (plan.repeats.has(step) && !wroteBelow) continue;
    if (!isAskedFor(step, request, source) && ports.leftOut.has(ofRule, stepEntry(step))) continue;
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
        matter: place === plan.refills ? headMatter : undefined,
        beforeWrite: async () => {
          if (place < plan.refills) await assertHeadFollows();
          await beforeWrite();
        },
        assertDue,
      });
      one.written += 1;
      one.wroteLast = stepEntry(step);
      done = 'wrote';
      wroteBelow = true;
      // If that fails, the timer comes upon it.
      if (mayHaveFailed(ports, step))
        await closeGaps(ports, bucket, key, one.rule, stepEntry(step)).catch(() => undefined);
    } catch (thrown) {
      // What was written without a lease may lie on top of what the holder of one has written since.
      if (thrown instanceof PlanDropped) throw done === 'wrote' ? new PlanDropped('again') : thrown;
      const failure = { source: stepEntry(step), error: asReplicationError(thrown) };
      wroteBelow ||= failure.error.code === 'REPLICA_MISMATCH';
      if (failure.error.effect === 'retry') {
        one.stop(failure.source, failure.error);
        return done;
      }
      // Only for what lies below it, it was to be repeated: it stands where it stood.
      if (place < plan.refills && plan.repeats.has(step)) continue;
      // Once something stands above a gap, no look finds it again: it is written down first.
      if (failure.error.effect === 'gap') await recordFailure(ports, bucket, key, one.rule, failure);
      one.leave(failure.source, failure.error);
      if (step.kind !== 'restoreReplica')
        ports.leftOut.add(
          ofRule,
          step.kind === 'copyVersion' ? step.version : step.marker,
          failure.error.code,
        );
    }
  }
  return done;
}

/**
 * Whether an entry is to be known anew: a gap that is to be filled, what stands and goes on top again, and the current
 * version, at which the look has looked already.
 */
function isAskedFor(
  step: ReplicationStep,
  { refills }: ApplyRequest,
  { current }: Pick<SourceSide, 'current'>,
): boolean {
  if (step.kind === 'restoreReplica' || refills.has(stepEntry(step))) return true;
  return (
    step.kind === 'copyVersion' && (step.again === true || step.version.versionId === current?.versionId)
  );
}

/** An entry that is written so long after it came about is not looked at for the first time. */
const lateAfterMs = 10_000;

/** Whether an entry that was written just now may have failed for good before, so that the backlog still says so. */
function mayHaveFailed({ clock }: ApplyPlanPorts, step: ReplicationStep): boolean {
  if (step.kind === 'restoreReplica') return false;
  const { lastModifiedMs } = step.kind === 'copyVersion' ? step.version : step.marker;
  return clock.now() - lastModifiedMs > lateAfterMs;
}

/** No copy starts under rules that are older than one config lifetime. A read of cached rules costs no request. */
async function assertRuleHolds(
  ports: ApplyPlanPorts,
  source: SourceSide,
  rule: ReplicationRule,
): Promise<void> {
  const rules = rulesForKey(await ports.rules.current(source.bucket), source.key);
  const now = rules.find((candidate) => candidate.id === rule.id);
  // Each change has a time of its own, but for several within one clock tick; one of another rule may take keys or give some.
  const same =
    now === rule ||
    (now?.updatedAt === rule.updatedAt &&
      isDeepStrictEqual(spansAt(now.coverage, source.key), spansAt(rule.coverage, source.key)));
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

/** Whoever has too little time left to hear an answer does not ask. */
export function assertTime(ports: ApplyPlanPorts): void {
  if (ports.remainingMs() < ports.settings.deadlineMarginMs) {
    throw new ReplicationError('DEADLINE', `less than ${ports.settings.deadlineMarginMs} ms are left`);
  }
}
