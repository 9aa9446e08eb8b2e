import { ruleOf } from '../domain/backlog';
import type { EntryId } from '../domain/history';
import { type BucketRef, coverageOf, type ReplicationRule } from '../domain/rule';
import type { NamedEntry } from './backlog';
import { type GapState, isOldGap, onlyAPlanTells, stateOfGap } from './gap-state';
import type { HandleEventPorts } from './handle-event';
import { lookAtKey, type TimerRun } from './look-at-key';
import type { RuleOutcome } from './progress';
import { rulesForKey } from './rules-for-key';
import { standsAtDestination } from './stands-at-destination';

/** A gap that is younger than this may be of a rule of which this function has not heard yet. */
const abandonedAfterMs = 600_000;

/** A gap, and the rule that brings its key to its destination by now. */
interface DueGap {
  readonly gap: NamedEntry;
  readonly rule: ReplicationRule;
  /** Whoever looks writes it down anew, if it is so still. */
  readonly isToldAnew: boolean;
}

/**
 * Removes what the backlog says of one key has failed for good if it is so no longer: a rule left it behind that does not
 * cover the key now, and nobody will ask for it; or it stands at the destination after all, since a copy landed late. What
 * can be copied by now, as an archived version that was restored, is copied, and with it all that lies above it. What
 * another rule brings there by now is tried under that one.
 */
export async function settleGaps(
  ports: HandleEventPorts,
  source: BucketRef,
  key: string,
  gaps: readonly NamedEntry[],
  run: TimerRun,
): Promise<void> {
  const rules = rulesForKey(await ports.rules.current(source), key);
  const due: DueGap[] = [];
  for (const [rule, ofRule] of groupByRule(rules, gaps)) {
    const covers = rule !== undefined && coverageOf(rule, key) !== undefined;
    const stateOf = covers ? await statesOf(ports, source, rule, key, ofRule) : async () => 'moot' as const;
    for (const gap of ofRule) {
      const state = await stateOf(gap);
      const isStill = rule !== undefined && state !== 'moot' && state !== 'stands';
      const moves = isStill && isMoved(rule, gap) && isAbandoned(ports, gap);
      const isTriedAgain = state === 'buried' && isOldGap(ports, gap);
      if (isStill && (state === 'copyable' || isTriedAgain || moves)) {
        const isToldAnew = isTriedAgain || onlyAPlanTells(gap.entry.code) || isMoved(rule, gap);
        due.push({ gap, rule, isToldAnew });
      }
      if (state === 'stands' || (state === 'moot' && isAbandoned(ports, gap)))
        await ports.state.remove(gap.name);
    }
  }
  if (due.length > 0) await fillGaps(ports, source, key, due, run);
}

/**
 * What is buried may be gone at the source: a plan knows how to put it on top again, if anything does, or if its rule wants
 * it there still.
 */
async function statesOf(
  ports: HandleEventPorts,
  source: BucketRef,
  rule: ReplicationRule,
  key: string,
  gaps: readonly NamedEntry[],
): Promise<(gap: NamedEntry) => Promise<'stands' | 'buried' | GapState>> {
  const standing = await standsAtDestination(ports, source, rule, key, gaps);
  return async (gap) => {
    const found = await standing(gap);
    return found === 'missing' ? stateOfGap(ports, source, rule, gap) : found;
  };
}

/** By the rule of each gap, or the one that has won its destination since; `undefined`: nothing is brought there any more. */
function groupByRule(
  rules: readonly ReplicationRule[],
  gaps: readonly NamedEntry[],
): ReadonlyMap<ReplicationRule | undefined, readonly NamedEntry[]> {
  const groups = new Map<ReplicationRule | undefined, NamedEntry[]>();
  for (const gap of gaps) {
    const rule = ruleOf(rules, gap.entry);
    groups.set(rule, [...(groups.get(rule) ?? []), gap]);
  }
  return groups;
}

function isMoved(rule: ReplicationRule, { entry }: NamedEntry): boolean {
  return rule.id !== entry.ruleId;
}

/**
 * What is copied leaves the backlog by itself; what a rule does not ask for has not failed either. What only a plan tells,
 * what is buried, and what has moved to another rule, a look that was not broken off has written down anew, if it is so still.
 */
async function fillGaps(
  ports: HandleEventPorts,
  source: BucketRef,
  key: string,
  due: readonly DueGap[],
  run: TimerRun,
): Promise<void> {
  const refills = new Map<string, Set<EntryId>>();
  for (const { gap, rule } of due) {
    const ofRule = refills.get(rule.id) ?? new Set();
    refills.set(rule.id, ofRule);
    if (gap.entry.source !== undefined) ofRule.add(gap.entry.source);
  }
  const outcomes = await lookAtKey(ports, source, key, run, refills);
  for (const { gap, rule, isToldAnew } of due) {
    const { name, entry } = gap;
    const outcome = outcomes.find((one) => one.rule.id === rule.id);
    const isSkipped = outcome?.left.some((one) => one.source === entry.source && one.error.effect === 'skip');
    const isLookedAt = outcome !== undefined && !isBrokenOff(outcome);
    if (isSkipped || (isToldAnew && isLookedAt)) await ports.state.remove(name);
  }
}

function isBrokenOff({ pending, leftToHolder }: RuleOutcome): boolean {
  return pending !== undefined || leftToHolder;
}

function isAbandoned({ clock }: HandleEventPorts, { entry }: NamedEntry): boolean {
  return clock.now() - Date.parse(entry.at) > abandonedAfterMs;
}
