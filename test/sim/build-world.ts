import { type BoundChecks, createBoundChecks, quietWithinMs } from './checks/bound-checks';
import { createChance, type Chance } from './chance';
import { createOnlineChecks } from './checks/online-checks';
import { checkAcknowledged } from './checks/rule-changes-check';
import { checkSince } from './checks/since-check';
import { createFaults } from './faults';
import { createVerdict, type Verdict } from './failure';
import { createLeaseWatch } from './lease-events';
import { type Acknowledged, createOperators, type Operators } from './operators';
import { createPlatform, type Platform } from './platform';
import { createRuleBooks, type RuleBooks } from './rule-books';
import type { RunOptions, Scenario } from './scenario';
import { createScheduler } from './scheduler';
import { createSimCos } from './sim-cos';
import { createStateBucket } from './state-bucket';
import { createTally } from './tally';
import { createTrace, noTrace } from './trace';
import { createUsers, type Users } from './users';
import { createWire } from './wire';
import type { MarkerRecord, World } from './world';

export const startMs = Date.UTC(2026, 10, 1);

/** A world before anything happens in it, with all that acts there and all that watches. */
export interface BuiltWorld {
  readonly world: World;
  readonly chance: Chance;
  readonly platforms: ReadonlyMap<string, Platform>;
  readonly users: Users;
  readonly operators: Operators;
  readonly books: RuleBooks;
  readonly acknowledged: readonly Acknowledged[];
  readonly checks: ReturnType<typeof createOnlineChecks>;
  readonly bounds: BoundChecks;
  readonly verdict: Verdict;
  /** Lets time pass until this work is done, if any is named, and nothing is left to do: both within a bound. */
  readonly settle: (work?: Promise<unknown>) => Promise<void>;
}

/** Times that a piece of work may pause without anything to wait for. */
const turnsMax = 1_000;

export function buildWorld(
  options: RunOptions,
  draw: (chance: Chance) => Scenario,
): BuiltWorld & { readonly scenario: Scenario } {
  const chance = createChance(options.seed);
  const scenario = draw(chance.fork('scenario'));
  const scheduler = createScheduler(startMs);
  const tally = createTally();
  const trace = options.trace ? createTrace(() => scheduler.now(), startMs) : noTrace;
  const verdict = createVerdict();
  const failed = (): boolean => verdict.failure !== undefined;
  const faults = createFaults(scenario.faultRates, tally);
  const state = createStateBucket();
  const books = createRuleBooks(state);
  const cos = createSimCos(scheduler);
  const acknowledged: Acknowledged[] = [];
  const attempts: MarkerRecord[] = [];
  const checks = createOnlineChecks({
    verdict,
    books,
    attempts,
    cos: () => cos,
    now: () => scheduler.now(),
    configLifetimeMs: scenario.settings.configLifetimeMs,
    planAgeMaxMs: scenario.settings.replication.planAgeMaxMs,
  });
  const bounds = createBoundChecks(scenario.settings, verdict);
  const world: World = {
    scheduler,
    chance: chance.fork('world'),
    faults,
    trace,
    tally,
    cos,
    state,
    settings: scenario.settings,
    wire: createWire(scheduler, faults, trace),
    watch: checks,
    leases: createLeaseWatch({ state, scheduler, settings: scenario.settings, tally, verdict }),
    attempts,
    retries: [],
    buckets: scenario.buckets.map(({ ref }) => ref),
    without: options.without,
  };
  for (const { ref, habits } of scenario.buckets) cos.createBucket(ref, habits);
  const regions = [...new Set(scenario.rules.map(({ source }) => source.region))];
  const platforms = new Map(regions.map((region) => [region, createPlatform(world, region)]));
  cos.onChange = (written, ref, key) => {
    if (written) checks.landed(written);
    if (written) bounds.landed(written);
    if (written?.author.kind !== 'replication') bounds.caused();
    platforms.get(ref.region)?.notify(ref, key);
  };
  const users = createUsers(world, scenario);
  const operators = createOperators(world, platforms, (change) => {
    acknowledged.push(change);
    bounds.caused();
    checkAcknowledged(change, books, verdict);
    checkSince(change, books, scenario.keys, scenario.settings.replication.clockToleranceMs, verdict);
  });

  const boundMs = quietWithinMs(scenario.settings);
  const settle = async (work: Promise<unknown> = Promise.resolve()): Promise<void> => {
    let done = false;
    const ended = work.finally(() => {
      done = true;
    });
    ended.catch(() => undefined);
    const untilMs = scheduler.now() + boundMs;
    // What needs no request of its own may ask for one later.
    for (let turn = 0; turn === 0 || ((!done || scheduler.left > 0) && turn < turnsMax); turn += 1) {
      if (failed() || scheduler.now() >= untilMs) break;
      await new Promise((drained) => setImmediate(drained));
      await scheduler.runDry(untilMs, failed);
    }
    if (failed()) return;
    if (done && scheduler.left === 0) return void (await ended);
    const what = done ? `${scheduler.left} tasks are left` : 'what was asked for is not done';
    verdict.fail('quiet within a bound', `after ${boundMs / 1000} s without faults, ${what}`);
  };
  return {
    scenario,
    world,
    chance,
    platforms,
    users,
    operators,
    books,
    acknowledged,
    checks,
    bounds,
    verdict,
    settle,
  };
}
