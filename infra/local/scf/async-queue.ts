import { queuedEventsMax } from './limits';
import type { Run } from './pool';
import type { AsyncRetry } from './scf-function';

/** What became of an asynchronous event: SCF drops it after the last try, or when it is too old. */
export type Settlement = 'succeeded' | 'failed' | 'expired';

export interface AsyncQueue {
  /** `false`: the queue is full and the event was not taken. `onSettled` is called once, later. */
  readonly enqueue: (requestId: string, event: string, onSettled: (how: Settlement) => void) => boolean;
  /** Events taken and not settled: waiting, running, or waiting to be tried again. */
  readonly size: () => number;
  readonly close: () => void;
}

export interface AsyncQueueSettings {
  /** One attempt at an event. */
  readonly run: (requestId: string, event: string, validUntilMs: number) => Promise<Run | 'expired'>;
  /** Asked for each event and try: it may change. */
  readonly retry: () => AsyncRetry;
  /** `tryNumber` counts from 0. */
  readonly onAttempt: (requestId: string, run: Run, tryNumber: number, willRetry: boolean) => void;
  readonly sizeMax?: number;
}

/**
 * Retries what threw, timed out or crashed; a returned value is success whatever it says. An event that waits to
 * be tried again holds no instance and no place before newer ones, so order is not kept, as on SCF.
 */
export function createAsyncQueue(settings: AsyncQueueSettings): AsyncQueue {
  const { run, retry, onAttempt, sizeMax = queuedEventsMax } = settings;
  const delays = new Set<NodeJS.Timeout>();
  let size = 0;
  let closed = false;

  interface QueuedEvent {
    readonly requestId: string;
    readonly event: string;
    readonly validUntilMs: number;
    readonly onSettled: (how: Settlement) => void;
  }

  const settle = (queued: QueuedEvent, how: Settlement): void => {
    size -= 1;
    queued.onSettled(how);
  };

  const attempt = async (queued: QueuedEvent, tryNumber: number): Promise<void> => {
    const ran = await run(queued.requestId, queued.event, queued.validUntilMs);
    if (closed) return;
    if (ran === 'expired') return settle(queued, 'expired');
    const willRetry = !ran.outcome.ok && tryNumber < retry().attempts;
    onAttempt(queued.requestId, ran, tryNumber, willRetry);
    if (!willRetry) return settle(queued, ran.outcome.ok ? 'succeeded' : 'failed');
    const delay = setTimeout(() => {
      delays.delete(delay);
      void attempt(queued, tryNumber + 1);
    }, retry().delayMs);
    delays.add(delay);
  };

  return {
    enqueue: (requestId, event, onSettled) => {
      if (closed || size >= sizeMax) return false;
      size += 1;
      void attempt({ requestId, event, validUntilMs: Date.now() + retry().ageMaxMs, onSettled }, 0);
      return true;
    },
    size: () => size,
    close: () => {
      closed = true;
      for (const delay of delays) clearTimeout(delay);
      delays.clear();
    },
  };
}
