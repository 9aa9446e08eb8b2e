import { countLines, shortcomings } from './expected';
import { nothingToCheck } from './nothing-to-check';

const all = { seeds: 1_000, leases: 'on' } as const;
const complete = () => new Map(countLines(new Map(), 'on').map((line) => [line.trim().slice(3), 1]));

test('a run of a thousand seeds fails for each thing that never occurred, and a shorter one for none', () => {
  expect(shortcomings(complete(), all)).toEqual([]);
  for (const name of complete().keys()) {
    const counts = complete();
    counts.delete(name);
    expect(shortcomings(counts, all)).toEqual([`never occurred: ${name}`]);
    expect(shortcomings(counts, { ...all, seeds: 999 })).toEqual([]);
  }
});

test('what never occurred is counted too', () => {
  expect(countLines(new Map([['fault torn', 7]]), 'off')).toEqual(
    expect.arrayContaining(['        7  fault torn', '        0  step copyVersion']),
  );
});

test('without leases nobody waits for what only leases lead to', () => {
  const counts = complete();
  counts.delete('lease stolen');
  expect(shortcomings(counts, { ...all, leases: 'off' })).toEqual([]);
});

test('too many seeds that end with nothing to check fail a run', () => {
  const of = (seeds: number) => shortcomings(complete().set(nothingToCheck, seeds), all);
  expect(of(120)).toEqual([]);
  expect(of(121)).toEqual(['too many seeds end with nothing to check: 121 of 1000']);
});
