import { handleEvent } from '../../lib/app/handle-event';
import { reconcile, type ReconcileReport } from '../../lib/app/reconcile';
import { ReplicationError } from '../../lib/domain/error';
import type { BucketRef } from '../../lib/domain/rule';
import { recordOf, unreadableRecord } from './cos-event';
import type { Chance } from './chance';
import { createInstance, type Instance } from './instance';
import type { World } from './world';

/** The function platform of one region: it invokes, retries, and gives up, as the field's facts have it. */
export interface Platform {
  readonly region: string;
  /** A change of a bucket of this region; an event may or may not come of it. */
  notify(ref: BucketRef, key: string): void;
  /** One event about a key, delivered faithfully. */
  redeliver(ref: BucketRef, key: string): void;
  /** One run of the timer's function. Resolves when it ended, however. */
  runTimer(): Promise<ReconcileReport | undefined>;
  /** An instance that a person's requests for rules are served by. */
  ruleInstance(): Instance;
  readonly invocations: number;
  /** All that are alive. */
  instances(): readonly Instance[];
}

/** SCF tries an event again this often, about a minute after each failure, and then drops it. */
export const retriesMax = 2;
const retryDelayMs = [58_000, 65_000] as const;
export const retryDelayMostMs = retryDelayMs[1];
/** How late an event comes at most. */
export const eventDelayMostMs = 120_000;
/** How late one comes of which nothing is wrong, and how long it is held back so that others come with it. */
export const eventSoonMostMs = 600;
export const eventHeldMostMs = 3_000;
/** The share of the timer's runs that stop midway, while faults are played, and after which time. */
const hurriedRate = 0.3;
const hurriedMs = [100, 4_000] as const;
/** The share of events with several records in which one is of no known shape. */
const unreadableRate = 0.2;

export function createPlatform(world: World, region: string): Platform {
  const { scheduler, cos, faults, settings, tally, trace } = world;
  const chance = world.chance.fork(`platform ${region}`);
  const short = region.split('-')[1] ?? region;
  const pools = new Map<string, Instance[]>();
  let instances = 0;
  let invocations = 0;
  let notified = 0;
  let timers = 0;
  let held: unknown[] = [];

  const idle = (role: string): Instance => {
    const pool = (pools.get(role) ?? []).filter((instance) => instance.alive);
    pools.set(role, pool);
    const free = pool.filter((instance) => !instance.busy);
    if (free.length > 0) return chance.pick(free);
    instances += 1;
    const made = createInstance(world, `${short}/${role}${instances}`, region);
    pool.push(made);
    return made;
  };

  /** Runs one invocation to its end: done, thrown, killed at its deadline, or dead. */
  const invoke = async <Result>(
    role: string,
    run: (instance: Instance) => Promise<Result>,
  ): Promise<Result | 'failed'> => {
    const instance = idle(role);
    invocations += 1;
    instance.busy = true;
    instance.deadlineMs = scheduler.now() + settings.functionTimeoutMs;
    const invocation = invocations;
    const died = new Promise<'failed'>((resolve) => {
      instance.onDeath = () => resolve('failed');
    });
    const spare = scheduler.after(settings.functionTimeoutMs, () => {
      tally.count('killed at the deadline');
      trace.add(instance.name, 'platform', `invocation ${invocation}`, 'killed at its deadline');
      instance.crash();
    });
    const ran = run(instance).catch((thrown: unknown) => {
      tally.count(`thrown ${(thrown as { code?: string }).code ?? String(thrown)}`);
      trace.add(instance.name, 'platform', `invocation ${invocation}`, `threw ${String(thrown)}`);
      return 'failed' as const;
    });
    const result = await Promise.race([ran, died]);
    spare();
    instance.busy = false;
    instance.onDeath = undefined;
    return result;
  };

  let working = 0;
  const waiting: (() => void)[] = [];
  /** A worker of the function, as soon as one is free. */
  const takeWorker = async (): Promise<void> => {
    if (working >= (settings.workersMax ?? Infinity)) await new Promise<void>((free) => waiting.push(free));
    working += 1;
  };
  const freeWorker = (): void => {
    working -= 1;
    waiting.shift()?.();
  };

  const handle = async (event: unknown, attempt: number): Promise<void> => {
    await takeWorker();
    const result = await invoke('event', (instance) => {
      trace.add(instance.name, 'handleEvent', describe(event), `try ${attempt + 1}`);
      return handleEvent(instance.ports, event).catch((thrown: unknown) => {
        const code = thrown instanceof ReplicationError ? thrown.code : String(thrown);
        for (const key of keysOf(event)) world.retries.push({ key, code, atMs: scheduler.now() });
        throw thrown;
      });
    });
    freeWorker();
    if (result !== 'failed') return;
    if (attempt >= retriesMax) {
      tally.count('event given up');
      return;
    }
    tally.count('event retried');
    scheduler.after(chance.between(...retryDelayMs), () => void handle(event, attempt + 1));
  };

  /** After a while there is just enough time to end what is under way: as if there were more keys than a run can look at. */
  const hurried = ({ ports }: Instance, afterMs: number): (() => number) => {
    const fromMs = scheduler.now() + afterMs;
    const littleMs = 1.5 * settings.replication.deadlineMarginMs;
    return () => (scheduler.now() < fromMs ? ports.remainingMs() : Math.min(littleMs, ports.remainingMs()));
  };

  /** Keeps a record back for a while, so that others come with it. */
  const hold = (own: Chance, record: unknown): void => {
    held.push(record);
    tally.count('event batched');
    scheduler.after(own.between(100, eventHeldMostMs), () => deliverHeld(own));
  };

  /** What was held back, in one event; now and then beside a record that nobody can read. */
  const deliverHeld = (own: Chance): void => {
    if (held.length > 0) deliver(own.happens(unreadableRate) ? [unreadableRecord, ...held] : held);
    held = [];
  };

  const deliver = (records: readonly unknown[]): void => {
    void handle({ Records: records }, 0);
  };

  return {
    region,
    get invocations() {
      return invocations;
    },
    redeliver: (ref, key) => deliver([recordOf(ref, key, cos.bucketClock(ref), false)]),
    notify(ref, key) {
      const own = chance.fork(`${ref.bucket}/${key}/${(notified += 1)}`);
      const record = recordOf(ref, key, cos.bucketClock(ref), own.happens(0.5));
      const fate = faults.befalls(own, ['eventDropped', 'eventDelayed', 'eventDoubled']);
      if (fate === 'eventDropped') return;
      const arrives = own.happens(settings.batchRate) ? () => hold(own, record) : () => deliver([record]);
      const delayMs =
        fate === 'eventDelayed' ? own.between(2_000, eventDelayMostMs) : own.between(20, eventSoonMostMs);
      scheduler.after(delayMs, arrives);
      if (fate === 'eventDoubled') scheduler.after(delayMs + own.between(0, 5_000), arrives);
    },
    async runTimer() {
      const own = chance.fork(`timer ${(timers += 1)}`);
      const hurriesMs = faults.active && own.happens(hurriedRate) ? own.between(...hurriedMs) : Infinity;
      const result = await invoke('timer', (instance) => {
        trace.add(instance.name, 'reconcile', region, 'begins');
        return reconcile({ ...instance.ports, remainingMs: hurried(instance, hurriesMs) });
      });
      if (result !== 'failed' && !result.finished) tally.count('timer stopped midway');
      return result === 'failed' ? undefined : result;
    },
    ruleInstance: () => idle('rules'),
    instances: () => [...pools.values()].flat().filter((instance) => instance.alive),
  };
}

function describe(event: unknown): string {
  return keysOf(event).join(', ');
}

function keysOf(event: unknown): readonly string[] {
  const records = (event as { Records: { cos: { cosObject?: { url: string } } }[] }).Records;
  return records.map(({ cos: { cosObject } }) => {
    const path = cosObject && new URL(cosObject.url).pathname.slice(1);
    return path === undefined ? 'unreadable' : decodeURIComponent(path);
  });
}
