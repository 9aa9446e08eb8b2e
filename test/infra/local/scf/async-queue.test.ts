import { createAsyncQueue } from '../../../../infra/local/scf/async-queue';
import { createFifo } from '../../../../infra/local/scf/fifo';
import type { Run } from '../../../../infra/local/scf/pool';

const done: Run = { outcome: { ok: true, result: 'null' }, coldStart: false, durationMs: 1, peakMb: 1 };
const retry = { attempts: 0, delayMs: 1, ageMaxMs: 60_000 };
const onAttempt = (): void => {};

test('a full queue takes nothing until something is settled', async () => {
  const waiting: ((run: Run) => void)[] = [];
  const run = (): Promise<Run> => new Promise((resolve) => waiting.push(resolve));
  const queue = createAsyncQueue({ run, retry: () => retry, onAttempt, sizeMax: 2 });
  const enqueue = (): boolean => queue.enqueue('id', '{}', () => {});
  expect([enqueue(), enqueue(), enqueue()]).toEqual([true, true, false]);
  waiting[0]?.(done);
  await Promise.resolve();
  await Promise.resolve();
  expect([queue.size(), enqueue()]).toEqual([1, true]);
});

test('a closed queue settles nothing, so that what it held is still pending at its source', async () => {
  let answer: (run: Run) => void = () => {};
  const run = (): Promise<Run> => new Promise((resolve) => (answer = resolve));
  const queue = createAsyncQueue({ run, retry: () => retry, onAttempt });
  const onSettled = jest.fn();
  queue.enqueue('id', '{}', onSettled);
  queue.close();
  answer(done);
  await new Promise((resolve) => setImmediate(resolve));
  expect(onSettled).not.toHaveBeenCalled();
  expect(queue.enqueue('id', '{}', onSettled)).toBe(false);
});

test('items leave a list of any length in the order in which they came', () => {
  const fifo = createFifo<number>();
  const left: (number | undefined)[] = [];
  for (let n = 0; n < 5000; n += 1) {
    fifo.push(n);
    if (n % 2 === 1) left.push(fifo.shift());
  }
  while (fifo.size() > 0) left.push(fifo.shift());
  expect(left).toEqual(Array.from({ length: 5000 }, (_, n) => n));
  expect(fifo.shift()).toBeUndefined();
});
