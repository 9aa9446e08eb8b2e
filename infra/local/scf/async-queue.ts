import type { Outcome } from './outcome';
import type { AsyncRetry } from './scf-function';

/** SCF holds this many asynchronous events of a function. https://cloud.tencent.com/document/product/583/11637 */
export const queuedEventsMax = 100_000;

/** What became of an asynchronous event: SCF drops it after the last try. */
export type Settlement = 'succeeded' | 'failed';

export interface AsyncQueue {
  /** `false`: the queue is full and the event was not taken. `onSettled` is called once, later. */
  readonly enqueue: (requestId: string, event: string, onSettled: (how: Settlement) => void) => boolean;
  /** Events taken and not settled: waiting, running, or waiting to be tried again. */
  readonly size: () => number;
  readonly close: () => void;
}

/** One attempt at an event. `tryNumber` counts from 0. */
export type RunAttempt = (requestId: string, event: string, tryNumber: number) => Promise<Outcome>;

/**
 * Retries what threw, timed out or crashed; a returned value is success whatever it says. An event that waits to
 * be tried again holds no instance and no place before newer ones, so order is not kept, as on SCF.
 */
export function createAsyncQueue(run: RunAttempt, retry: AsyncRetry, sizeMax = queuedEventsMax): AsyncQueue {
  const delays = new Set<NodeJS.Timeout>();
  let size = 0;
  let closed = false;

  const attempt = async (
    requestId: string,
    event: string,
    tryNumber: number,
    onSettled: (how: Settlement) => void,
  ): Promise<void> => {
    const outcome = await run(requestId, event, tryNumber);
    if (closed) return;
    if (!outcome.ok && tryNumber < retry.attempts) {
      const delay = setTimeout(() => {
        delays.delete(delay);
        void attempt(requestId, event, tryNumber + 1, onSettled);
      }, retry.delayMs);
      delays.add(delay);
      return;
    }
    size -= 1;
    onSettled(outcome.ok ? 'succeeded' : 'failed');
  };

  return {
    enqueue: (requestId, event, onSettled) => {
      if (closed || size >= sizeMax) return false;
      size += 1;
      void attempt(requestId, event, 0, onSettled);
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
