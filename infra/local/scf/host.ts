import { randomUUID } from 'node:crypto';
import { createAsyncQueue, type AsyncQueue, type Settlement } from './async-queue';
import type { FunctionLog, InstanceSettings } from './instance';
import { type InvocationFailure, type Outcome } from './outcome';
import { createPool, type InstancePool } from './pool';
import { checkScfFunction, type ScfFunction } from './scf-function';

export interface ScfHostSettings extends Pick<InstanceSettings, 'bootstrap' | 'cloudPort'> {
  readonly onLog?: (log: FunctionLog) => void;
  readonly onInvocation?: (report: InvocationReport) => void;
  /** How long an instance without work is kept; a minute if not given. */
  readonly idleMs?: number;
}

/** What the platform itself would write to the log after each run of a handler. */
export interface InvocationReport {
  readonly functionName: string;
  readonly requestId: string;
  /** 0 for the first try. */
  readonly retryNumber: number;
  readonly outcome: Outcome;
  /** Whether the event is tried again after this failure. */
  readonly willRetry: boolean;
}

export type SyncAnswer =
  | { readonly ok: true; readonly requestId: string; readonly result: unknown }
  | { readonly ok: false; readonly requestId: string; readonly error: InvocationFailure };

/** The functions of one local cloud. */
export interface ScfHost {
  readonly functions: readonly ScfFunction[];
  /** Runs an event and waits for its value, as Invoke with RequestResponse and a Function URL do. Never rejects. */
  readonly invoke: (name: string, event: unknown) => Promise<SyncAnswer>;
  /** Queues an event, as COS and timers do. `false`: the queue is full, and `onSettled` is never called. */
  readonly enqueue: (name: string, event: unknown, onSettled?: (how: Settlement) => void) => boolean;
  /** Processes that a function has now, and asynchronous events that are not settled. */
  readonly load: (name: string) => { readonly instances: number; readonly unsettled: number };
  /** Kills the processes of a function in the middle of whatever they do. Returns how many there were. */
  readonly crash: (name: string) => number;
  /** Resolves when every process is gone. Events that were not settled never are. */
  readonly close: () => Promise<void>;
}

const idleMsDefault = 60_000;

interface Hosted {
  readonly pool: InstancePool;
  readonly queue: AsyncQueue;
}

/** Takes the functions in; the first process starts with the first event. */
export function startScfHost(functions: readonly ScfFunction[], settings: ScfHostSettings): ScfHost {
  const {
    bootstrap,
    cloudPort,
    onLog = () => {},
    onInvocation = () => {},
    idleMs = idleMsDefault,
  } = settings;
  const hosted = new Map<string, Hosted>();
  for (const scf of functions) {
    checkScfFunction(scf);
    const pool = createPool(scf, { bootstrap, cloudPort, onLog, idleMs });
    const runAttempt = async (requestId: string, event: string, retryNumber: number): Promise<Outcome> => {
      const outcome = await pool.run('asynchronous', requestId, event);
      const willRetry = !outcome.ok && retryNumber < scf.retry.attempts;
      onInvocation({ functionName: scf.name, requestId, retryNumber, outcome, willRetry });
      return outcome;
    };
    hosted.set(scf.name, { pool, queue: createAsyncQueue(runAttempt, scf.retry) });
  }

  const find = (name: string): Hosted => {
    const found = hosted.get(name);
    if (!found)
      throw new Error(`There is no function "${name}"; there are: ${[...hosted.keys()].join(', ')}.`);
    return found;
  };

  return {
    functions,
    invoke: async (name, event) => {
      const requestId = randomUUID();
      const outcome = await find(name).pool.run('synchronous', requestId, JSON.stringify(event));
      onInvocation({ functionName: name, requestId, retryNumber: 0, outcome, willRetry: false });
      return outcome.ok
        ? { ok: true, requestId, result: JSON.parse(outcome.result) as unknown }
        : { ok: false, requestId, error: outcome.error };
    },
    enqueue: (name, event, onSettled = () => {}) =>
      find(name).queue.enqueue(randomUUID(), JSON.stringify(event), onSettled),
    load: (name) => ({ instances: find(name).pool.instances(), unsettled: find(name).queue.size() }),
    crash: (name) => find(name).pool.crash(),
    close: async () => {
      for (const { queue } of hosted.values()) queue.close();
      await Promise.all([...hosted.values()].map(({ pool }) => pool.close()));
    },
  };
}
