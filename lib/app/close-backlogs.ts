import { type BacklogEntry, ruleOf } from '../domain/backlog';
import { asReplicationError, type ReplicationError } from '../domain/error';
import { coverageOf, type RuleSet } from '../domain/rule';
import type { ChangedRule } from '../domain/rule-change';
import { type BacklogReadPorts, readBacklog } from './backlog';
import { isolated } from './isolated';
import { mapAtMost } from './map-at-most';
import type { Clock } from './ports';
import type { RuleStore } from './rule-store';
import { rulesForKey } from './rules-for-key';

export interface CloseBacklogsPorts extends BacklogReadPorts {
  readonly clock: Clock;
  readonly store: RuleStore;
}

/** An answer does not wait longer than this for what its change does to backlogs. */
const closingMsMax = 10_000;

/** Rules whose backlogs are looked through side by side, and entries of each that are removed so. */
const rulesAtOnce = 4;
const removalsAtOnce = 8;

/** Pages of one rule's backlog that are looked through at most. */
const pagesMax = 20;

/**
 * Removes what a change of rules has made void of their backlogs. The change is in force by then, so what cannot be
 * removed, or not in time for the answer, is no failure of it: it is told of, and left to the timer.
 */
export async function closeBacklogs(
  ports: CloseBacklogsPorts,
  ruleSet: RuleSet,
  changed: readonly ChangedRule[],
): Promise<void> {
  const untilMs = ports.clock.now() + closingMsMax;
  const timeIsUp = (): boolean => ports.clock.now() >= untilMs;
  await mapAtMost(rulesAtOnce, changed, (one) => {
    const why = one.backlog.kind === 'close' ? one.backlog.why : undefined;
    const facts = { bucket: ruleSet.bucket, rule: one.rule.id, why };
    return isolated(ports, 'backlog not closed', facts, async () => {
      const ended = await closeBacklog(ports, ruleSet, one, timeIsUp);
      if (!ended) ports.log.info('backlog left to the timer', facts);
    });
  });
}

/**
 * One rule's entries, as long as its change is the newest: later ones may be of a rule that covers their keys again. One
 * that cannot be removed keeps no other, and fails in the end. `false`: there may be more.
 */
async function closeBacklog(
  ports: CloseBacklogsPorts,
  ruleSet: RuleSet,
  { rule, backlog }: ChangedRule,
  timeIsUp: () => boolean,
): Promise<boolean> {
  if (backlog.kind === 'keep') return true;
  const { bucket: sourceBucket, revision, rules } = ruleSet;
  // Of a rule that goes on, whoever has heard of the change may have written something down already; and what a rule leaves
  // undone that goes, another one may bring to the same destination.
  const goesOn =
    backlog.kind === 'keepCovered' ||
    backlog.why === 'RULE_CHANGED' ||
    rules.some((other) => other.status === 'Enabled' && other.id !== rule.id);
  const isVoid = (entry: BacklogEntry): boolean => {
    const now = ruleOf(rulesForKey(ruleSet, entry.key), entry);
    return now === undefined || coverageOf(now, entry.key) === undefined;
  };
  const wants = (): boolean => goesOn;
  let left = false;
  const failures: ReplicationError[] = [];
  const remove = async (name: string): Promise<void> => {
    left ||= timeIsUp();
    if (left) return;
    await ports.state.remove(name).catch((thrown: unknown) => failures.push(asReplicationError(thrown)));
  };
  let after: string | undefined;
  let ended = false;
  for (let page = 0; page < pagesMax && !ended && !timeIsUp(); page += 1) {
    const found = await readBacklog(ports, { sourceBucket, ruleId: rule.id }, after, wants, timeIsUp);
    const names = goesOn
      ? found.entries.filter(({ entry }) => isVoid(entry)).map(({ name }) => name)
      : found.names;
    // What was listed before the next revision was written is of none later than this one, whatever clocks say.
    const isNewest = async () => (await ports.store.revision(sourceBucket, revision + 1)) === undefined;
    if (names.length > 0 && !(await isNewest())) return false;
    await mapAtMost(removalsAtOnce, names, remove);
    ended = found.complete;
    after = found.last;
  }
  const [failure] = failures;
  if (failure) throw failure;
  return ended && !left;
}
