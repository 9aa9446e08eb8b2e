import { createFifo } from './fifo';
import { type Instance, type InstanceSettings, startInstance } from './instance';
import type { MemoryQuota } from './memory-quota';
import { failed, type Outcome } from './outcome';
import type { ScfFunction } from './scf-function';

/** Callers who wait are served before the queue of events, as they are in SCF. */
export type Lane = 'synchronous' | 'asynchronous';

/** One run of a handler. */
export interface Run {
  readonly outcome: Outcome;
  /** Whether a process was started for it. */
  readonly coldStart: boolean;
  readonly durationMs: number;
  /** The most memory that was seen, in megabytes; 0 where the system does not tell. */
  readonly peakMb: number;
}

/** The warm and starting instances of one function, and what waits for one. */
export interface InstancePool {
  /** Runs one event as soon as an instance is free. Never rejects. `expired`: that was too late. */
  readonly run: (
    lane: Lane,
    requestId: string,
    event: string,
    validUntilMs?: number,
  ) => Promise<Run | 'expired'>;
  readonly instances: () => number;
  /** Instances that have an event at hand. */
  readonly atWork: () => number;
  /** Kills every process, as a platform that loses a machine. Returns how many had an event at hand. */
  readonly crash: () => number;
  /** Kills what runs; what waits is never settled. Resolves when every process is gone. */
  readonly close: () => Promise<void>;
}

export interface PoolSettings extends InstanceSettings {
  /** How long an instance that has nothing to do is kept. */
  readonly idleMs: number;
  /** Shared by all functions of the account. */
  readonly quota: MemoryQuota;
}

/** More waiting callers than this are refused, as SCF refuses those over the concurrency quota. */
const waitingCallersMax = 1000;

interface Job {
  readonly requestId: string;
  readonly event: string;
  readonly validUntilMs: number;
  readonly settle: (run: Run | 'expired') => void;
}

export function createPool(scf: ScfFunction, settings: PoolSettings): InstancePool {
  const waiting = { synchronous: createFifo<Job>(), asynchronous: createFifo<Job>() };
  const live = new Set<Instance>();
  const idle: { instance: Instance; reclaim: NodeJS.Timeout }[] = [];
  const { quota } = settings;
  const unused = new WeakSet<Instance>();
  let starting = 0;
  const busy = new Set<Instance>();
  let closed = false;

  const next = (): Job | undefined => {
    for (;;) {
      const job = waiting.synchronous.shift() ?? waiting.asynchronous.shift();
      if (!job || Date.now() <= job.validUntilMs) return job;
      job.settle('expired');
    }
  };
  const waitingJobs = (): number => waiting.synchronous.size() + waiting.asynchronous.size();

  const pump = (): void => {
    if (closed) return;
    while (idle.length > 0 && waitingJobs() > 0) {
      if (!quota.take(scf.memoryMb)) return;
      const job = next();
      const slot = job && idle.pop();
      if (!slot) {
        quota.release(scf.memoryMb);
        break;
      }
      clearTimeout(slot.reclaim);
      void work(slot.instance, job);
    }
    while (waitingJobs() > starting && live.size < scf.maxInstances && quota.has(scf.memoryMb)) void start();
  };

  const start = async (): Promise<void> => {
    const instance = startInstance(scf, settings);
    live.add(instance);
    unused.add(instance);
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
      next()?.settle({ outcome: problem, coldStart: true, durationMs: 0, peakMb: 0 });
    } else {
      rest(instance);
    }
    pump();
  };

  const work = async (instance: Instance, job: Job): Promise<void> => {
    const coldStart = unused.delete(instance);
    const startedMs = performance.now();
    busy.add(instance);
    const outcome = await instance.invoke(job.requestId, job.event);
    busy.delete(instance);
    const durationMs = performance.now() - startedMs;
    const gone = !outcome.ok && outcome.error.kind !== 'userCode';
    if (gone) forget(instance);
    else rest(instance);
    if (!closed) job.settle({ outcome, coldStart, durationMs, peakMb: instance.peakMb() });
    // Tells every pool, this one too.
    quota.release(scf.memoryMb);
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

  quota.onRelease(pump);

  return {
    run: (lane, requestId, event, validUntilMs = Infinity) =>
      new Promise((resolve) => {
        if (closed) return;
        if (lane === 'synchronous' && waiting.synchronous.size() >= waitingCallersMax) {
          return resolve(refused(`All ${scf.maxInstances} instances are busy and too many callers wait.`));
        }
        // An event waits until others are done; a caller is refused, as by SCF.
        if (lane === 'synchronous' && !quota.has(scf.memoryMb)) {
          return resolve(refused('The memory that the account may use at once is in use.'));
        }
        waiting[lane].push({ requestId, event, validUntilMs, settle: resolve });
        pump();
      }),
    instances: () => live.size,
    atWork: () => busy.size,
    crash: () => {
      const lost = [...live];
      const lostAtWork = busy.size;
      for (const instance of lost) instance.kill();
      return lostAtWork;
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

function refused(message: string): Run {
  return { outcome: failed('noInstance', message), coldStart: false, durationMs: 0, peakMb: 0 };
}
