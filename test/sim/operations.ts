import type { Chance } from './chance';
import { bringEventsEverything } from './faults';
import type { Operators } from './operators';
import type { NamedRule, Scenario } from './scenario';
import type { Users } from './users';
import type { World } from './world';

/** Where people act, and who they are. */
export interface Cast {
  readonly scenario: Scenario;
  readonly users: Users;
  readonly operators: Operators;
  readonly world: World;
}

/** One thing that somebody does. Its place in the plan is its name, by which it can be left out. */
interface Operation {
  readonly kind: OperationKind;
  /** Since the operation before. */
  readonly afterMs: number;
  readonly rule: NamedRule;
  readonly key: string;
  readonly chance: Chance;
}

const kinds = {
  write: 50,
  deleteForGood: 6,
  deleteTwice: 3,
  deleteAtBothEnds: 4,
  restore: 6,
  restoreArchived: 4,
  destinationPut: 5,
  destinationDelete: 4,
  destinationDeleteForGood: 2,
  suspendSource: 2,
  suspendDestination: 2,
  rule: 10,
  ruleRush: 3,
  recreate: 2,
};

type OperationKind =
  | keyof typeof kinds
  | 'putAgainAtBothEnds'
  | 'putOnArchived'
  | 'archiveCurrent'
  | 'putRulesBack'
  | 'gentleRule'
  | 'gentleRuleRush';

/** What becomes of changes of rules once rules have been put back: none that leaves a key uncovered. */
const afterPutBack: Partial<Record<OperationKind, OperationKind>> = {
  rule: 'gentleRule',
  ruleRush: 'gentleRuleRush',
  recreate: 'write',
};

const whereRulesStay: Partial<Record<OperationKind, OperationKind>> = {
  rule: 'write',
  ruleRush: 'write',
  recreate: 'write',
};

/** A seed has so many writes at least, whatever is drawn. */
export const writesMin = 30;
/** And so many after rules are put back: they are what there is to check in the end. */
const writesAfterPutBackMin = 20;
/** No plan is longer: shrinking tries to do without each of these. */
export const operationsMax = 100;

/** Spreads what people do over some minutes, in bursts. Returns when it is over, and a while has passed. */
export function scheduleOperations(cast: Cast, chance: Chance): number {
  const { scheduler, without } = cast.world;
  let delayMs = 0;
  for (const [place, operation] of planOperations(cast.scenario, chance).entries()) {
    delayMs += operation.afterMs;
    if (!without.has(`operation${place}`)) scheduler.after(delayMs, () => operate(cast, operation));
  }
  return scheduler.now() + delayMs + chance.between(30_000, 200_000);
}

/**
 * In most seeds operators put the rules back as they were made, before most of the writes, so that in the end there is
 * much that must have arrived. In the others rules end as chance has it, also switched off, narrowed or deleted.
 */
function planOperations(scenario: Scenario, chance: Chance): readonly Operation[] {
  const plan: Operation[] = [];
  const putBackAt = scenario.rulesArePutBack ? chance.fork('put back').between(8, 18) : undefined;
  const isAfter = (place: number): boolean => putBackAt !== undefined && place >= putBackAt;
  const draw = (place: number, afterMs: number): void => {
    const own = chance.fork(`${place}`);
    // The first writes are many, whatever else happens.
    const drawn: OperationKind = place < 30 && place % 3 !== 0 ? 'write' : own.weighted(kinds);
    const others = scenario.rulesStay ? whereRulesStay : isAfter(place) ? afterPutBack : {};
    const kind = others[drawn] ?? drawn;
    const rule = own.pick(scenario.rules);
    // The first key is the hot one.
    const key = own.happens(0.5) ? (scenario.busyKeys[0] ?? '') : own.pick(scenario.busyKeys);
    plan.push({ kind, afterMs, rule, key, chance: own });
  };

  for (let place = 0; place < scenario.operations; place += 1) {
    if (place === putBackAt) {
      const own = chance.fork('putRulesBack');
      plan.push({
        kind: 'putRulesBack',
        afterMs: pauseMs(chance),
        rule: own.pick(scenario.rules),
        key: '',
        chance: own,
      });
    }
    draw(place, place === putBackAt ? chance.between(...heardWithinMs) : pauseMs(chance));
  }
  topUp(plan, scenario, chance.fork('more'));
  if (!scenario.rulesStay && chance.fork('rush').happens(0.5)) endInRush(plan, scenario, chance.fork('end'));
  const bring = bringEventsEverything(scenario.faultRates);
  const untouched = scenario.keys.filter((key) => !scenario.busyKeys.includes(key));
  for (const key of untouched)
    (bring ? endInBurst : endQuietly)(plan, scenario, key, chance.fork(`end of ${key}`));
  return plan;
}

/** Long after all the rest, a key that nobody has touched is written a few times at once: nothing excuses what becomes of it. */
function endInBurst(plan: Operation[], scenario: Scenario, key: string, chance: Chance): void {
  const rule = chance.pick(scenario.rules);
  for (let extra = 0; extra < writesInBurst; extra += 1) {
    const afterMs = extra === 0 ? chance.between(...allIsOverMs) : chance.between(5, 1_500);
    plan.push({ kind: 'write', afterMs, rule, key, chance: chance.fork(`${extra}`) });
  }
}

const writesInBurst = 5;

/** By then functions have heard of all rules, and what was sent while versioning was suspended has landed. */
const allIsOverMs = [300_000, 400_000] as const;

/** The last changes of rules are contested, and read by functions while they are. */
function endInRush(plan: Operation[], scenario: Scenario, chance: Chance): void {
  const kind = scenario.rulesArePutBack ? 'gentleRuleRush' : 'ruleRush';
  const rule = chance.pick(scenario.rules);
  const key = scenario.busyKeys[0] ?? '';
  plan.push({ kind, afterMs: pauseMs(chance), rule, key, chance: chance.fork('rush') });
  for (let extra = 0; extra < writesInRush; extra += 1) {
    plan.push({
      kind: 'write',
      afterMs: chance.between(50, 500),
      rule,
      key,
      chance: chance.fork(`${extra}`),
    });
  }
}

const writesInRush = 6;

/**
 * The last that becomes of a key that nobody else has touched, long after its other events. It looks the same on either
 * side: where its event is lost, only a look can tell that something is missing. Or what is on top can be copied no longer,
 * and what lies below it can.
 */
function endQuietly(plan: Operation[], scenario: Scenario, key: string, chance: Chance): void {
  const rule = chance.pick(scenario.rules);
  const end = (kind: OperationKind, afterMs: number): void => {
    plan.push({ kind, afterMs, rule, key, chance: chance.fork(kind) });
  };
  const last = chance.pick<OperationKind>(['deleteAtBothEnds', 'putAgainAtBothEnds', 'archiveCurrent']);
  end(last === 'archiveCurrent' ? 'putOnArchived' : 'write', pauseMs(chance));
  end(last, chance.between(...allIsOverMs));
}

/** Operators whose requests go well have put all rules back within this time. */
const heardWithinMs = [12_000, 30_000] as const;

function pauseMs(chance: Chance): number {
  if (chance.happens(0.6)) return chance.between(5, 400);
  return chance.happens(0.75) ? chance.between(400, 6_000) : chance.between(6_000, 60_000);
}

/** Adds the writes that a plan lacks, one key after the other. */
function topUp(plan: Operation[], scenario: Scenario, chance: Chance): void {
  const backAt = plan.findIndex(({ kind }) => kind === 'putRulesBack');
  const writes = plan.filter(({ kind }) => kind === 'write');
  const after = plan.slice(backAt + 1).filter(({ kind }) => kind === 'write');
  const untouched = scenario.busyKeys.filter((key) => !after.some((write) => write.key === key));
  const lacking = Math.max(
    writesMin - writes.length,
    backAt < 0 ? 0 : writesAfterPutBackMin - after.length,
    untouched.length,
  );
  const keys = [...untouched, ...scenario.busyKeys];
  for (let extra = 0; extra < lacking; extra += 1) {
    const own = chance.fork(`${extra}`);
    const key = keys[extra % keys.length] ?? '';
    plan.push({ kind: 'write', afterMs: pauseMs(own), rule: own.pick(scenario.rules), key, chance: own });
  }
}

function operate({ scenario, users, operators, world }: Cast, operation: Operation): void {
  const { kind, rule, key, chance } = operation;
  const { source } = rule;
  const { destination } = rule.settings;
  switch (kind) {
    case 'write': {
      const how = chance.weighted({ put: 12, twice: 2, again: 2, delete: 4 });
      if (how === 'delete') return users.delete(source, key);
      if (how === 'again') return users.putAgain(chance, source, key);
      if (how === 'twice') users.put(chance, source, key);
      return users.put(chance, source, key);
    }
    case 'deleteForGood':
      return users.deleteForGood(chance, source, key);
    case 'deleteTwice':
      return users.deleteTwice(chance, source, key);
    case 'deleteAtBothEnds':
      return users.deleteAtBothEnds(chance, source, destination, key);
    case 'putAgainAtBothEnds':
      return users.putAgainAtBothEnds(chance, source, destination, key);
    case 'putOnArchived':
      return users.putOnArchived(chance, source, key);
    case 'archiveCurrent':
      return users.archiveCurrent(chance, source, destination, key);
    case 'restore':
      return users.restore(chance, destination, key);
    case 'restoreArchived':
      return users.restoreArchived(chance, source);
    case 'destinationPut':
      return users.put(chance, destination, key);
    case 'destinationDelete':
      return users.delete(destination, key);
    case 'destinationDeleteForGood':
      return users.deleteForGood(chance, destination, key);
    case 'suspendSource':
      return users.suspend(chance, source);
    case 'suspendDestination':
      return users.suspend(chance, destination);
    case 'rule':
    case 'gentleRule': {
      const change = kind === 'rule' ? operators.change : operators.changeGently;
      // Now and then two people at once.
      if (chance.happens(0.3)) void change(chance.fork('second'), chance.pick(scenario.rules));
      return void change(chance, rule);
    }
    case 'ruleRush':
      return rushRules(scenario, world, operators.change, chance);
    case 'gentleRuleRush':
      return rushRules(scenario, world, operators.changeGently, chance);
    case 'recreate':
      return void operators.remove(rule).then(() => operators.create(rule));
    case 'putRulesBack':
      return operators.putBack(scenario.rules);
  }
}

/** Several people change rules, three at a time: some write at the same moment, some build on what others have only just written. */
function rushRules(
  { rules }: Scenario,
  { scheduler }: World,
  change: Operators['change'],
  chance: Chance,
): void {
  for (const moment of ['first', 'second']) {
    const afterMs = chance.fork(moment).between(0, 1_500);
    for (const person of ['one', 'other', 'third']) {
      const own = chance.fork(`${moment} ${person}`);
      scheduler.after(afterMs, () => void change(own, own.pick(rules)));
    }
  }
}
