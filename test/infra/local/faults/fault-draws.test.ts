import fc from 'fast-check';
import { chanceOf, createFaultDraws } from '../../../../infra/local/faults/fault-draws';
import { type FaultPlan, parseFaultPlan } from '../../../../infra/local/faults/fault-plan';
import type { RequestFacts } from '../../../../infra/local/faults/request-facts';

function plan(value: unknown): FaultPlan {
  const parsed = parseFaultPlan(value);
  if (!parsed.ok) throw new Error(parsed.problems);
  return parsed.value;
}

const copy: RequestFacts = {
  operation: 'PUT object copy',
  bucket: 'b-1',
  region: 'ap-shanghai',
  key: 'photos/a',
  caller: 'replicate',
};
const reset = { kind: 'reset' };

const drawn = (draws: ReturnType<typeof createFaultDraws>, facts: RequestFacts, times: number): boolean[] =>
  Array.from({ length: times }, () => draws.forRequest(facts) !== undefined);

test('the same seed decides the same, another seed otherwise', () => {
  const of = (seed: string) =>
    drawn(createFaultDraws(plan({ seed, requests: [{ probability: 0.5, fault: reset }] })), copy, 100);
  expect(of('7')).toEqual(of('7'));
  expect(of('7')).not.toEqual(of('8'));
});

test('what a line decides does not depend on requests that it does not match', () => {
  const lines = {
    requests: [{ match: { operations: ['PUT object copy'] }, probability: 0.5, fault: reset }],
  };
  const quiet = createFaultDraws(plan(lines));
  const busy = createFaultDraws(plan(lines));
  const alone = drawn(quiet, copy, 50);
  const among = Array.from({ length: 50 }, () => {
    busy.forRequest({ ...copy, operation: 'GET object' });
    return busy.forRequest(copy) !== undefined;
  });
  expect(among).toEqual(alone);
});

test('chances are spread evenly', () => {
  fc.assert(
    fc.property(fc.string(), fc.double({ min: 0.05, max: 0.95, noNaN: true }), (seed, probability) => {
      const draws = 2000;
      const below = Array.from({ length: draws }, (_, n) => chanceOf(seed, 's', n)).filter(
        (chance) => chance < probability,
      ).length;
      // Six standard deviations: one run in a hundred million would fail by chance.
      const deviation = Math.sqrt(draws * probability * (1 - probability));
      expect(Math.abs(below - draws * probability)).toBeLessThan(6 * deviation);
    }),
    { numRuns: 20, seed: 1 },
  );
});

test('the first are passed over, and then it happens so many times', () => {
  const draws = createFaultDraws(plan({ requests: [{ name: 'twice', skip: 1, times: 2, fault: reset }] }));
  expect(drawn(draws, copy, 5)).toEqual([false, true, true, false, false]);
  expect(draws.counts().requests).toEqual([{ name: 'twice', matched: 5, happened: 2 }]);
});

test.each([
  [{ operations: ['PUT object copy'] }, true],
  [{ operations: ['PUT object'] }, false],
  [{ operations: ['PUT object*'] }, true],
  [{ operations: ['GET *', 'PUT *'] }, true],
  [{ operations: ['*'] }, true],
  [{ bucket: 'b-1', region: 'ap-shanghai' }, true],
  [{ bucket: 'b-2' }, false],
  [{ region: 'ap-guangzhou' }, false],
  [{ keyPrefix: 'photos/' }, true],
  [{ keyPrefix: 'videos/' }, false],
  [{ caller: 'replicate' }, true],
  [{ caller: 'function' }, true],
  [{ caller: 'user' }, false],
])('a match of %p: %p', (match, expected) => {
  const draws = createFaultDraws(plan({ requests: [{ match, fault: reset }] }));
  expect(drawn(draws, copy, 1)).toEqual([expected]);
});

test('a plan that cannot be read is refused with every problem and its path', () => {
  const parsed = parseFaultPlan({
    requests: [
      { probability: 2, fault: { kind: 'explode' } },
      { fault: { kind: 'error', status: 200, code: 'x' } },
    ],
    events: [{ fault: { kind: 'delayed' }, often: true }],
  });
  const problems = parsed.ok ? '' : parsed.problems;
  for (const path of [
    'requests[0].probability',
    'requests[0].fault.kind',
    'requests[1].fault.status',
    'events[0].fault.delayMs',
  ])
    expect(problems).toContain(path);
  expect(problems).toContain('"often"');
});
