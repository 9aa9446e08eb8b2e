import { randomUUID } from 'node:crypto';
import { createAsyncQueue, type AsyncQueue, type Settlement } from './async-queue';
import type { FunctionLog, InstanceSettings } from './instance';
import { accountMemoryMbMax, asyncEventBytesMax, syncBytesMax } from './limits';
import { createMemoryQuota } from './memory-quota';
import type { InvocationFailure } from './outcome';
import { platformLines } from './platform-log';
import { createPool, type InstancePool, type Run } from './pool';
import { checkScfFunction, type ScfFunction } from './scf-function';

export interface ScfHostSettings extends Pick<InstanceSettings, 'bootstrap' | 'cloudPort'> {
  readonly onLog?: (log: FunctionLog) => void;
  readonly onInvocation?: (report: InvocationReport) => void;
  /** What the platform writes to a function's log by itself, return values among it. */
  readonly onPlatformLog?: (log: FunctionLog) => void;
  /** What all functions together may use at once; SCF's own limit if not given. */
  readonly accountMemoryMb?: number;
  /** How long an instance without work is kept; a minute if not given. */
  readonly idleMs?: number;
}

/** What is known after each run of a handler. */
export interface InvocationReport extends Run {
  readonly functionName: string;
  readonly requestId: string;
  /** 0 for the first try. */
  readonly retryNumber: number;
  /** Whether the event is tried again after this failure. */
  readonly willRetry: boolean;
}

export type SyncAnswer =
  | { readonly ok: true; readonly requestId: string; readonly result: unknown }
  | { readonly ok: false; readonly requestId: string; readonly error: InvocationFailure };

/** The functions of one local cloud. */
export interface ScfHost {
  readonly functions: () => readonly ScfFunction[];
  /** Takes a function in, or another version of it: what runs goes on with the old one, what waits gets the new one. */
  readonly put: (scf: ScfFunction) => void;
  /** Forgets a function. What it had not settled never is. */
  readonly take: (name: string) => void;
  /** Runs an event and waits for its value, as Invoke with RequestResponse and a Function URL do. Never rejects. */
  readonly invoke: (name: string, event: unknown) => Promise<SyncAnswer>;
  /**
   * Queues an event, as COS and timers do. `false`: the queue is full, and `onSettled` is never called. An event over
   * SCF's limit fails unseen by the function.
   */
  readonly enqueue: (name: string, event: unknown, onSettled?: (how: Settlement) => void) => boolean;
  /** Processes that a function has now, those that have an event at hand, and asynchronous events that are not settled. */
  readonly load: (name: string) => {
    readonly instances: number;
    readonly atWork: number;
    readonly unsettled: number;
  };
  /** Kills the processes of a function in the middle of whatever they do. Returns how many had an event at hand. */
  readonly crash: (name: string) => number;
  /** Resolves when every process is gone. Events that were not settled never are. */
  readonly close: () => Promise<void>;
}

const idleMsDefault = 60_000;

interface Hosted {
  scf: ScfFunction;
  pool: InstancePool;
  readonly queue: AsyncQueue;
}

/** Takes the functions in; the first process starts with the first event. */
export function startScfHost(functions: readonly ScfFunction[], settings: ScfHostSettings): ScfHost {
  const {
    bootstrap,
    cloudPort,
    onLog = () => {},
    onInvocation = () => {},
    onPlatformLog = () => {},
    accountMemoryMb = accountMemoryMbMax,
    idleMs = idleMsDefault,
  } = settings;
  const hosted = new Map<string, Hosted>();
  const quota = createMemoryQuota(accountMemoryMb);
  const report = (
    scf: ScfFunction,
    requestId: string,
    run: Run,
    retryNumber: number,
    willRetry: boolean,
  ): void => {
    for (const line of platformLines(requestId, retryNumber, scf.memoryMb, run))
      onPlatformLog({ functionName: scf.name, requestId, line });
    onInvocation({ functionName: scf.name, requestId, retryNumber, willRetry, ...run });
  };
  // Old versions, until what they had begun is over: their processes go when they are idle.
  const replaced: InstancePool[] = [];
  const put = (scf: ScfFunction): void => {
    checkScfFunction(scf);
    const pool = createPool(scf, { bootstrap, cloudPort, onLog, idleMs, quota });
    const known = hosted.get(scf.name);
    if (known) {
      replaced.push(known.pool);
      Object.assign(known, { scf, pool });
      return;
    }
    const queue = createAsyncQueue({
      run: (requestId, event, validUntilMs) => own.pool.run('asynchronous', requestId, event, validUntilMs),
      retry: () => own.scf.retry,
      onAttempt: (requestId, run, retryNumber, willRetry) =>
        report(own.scf, requestId, run, retryNumber, willRetry),
    });
    const own: Hosted = { scf, pool, queue };
    hosted.set(scf.name, own);
  };
  for (const scf of functions) put(scf);

  const find = (name: string): Hosted => {
    const found = hosted.get(name);
    if (!found)
      throw new Error(`There is no function "${name}"; there are: ${[...hosted.keys()].join(', ')}.`);
    return found;
  };

  return {
    functions: () => [...hosted.values()].map(({ scf }) => scf),
    put,
    take: (name) => {
      const known = hosted.get(name);
      if (!known) return;
      hosted.delete(name);
      known.queue.close();
      replaced.push(known.pool);
    },
    invoke: async (name, event) => {
      const { scf, pool } = find(name);
      const requestId = randomUUID();
      const text = JSON.stringify(event);
      if (Buffer.byteLength(text) > syncBytesMax) return tooLarge(requestId, syncBytesMax);
      const run = await pool.run('synchronous', requestId, text);
      if (run === 'expired') throw new Error('A caller has no age.');
      report(scf, requestId, run, 0, false);
      const { outcome } = run;
      return outcome.ok
        ? { ok: true, requestId, result: JSON.parse(outcome.result) as unknown }
        : { ok: false, requestId, error: outcome.error };
    },
    enqueue: (name, event, onSettled = () => {}) => {
      const { queue } = find(name);
      const requestId = randomUUID();
      const text = JSON.stringify(event);
      const dropped = (why: string): void =>
        onPlatformLog({ functionName: name, requestId, line: `DROPPED RequestId: ${requestId} ${why}` });
      if (Buffer.byteLength(text) > asyncEventBytesMax) {
        dropped(`The event is over ${asyncEventBytesMax} bytes.`);
        queueMicrotask(() => onSettled('failed'));
        return true;
      }
      return queue.enqueue(requestId, text, (how) => {
        if (how === 'expired') dropped('The event is older than its function takes.');
        onSettled(how);
      });
    },
    load: (name) => {
      const { pool, queue } = find(name);
      return { instances: pool.instances(), atWork: pool.atWork(), unsettled: queue.size() };
    },
    crash: (name) => find(name).pool.crash(),
    close: async () => {
      for (const { queue } of hosted.values()) queue.close();
      const pools = [...hosted.values()].map(({ pool }) => pool);
      await Promise.all([...pools, ...replaced].map((pool) => pool.close()));
    },
  };
}

function tooLarge(requestId: string, bytesMax: number): SyncAnswer {
  const message = `The event is over the limit of ${bytesMax} bytes.`;
  return { ok: false, requestId, error: { kind: 'requestTooLarge', message } };
}
