import { createAsyncQueue } from '../../../../infra/local/scf/async-queue';
import { createFifo } from '../../../../infra/local/scf/fifo';
import type { Outcome } from '../../../../infra/local/scf/outcome';

const done: Outcome = { ok: true, result: 'null' };

test('a full queue takes nothing until something is settled', async () => {
  const waiting: ((outcome: Outcome) => void)[] = [];
  const queue = createAsyncQueue(
    () => new Promise((resolve) => waiting.push(resolve)),
    { attempts: 0, delayMs: 1 },
    2,
  );
  const enqueue = (): boolean => queue.enqueue('id', '{}', () => {});
  expect([enqueue(), enqueue(), enqueue()]).toEqual([true, true, false]);
  waiting[0]?.(done);
  await Promise.resolve();
  await Promise.resolve();
  expect([queue.size(), enqueue()]).toEqual([1, true]);
});

test('a closed queue settles nothing, so that what it held is still pending at its source', async () => {
  let answer: (outcome: Outcome) => void = () => {};
  const queue = createAsyncQueue(() => new Promise((resolve) => (answer = resolve)), {
    attempts: 0,
    delayMs: 1,
  });
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
