import { createHash } from 'node:crypto';
import { buildWorld, type BuiltWorld, startMs } from './build-world';
import { checkAllArrived } from './checks/arrival-check';
import { checkBacklog } from './checks/gaps';
import { checkHowSoon } from './checks/how-soon';
import { mayStillCome } from './checks/idempotence-check';
import { checkLeasesSwept } from './checks/lease-check';
import { checkQuietWorld } from './checks/quiet-world';
import { checkNoChangeLost } from './checks/rule-changes-check';
import type { Failure } from './failure';
import { bringEventsEverything } from './faults';
import { described, shown, type Written } from './ledger';
import { scheduleOperations } from './operations';
import { countNothingToCheck } from './nothing-to-check';
import { type Platform, retriesMax } from './platform';
import { drawScenario, type RunOptions } from './scenario';
import { checkWorkload } from './checks/workload-check';
import type { World } from './world';

export interface RunResult {
  readonly failure: Failure | undefined;
  readonly lines: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  /** Of the trace; the same for every run of a seed. */
  readonly hash: string;
}

const timerMs = 300_000;
/** After faults stop, the timer runs this often until everything must be right. */
const reconcileRunsMax = 4;

/** One simulated world from its first rule to its last check. */
export async function runSeed(options: RunOptions): Promise<RunResult> {
  const run = createRun(options);
  await run.begin();
  await run.safety();
  await run.liveness();
  await run.quiescence();
  const { trace, tally, verdict } = run;
  const { failure } = verdict;
  if (failure) {
    run.showHistories(failure.key);
    trace.add('checker', failure.checker, failure.key ?? '', failure.message);
  }
  const lines = trace.lines();
  const hash = createHash('sha256').update(lines.join('\n')).digest('hex');
  return { failure, lines, counts: tally.counts, hash };
}

function createRun(options: RunOptions) {
  const built = buildWorld(options, (chance) => drawScenario(options, chance));
  const { scenario, world, chance, platforms, users, operators, books, acknowledged, checks } = built;
  const { bounds, verdict, settle } = built;
  const { scheduler, faults, cos, trace, tally } = world;
  const failed = (): boolean => verdict.failure !== undefined;
  const reconcileAll = async (): Promise<void> => {
    for (const platform of platforms.values()) {
      bounds.caused();
      await settle(platform.runTimer());
    }
  };

  return {
    trace,
    tally,
    verdict,

    /** All that ever stood under a key. */
    showHistories(key: string | undefined): void {
      if (key === undefined) return;
      for (const { bucket } of world.buckets) {
        for (const written of cos.ledger.of(bucket, key))
          trace.add('history', bucket, key, described(written, startMs));
      }
    },

    /** Rules are made while nothing goes wrong yet. */
    async begin(): Promise<void> {
      for (const { source } of scenario.rules) {
        if (chance.happens(0.3)) users.put(chance, source, chance.pick(scenario.busyKeys));
      }
      for (const rule of scenario.rules) await settle(operators.create(rule));
      faults.start();
    },

    /** People and faults at once. */
    async safety(): Promise<void> {
      const untilMs = scheduleOperations({ scenario, users, operators, world }, chance.fork('operations'));
      if (!bringEventsEverything(scenario.faultRates)) scheduleTimers(built, untilMs);
      await scheduler.runUntil(untilMs, failed);
      // Of a shrunk seed, users do less.
      if (options.without.size === 0) checkWorkload(world, scenario, verdict);
    },

    /** Nothing goes wrong any longer: in a bounded time everything must be right. */
    async liveness(): Promise<void> {
      faults.stop();
      await settle();
      // Where nothing ever went wrong, or listings only lagged, events alone bring everything: how soon, not only whether.
      // But where answers took so long that a function was killed, others have left its key to it, and to the timer.
      const killed = (tally.counts.get('killed at the deadline') ?? 0) > 0;
      if (bringEventsEverything(scenario.faultRates) && !killed) {
        const { staleSnapshot, slow } = scenario.faultRates;
        // A listing that lacks what no HEAD tells of, a delete marker or a sealed version, cannot be told from one that has none.
        const keys = scenario.keys
          .filter((key) => staleSnapshot === 0 || !wasEverHidden(world, key))
          .filter((key) => slow === 0 || !wasGivenUpBusy(world, key));
        checkAllArrived(world, books, keys, verdict, 'afterLastChange');
        if (staleSnapshot === 0) checkHowSoon(world, books, { ...scenario, keys }, verdict);
      }
      for (let round = 0; round < reconcileRunsMax && !failed(); round += 1) {
        await scheduler.runUntil(scheduler.now() + timerMs, failed);
        await reconcileAll();
      }
      if (failed()) return;
      for (const platform of platforms.values()) {
        if (failed()) return;
        await settle(checkRulesHeard(platform, built));
      }
      checkQuietWorld(world, books, scenario.keys, verdict);
      countNothingToCheck(tally);
      checkLeasesSwept(world, timerMs, verdict);
      checkBacklog(world, books, timerMs, verdict);
      checkNoChangeLost(world, books, acknowledged, verdict);
    },

    /** Every event comes twice more, and the timer once: nobody writes anything. */
    async quiescence(): Promise<void> {
      if (failed()) return;
      const before = cos.ledger.all.length;
      const mayCome = mayStillCome(world, books, scenario.keys);
      for (const written of lastOfEachKey(cos.ledger.all)) {
        for (let time = 0; time < 2; time += 1) {
          platforms.get(written.ref.region)?.redeliver(written.ref, written.key);
          bounds.caused();
          await settle();
        }
      }
      await reconcileAll();
      const more = cos.ledger.all.slice(before).find((written) => !mayCome(written));
      if (more) {
        verdict.fail(
          'idempotent',
          `${shown(more)} is written to ${more.ref.bucket} after doubled events in a quiet world`,
          more.key,
        );
      }
      bounds.countWrites(tally);
      const invocations = [...platforms.values()].reduce((sum, one) => sum + one.invocations, 0);
      bounds.checkInvocations(invocations);
      tally.count('writes', checks.writes.length);
      tally.count('invocations', invocations);
    },
  };
}

/** Long after the last change every function acts on the rules as they stand. */
async function checkRulesHeard(platform: Platform, { world, books, verdict }: BuiltWorld): Promise<void> {
  for (const instance of platform.instances()) {
    for (const source of world.buckets) {
      const standing = books.newest(source.bucket);
      if (standing === undefined || source.region !== platform.region) continue;
      const heard = await instance.ports.rules.current(source);
      if (JSON.stringify(heard.rules) === JSON.stringify(standing.rules)) continue;
      verdict.fail(
        'rules are heard of',
        `${instance.name} acts on other rules of ${source.bucket} than stand`,
      );
      // Nothing is played any further: whoever asked for more would wait for ever.
      return;
    }
  }
}

/** Each try of an event may have found that its plans grow too old over answers that take long. */
function wasGivenUpBusy({ retries }: World, key: string): boolean {
  return retries.filter((retry) => retry.key === key && retry.code === 'KEY_BUSY').length > retriesMax;
}

function wasEverHidden({ cos }: World, key: string): boolean {
  return cos.ledger.all.some(
    ({ key: of, stored: { content } }) =>
      of === key && (content === undefined || content.metadata['x-cos-meta-kind'] === 'sealed'),
  );
}

function lastOfEachKey(all: readonly Written[]): readonly Written[] {
  return [...new Map(all.map((written) => [`${written.ref.bucket}\n${written.key}`, written])).values()];
}

function scheduleTimers({ world: { scheduler }, platforms, bounds }: BuiltWorld, untilMs: number): void {
  for (const [place, platform] of [...platforms.values()].entries()) {
    const first = timerMs / 3 + place * 1_000;
    for (let delayMs = first; scheduler.now() + delayMs < untilMs; delayMs += timerMs) {
      scheduler.after(delayMs, () => {
        bounds.caused();
        void platform.runTimer();
      });
    }
  }
}
