import { createFifo } from './fifo';
import { type Instance, type InstanceSettings, startInstance } from './instance';
import { failed, type Outcome } from './outcome';
import type { ScfFunction } from './scf-function';

/** Callers who wait are served before the queue of events, as they are in SCF. */
export type Lane = 'synchronous' | 'asynchronous';

/** The warm and starting instances of one function, and what waits for one. */
export interface InstancePool {
  /** Runs one event as soon as an instance is free. Never rejects. */
  readonly run: (lane: Lane, requestId: string, event: string) => Promise<Outcome>;
  readonly instances: () => number;
  /** Kills every process in the middle of whatever it does, as a platform that loses a machine. Returns how many. */
  readonly crash: () => number;
  /** Kills what runs; what waits is never settled. Resolves when every process is gone. */
  readonly close: () => Promise<void>;
}

export interface PoolSettings extends InstanceSettings {
  /** How long an instance that has nothing to do is kept. */
  readonly idleMs: number;
}

/** More waiting callers than this are refused, as SCF refuses those over the concurrency quota. */
const waitingCallersMax = 1000;

interface Job {
  readonly requestId: string;
  readonly event: string;
  readonly settle: (outcome: Outcome) => void;
}

export function createPool(scf: ScfFunction, settings: PoolSettings): InstancePool {
  const waiting = { synchronous: createFifo<Job>(), asynchronous: createFifo<Job>() };
  const live = new Set<Instance>();
  const idle: { instance: Instance; reclaim: NodeJS.Timeout }[] = [];
  let starting = 0;
  let closed = false;

  const next = (): Job | undefined => waiting.synchronous.shift() ?? waiting.asynchronous.shift();
  const waitingJobs = (): number => waiting.synchronous.size() + waiting.asynchronous.size();

  const pump = (): void => {
    if (closed) return;
    while (idle.length > 0 && waitingJobs() > 0) {
      const slot = idle.pop();
      const job = next();
      if (!slot || !job) break;
      clearTimeout(slot.reclaim);
      void work(slot.instance, job);
    }
    while (waitingJobs() > starting && live.size < scf.maxInstances) void start();
  };

  const start = async (): Promise<void> => {
    const instance = startInstance(scf, settings);
    live.add(instance);
    starting += 1;
    void instance.ended.then(() => {
      forget(instance);
      pump();
    });
    const problem = await instance.started;
    starting -= 1;
    if (problem) {
      forget(instance);
      instance.kill();
      // Each failed start is the outcome of one event: a bundle that cannot be loaded must not be tried for ever.
      next()?.settle(problem);
    } else {
      rest(instance);
    }
    pump();
  };

  const work = async (instance: Instance, job: Job): Promise<void> => {
    const outcome = await instance.invoke(job.requestId, job.event);
    const gone = !outcome.ok && outcome.error.kind !== 'userCode';
    if (gone) forget(instance);
    else rest(instance);
    if (!closed) job.settle(outcome);
    pump();
  };

  const rest = (instance: Instance): void => {
    if (closed || !live.has(instance)) return;
    const reclaim = setTimeout(() => {
      forget(instance);
      instance.kill();
    }, settings.idleMs);
    idle.push({ instance, reclaim: reclaim.unref() });
  };

  const ending = new Set<Promise<void>>();
  const forget = (instance: Instance): void => {
    if (!live.delete(instance)) return;
    const place = idle.findIndex((slot) => slot.instance === instance);
    for (const slot of place < 0 ? [] : idle.splice(place, 1)) clearTimeout(slot.reclaim);
    ending.add(instance.ended);
    void instance.ended.then(() => ending.delete(instance.ended));
  };

  return {
    run: (lane, requestId, event) =>
      new Promise((resolve) => {
        if (closed) return;
        if (lane === 'synchronous' && waiting.synchronous.size() >= waitingCallersMax) {
          resolve(
            failed('noInstance', `All ${scf.maxInstances} instances are busy and too many callers wait.`),
          );
          return;
        }
        waiting[lane].push({ requestId, event, settle: resolve });
        pump();
      }),
    instances: () => live.size,
    crash: () => {
      const lost = [...live];
      for (const instance of lost) instance.kill();
      return lost.length;
    },
    close: async () => {
      closed = true;
      for (const instance of live) {
        forget(instance);
        instance.kill();
      }
      await Promise.all(ending);
    },
  };
}
