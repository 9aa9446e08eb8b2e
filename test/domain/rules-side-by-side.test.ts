import fc from 'fast-check';
import {
  coverageOf,
  emptyRuleSet,
  indexRules,
  matchRules,
  type RuleSet,
  type RuleSettings,
  type Since,
} from '../../lib/domain/rule';
import { withAllRules, withoutRule, withRule } from '../../lib/domain/rule-change';
import { settings, source } from '../support/world';

/** Rules to one destination that share keys: whichever wins them, they are covered without a break. */
const at = (sourceSeconds: number) => ({ sourceSeconds, at: new Date(sourceSeconds * 1000).toISOString() });

const put = (set: RuleSet, id: string, seconds: number, more: Partial<RuleSettings>): RuleSet =>
  withRule(set, { ...settings(more), id }, at(seconds)).ruleSet;

const covers = (set: RuleSet, id: string, key: string): Since | undefined => {
  const rule = set.rules.find((one) => one.id === id);
  return rule && coverageOf(rule, key);
};

const wide = put(emptyRuleSet(source), 'wide', 100, { priority: 2 });
const narrow = { priority: 1, prefixes: ['a/'], deleteMarkerReplication: 'Disabled' } as const;
const both = put(wide, 'narrow', 200, narrow);
const wideSince = { since: 100, markersSince: 100 };

test('who takes keys over covers them from when they were covered, and the other one no longer does', () => {
  expect(covers(both, 'narrow', 'a/x')).toEqual({ since: 100 });
  expect(covers(both, 'wide', 'a/x')).toBeUndefined();
  expect(covers(both, 'wide', 'b')).toEqual(wideSince);
  const [before] = wide.rules;
  expect(both.rules[0]).toEqual({ ...before, coverage: [...(before?.coverage ?? []), { prefix: 'a/' }] });
});

test('only who is changed is told of as changed', () => {
  expect(
    withRule(wide, { ...settings(narrow), id: 'narrow' }, at(200)).changed.map(({ rule }) => rule.id),
  ).toEqual(['narrow']);
});

test.each<[string, (set: RuleSet) => RuleSet]>([
  ['is deleted', (set) => withoutRule(set, 'narrow', at(300)).ruleSet],
  ['is switched off', (set) => put(set, 'narrow', 300, { ...narrow, status: 'Disabled' })],
  ['has the lower priority', (set) => put(set, 'narrow', 300, { ...narrow, priority: 3 })],
  ['has other prefixes', (set) => put(set, 'narrow', 300, { ...narrow, prefixes: ['c/'] })],
])('markers of a time whose rule did not want them stay uncovered when that one %s', (_name, change) => {
  const set = change(both);
  expect(covers(set, 'wide', 'a/x')).toEqual({ since: 100, markersSince: 300 });
  expect(covers(set, 'wide', 'b')).toEqual(wideSince);
  expect(covers(set, 'narrow', 'a/x')).toBeUndefined();
});

test('off and on again beside a rule that stands in for it breaks nothing off', () => {
  const off = put(both, 'narrow', 300, { ...narrow, status: 'Disabled' });
  expect(covers(put(off, 'narrow', 400, narrow), 'narrow', 'a/x')).toEqual({ since: 100 });
});

test('where the keys come back with the same times, nothing is left of it', () => {
  const taken = put(wide, 'narrow', 200, { ...narrow, deleteMarkerReplication: 'Enabled' });
  expect(withoutRule(taken, 'narrow', at(300)).ruleSet.rules).toEqual(wide.rules);
});

test('a rule that is split in two is covered on', () => {
  const two = ['a/', 'b/'].map((prefix) => ({ ...settings({ prefixes: [prefix] }), id: prefix }));
  const { ruleSet } = withAllRules(put(emptyRuleSet(source), 'one', 100, { prefixes: ['a/'] }), two, at(200));
  expect([covers(ruleSet, 'a/', 'a/x')?.since, covers(ruleSet, 'b/', 'b/x')?.since]).toEqual([100, 200]);
});

test('a thousand rules beside one of the whole bucket, each with its priority', () => {
  const many = Array.from({ length: 999 }, (_, i) => ({
    ...settings({ prefixes: [`${i}/`], priority: i + 1 }),
    id: `r${i}`,
  }));
  const { ruleSet } = withAllRules(wide, [...many, { ...settings({ priority: 1000 }), id: 'wide' }], at(200));
  expect(covers(ruleSet, 'r7', '7/x')).toEqual(wideSince);
  expect(covers(ruleSet, 'wide', '7/x')).toBeUndefined();
  expect(covers(ruleSet, 'wide', 'x')).toEqual(wideSince);
});

const ids = ['r0', 'r1', 'r2'];
const buckets = ['x-1250000000', 'y-1250000000'];
const edit = fc.record({
  id: fc.constantFrom(...ids),
  gone: fc.constantFrom(false, false, false, true),
  // Of each rule others, so that no two have the same.
  priority: fc.integer({ min: 0, max: 3 }),
  prefixes: fc.constantFrom([''], ['a'], ['ab', 'b'], ['abc'], ['b', 'a']),
  status: fc.constantFrom('Enabled' as const, 'Enabled' as const, 'Disabled' as const),
  deleteMarkerReplication: fc.constantFrom('Enabled' as const, 'Enabled' as const, 'Disabled' as const),
  destination: fc.constantFrom(buckets[0] ?? '', buckets[0] ?? '', buckets[1] ?? ''),
});

test('whatever changes, each key is covered by its winner alone, since it was covered without a break', () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 10 }), (edits) => {
      const keys = ['a', 'ab', 'abcd', 'b', 'c'];
      let set = emptyRuleSet(source);
      // By destination and key, computed the slow way.
      let since: Record<string, Since | undefined> = {};
      edits.forEach(({ id, gone, priority, destination: bucket, ...more }, place) => {
        const now = 100 + place;
        const destination = { bucket, region: 'ap-beijing' };
        set = gone
          ? withoutRule(set, id, at(now)).ruleSet
          : put(set, id, now, { ...more, destination, priority: 1 + 3 * priority + ids.indexOf(id) });
        const model: Record<string, Since | undefined> = {};
        for (const to of buckets) {
          for (const key of keys) {
            const before = since[to + key];
            const winner = matchRules(indexRules(set), key).find((rule) => rule.destination.bucket === to);
            model[to + key] = winner && {
              since: before?.since ?? now,
              ...(winner.deleteMarkerReplication === 'Enabled'
                ? { markersSince: before?.markersSince ?? now }
                : {}),
            };
            for (const rule of set.rules) {
              if (rule.destination.bucket !== to) continue;
              const expected = rule.id === winner?.id ? model[to + key] : undefined;
              expect([rule.id, key, coverageOf(rule, key)]).toEqual([rule.id, key, expected]);
            }
          }
        }
        since = model;
      });
    }),
    { numRuns: 500 },
  );
});
