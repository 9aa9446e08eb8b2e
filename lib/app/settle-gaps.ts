import type { EntryId } from '../domain/history';
import { type BucketRef, coverageOf } from '../domain/rule';
import type { NamedEntry } from './backlog';
import { onlyAPlanTells, stateOfGap } from './gap-state';
import type { HandleEventPorts } from './handle-event';
import { lookAtKey, type TimerRun } from './look-at-key';
import type { RuleOutcome } from './progress';
import { standsAtDestination } from './stands-at-destination';

/** A gap that is younger than this may be of a rule of which this function has not heard yet. */
const abandonedAfterMs = 600_000;

/**
 * Removes what the backlog says of one key has failed for good if it is so no longer: a rule left it behind that does not
 * cover the key now, and nobody will ask for it; or it stands at the destination after all, since a copy landed late. What
 * can be copied by now, as an archived version that was restored, is copied, and with it all that lies above it.
 */
export async function settleGaps(
  ports: HandleEventPorts,
  source: BucketRef,
  key: string,
  gaps: readonly NamedEntry[],
  run: TimerRun,
): Promise<void> {
  const { rules } = await ports.rules.current(source);
  const copyable: NamedEntry[] = [];
  for (const ruleId of new Set(gaps.map(({ entry }) => entry.ruleId))) {
    const ofRule = gaps.filter(({ entry }) => entry.ruleId === ruleId);
    const rule = rules.find(({ id }) => id === ruleId);
    const covers = rule !== undefined && coverageOf(rule, key) !== undefined;
    const stands = covers ? await standsAtDestination(ports, source, rule, key, ofRule) : async () => false;
    for (const gap of ofRule) {
      const state = (await stands(gap))
        ? 'stands'
        : covers
          ? await stateOfGap(ports, source, rule, gap)
          : 'moot';
      if (state === 'copyable') copyable.push(gap);
      if (state === 'stands' || (state === 'moot' && isAbandoned(ports, gap)))
        await ports.state.remove(gap.name);
    }
  }
  if (copyable.length > 0) await fillGaps(ports, source, key, copyable, run);
}

/**
 * What is copied leaves the backlog by itself; what a rule does not ask for has not failed either. What only a plan tells, a
 * look that was not broken off has written down anew, if it is so still.
 */
async function fillGaps(
  ports: HandleEventPorts,
  source: BucketRef,
  key: string,
  gaps: readonly NamedEntry[],
  run: TimerRun,
): Promise<void> {
  const refills = new Map<string, Set<EntryId>>();
  for (const { entry } of gaps) {
    const ofRule = refills.get(entry.ruleId) ?? new Set();
    refills.set(entry.ruleId, ofRule);
    if (entry.source !== undefined) ofRule.add(entry.source);
  }
  const outcomes = await lookAtKey(ports, source, key, run, refills);
  for (const { name, entry } of gaps) {
    const outcome = outcomes.find(({ rule }) => rule.id === entry.ruleId);
    const isSkipped = outcome?.left.some((one) => one.source === entry.source && one.error.effect === 'skip');
    const isToldAnew = onlyAPlanTells(entry.code) && outcome !== undefined && !isBrokenOff(outcome);
    if (isSkipped || isToldAnew) await ports.state.remove(name);
  }
}

function isBrokenOff({ pending, leftToHolder }: RuleOutcome): boolean {
  return pending !== undefined || leftToHolder;
}

function isAbandoned({ clock }: HandleEventPorts, { entry }: NamedEntry): boolean {
  return clock.now() - Date.parse(entry.at) > abandonedAfterMs;
}
