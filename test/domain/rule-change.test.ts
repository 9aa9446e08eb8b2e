import fc from 'fast-check';
import {
  type BucketRef,
  coverageOf,
  coversTagged,
  emptyRuleSet,
  indexRules,
  matchRules,
  type ObjectTag,
  type ReplicationRule,
  reservedPrefix,
  type RuleSet,
  tagsDecide,
  type RuleSettings,
} from '../../lib/domain/rule';
import { identified, withAllRules, withRule } from '../../lib/domain/rule-change';
import { accountConflicts, conflictsOf } from '../../lib/domain/rule-conflicts';
import { destination, settings, source } from '../support/world';

const at = (sourceSeconds: number) => ({ sourceSeconds, at: new Date(sourceSeconds * 1000).toISOString() });

function created(more: Partial<RuleSettings> = {}, seconds = 100): RuleSet {
  return withRule(emptyRuleSet(source), { ...settings(more), id: 'r' }, at(seconds)).ruleSet;
}

function changed(set: RuleSet, more: Partial<RuleSettings>, seconds = 200) {
  const before = set.rules[0] as ReplicationRule;
  const rule = { ...settings(), id: 'r', prefixes: before.prefixes, tags: before.tags, ...more };
  const { ruleSet, changed: effects } = withRule(set, rule, at(seconds));
  return { ruleSet, rule: ruleSet.rules[0] as ReplicationRule, backlog: effects[0]?.backlog };
}

describe('the table of changes', () => {
  test('a new rule covers from now', () => {
    expect(created().rules[0]?.coverage).toEqual([{ prefix: '', since: 100, markersSince: 100 }]);
  });

  test('class, priority and description keep everything', () => {
    const edit = changed(created(), {
      description: 'new',
      priority: 3,
      destination: { ...destination, storageClass: 'ARCHIVE' },
    });
    expect(edit.rule.coverage).toEqual([{ prefix: '', since: 100, markersSince: 100 }]);
    expect(edit.backlog).toEqual({ kind: 'keep' });
  });

  test('a wider prefix covers what is new from now, and the rest as before', () => {
    const { rule, backlog } = changed(created({ prefixes: ['a/'] }), { prefixes: [''] });
    expect(coverageOf(rule, 'a/x')?.since).toBe(100);
    expect(coverageOf(rule, 'b')?.since).toBe(200);
    expect(backlog).toEqual({ kind: 'keepCovered' });
  });

  test('a narrower prefix keeps its time, and widening it again does not bring the old time back', () => {
    const narrow = changed(created(), { prefixes: ['a/'] });
    expect(coverageOf(narrow.rule, 'a/x')?.since).toBe(100);
    expect(coverageOf(narrow.rule, 'b')).toBeUndefined();
    const wide = changed(narrow.ruleSet, { prefixes: [''] }, 300);
    expect(coverageOf(wide.rule, 'a/x')?.since).toBe(100);
    expect(coverageOf(wide.rule, 'b')?.since).toBe(300);
  });

  test('another prefix covers from now', () => {
    const { rule } = changed(created({ prefixes: ['a/'] }), { prefixes: ['b/'] });
    expect(rule.coverage).toEqual([{ prefix: 'b/', since: 200, markersSince: 200 }]);
  });

  test('another destination covers from now and closes the backlog', () => {
    const { rule, backlog } = changed(created(), {
      destination: { bucket: 'other-1250000000', region: 'ap-beijing' },
    });
    expect(rule.coverage).toEqual([{ prefix: '', since: 200, markersSince: 200 }]);
    expect(backlog).toEqual({ kind: 'close', why: 'RULE_CHANGED' });
  });

  test('marker sync that comes on covers markers from now', () => {
    const off = created({ deleteMarkerReplication: 'Disabled' });
    expect(off.rules[0]?.coverage).toEqual([{ prefix: '', since: 100 }]);
    expect(changed(off, {}).rule.coverage).toEqual([{ prefix: '', since: 100, markersSince: 200 }]);
  });

  test('off covers nothing and closes the backlog, on covers from now', () => {
    const off = changed(created(), { status: 'Disabled' });
    expect(off.rule.coverage).toEqual([]);
    expect(coverageOf(off.rule, 'a')).toBeUndefined();
    expect(off.backlog).toEqual({ kind: 'close', why: 'RULE_OFF' });
    expect(changed(off.ruleSet, {}, 300).rule.coverage).toEqual([
      { prefix: '', since: 300, markersSince: 300 },
    ]);
  });

  test('two prefixes have times of their own, and a tag filter that goes covers the untagged from now', () => {
    const two = changed(created({ prefixes: ['a/'] }), { prefixes: ['a/', 'b/'] });
    expect(coverageOf(two.rule, 'a/x')?.since).toBe(100);
    expect(coverageOf(two.rule, 'b/x')?.since).toBe(200);

    const tag = { key: 'team', value: 'a' };
    const tagged = created({ tags: [tag], deleteMarkerReplication: 'Disabled' });
    const untagged = changed(tagged, { tags: [], deleteMarkerReplication: 'Enabled' });
    expect(untagged.backlog).toEqual({ kind: 'keepCovered' });
    const covers = (seconds: number, tags: readonly ObjectTag[]): boolean =>
      coversTagged(untagged.rule, 'k', seconds * 1000, tags);
    expect([covers(150, [tag]), covers(150, []), covers(200, [])]).toEqual([true, false, true]);
    expect([tagsDecide(untagged.rule, 'k', 150_000), tagsDecide(untagged.rule, 'k', 200_000)]).toEqual([
      true,
      false,
    ]);
  });

  test('whatever changes, a version is covered if its key and tags were so without a break since it was written', () => {
    const prefixes = fc.constantFrom([''], ['a'], ['ab', 'b'], ['abc'], ['b', 'a']);
    const status = fc.constantFrom('Enabled' as const, 'Enabled' as const, 'Disabled' as const);
    const tag = (key: string): ObjectTag => ({ key, value: '1' });
    const tags = fc.constantFrom<readonly ObjectTag[]>([], [], [tag('x')], [tag('x'), tag('y')]);
    fc.assert(
      fc.property(
        fc.array(fc.record({ prefixes, status, tags }), { maxLength: 8 }),
        fc.constantFrom('a', 'ab', 'abcd', 'b'),
        fc.constantFrom<readonly ObjectTag[]>([], [tag('x')], [tag('y'), tag('x')]),
        (edits, key, carried) => {
          let set = created({ prefixes: ['a'] });
          // The moment since when such a version has been covered without a break, computed the slow way.
          let since = key.startsWith('a') ? 100 : undefined;
          edits.forEach((edit, place) => {
            const now = 200 + place;
            set = changed(set, { ...edit, deleteMarkerReplication: 'Disabled' }, now).ruleSet;
            const covered =
              edit.status === 'Enabled' &&
              edit.prefixes.some((prefix) => key.startsWith(prefix)) &&
              edit.tags.every((wanted) => carried.some((one) => one.key === wanted.key));
            since = covered ? (since ?? now) : undefined;
          });
          const rule = set.rules[0] as ReplicationRule;
          for (const second of [99, 100, 150, 200, 201, 203, 207, 300]) {
            expect([second, coversTagged(rule, key, second * 1000, carried)]).toEqual([
              second,
              since !== undefined && second >= since,
            ]);
          }
          expect(rule.coverage.length).toBeLessThanOrEqual(24);
        },
      ),
    );
  });

  test('whatever changes, also the destination and the sync of markers, each kind is covered since it was so without a break', () => {
    const to = (bucket: string): RuleSettings['destination'] => ({ bucket, region: 'ap-beijing' });
    const edit = fc.record({
      prefixes: fc.constantFrom([''], ['a'], ['ab', 'b'], ['abc']),
      status: fc.constantFrom('Enabled' as const, 'Enabled' as const, 'Disabled' as const),
      deleteMarkerReplication: fc.constantFrom('Enabled' as const, 'Enabled' as const, 'Disabled' as const),
      destination: fc.constantFrom(
        to('x-1250000000'),
        to('x-1250000000'),
        { ...to('x-1250000000'), storageClass: 'STANDARD_IA' as const },
        to('y-1250000000'),
      ),
    });
    fc.assert(
      fc.property(
        edit,
        fc.array(edit, { maxLength: 8 }),
        fc.constantFrom('a', 'ab', 'abcd', 'b'),
        (first, edits, key) => {
          let set = emptyRuleSet(source);
          let since: number | undefined;
          let markersSince: number | undefined;
          let bucket: string | undefined;
          [first, ...edits].forEach((next, place) => {
            const now = 100 + place;
            set = place === 0 ? created(next, now) : changed(set, next, now).ruleSet;
            const covers =
              next.status === 'Enabled' && next.prefixes.some((prefix) => key.startsWith(prefix));
            const stays = bucket === next.destination.bucket;
            const covered = (kind: boolean, before: number | undefined) =>
              kind ? ((stays ? before : undefined) ?? now) : undefined;
            since = covered(covers, since);
            markersSince = covered(covers && next.deleteMarkerReplication === 'Enabled', markersSince);
            bucket = next.destination.bucket;
          });
          const found = coverageOf(set.rules[0] as ReplicationRule, key);
          expect([found?.since, found?.markersSince]).toEqual([since, markersSince]);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a whole new set of rules: who has an id, or a filter and destination, is that rule; what is the same stays', () => {
    const set = created({ prefixes: ['a/'] });
    const desired = [
      { id: undefined, settings: settings({ prefixes: ['a/'], priority: 1 }) },
      { id: 'n', settings: settings({ prefixes: ['b/'], priority: 2 }) },
    ];
    const named = identified(set, desired, () => 'made');
    expect(named.map(({ id }) => id)).toEqual(['r', 'n']);
    const { ruleSet, changed: effects } = withAllRules(set, named, at(200));
    expect(ruleSet.rules.map(({ id, coverage }) => [id, coverage[0]?.since])).toEqual([
      ['r', 100],
      ['n', 200],
    ]);
    expect(effects.map(({ rule, backlog }) => [rule.id, backlog.kind])).toEqual([
      ['r', 'keep'],
      ['n', 'keep'],
    ]);
    const again = withAllRules(ruleSet, named, at(300));
    expect(again).toEqual({ ruleSet: { ...ruleSet, revision: ruleSet.revision + 1 }, changed: [] });
    const none = withAllRules(ruleSet, [], at(300));
    expect(none.changed.map(({ backlog }) => backlog)).toEqual(
      Array.from({ length: 2 }, () => ({ kind: 'close', why: 'RULE_DELETED' })),
    );
  });
});

describe('conflicts', () => {
  const third = { bucket: 'third-1250000000', region: 'ap-beijing' };
  const codes = (set: RuleSet, more: Partial<RuleSettings>, id = 'new'): readonly string[] =>
    conflictsOf(set, { ...settings(more), id }, set.rules).map((problem) => problem.code);

  test.each<[string, Partial<RuleSettings>, Partial<RuleSettings>, readonly string[]]>([
    ['a second whole-bucket rule', {}, {}, ['WholeBucketRule']],
    ['a prefix beside a whole-bucket rule', {}, { prefixes: ['a/'] }, ['WholeBucketRule']],
    ['the whole bucket beside a prefix', { prefixes: ['a/'] }, {}, ['WholeBucketRule']],
    ['the same prefix', { prefixes: ['a/'] }, { prefixes: ['a/'] }, ['PrefixOverlap']],
    ['a prefix inside another', { prefixes: ['a/'] }, { prefixes: ['a/b'] }, ['PrefixOverlap']],
    ['a prefix around another', { prefixes: ['a/b'] }, { prefixes: ['a/'] }, ['PrefixOverlap']],
    ['two prefixes apart', { prefixes: ['a/'] }, { prefixes: ['b/'] }, []],
    ['overlap with priorities', { prefixes: ['a/'], priority: 1 }, { prefixes: ['a/b'], priority: 2 }, []],
    [
      'equal priorities',
      { prefixes: ['a/'], priority: 1 },
      { prefixes: ['b/'], priority: 1 },
      ['PriorityDuplicate'],
    ],
    [
      'one with, one without priority',
      { prefixes: ['a/'], priority: 1 },
      { prefixes: ['b/'] },
      ['PriorityMissing'],
    ],
    [
      'overlap to another destination',
      {},
      { destination: { bucket: 'third-1250000000', region: 'ap-beijing' } },
      [],
    ],
    [
      'the same region',
      { prefixes: ['a'] },
      { destination: { bucket: 'near-1250000000', region: source.region } },
      ['SameRegion'],
    ],
    [
      'another account',
      {},
      { destination: { bucket: 'd-1250000001', region: 'ap-beijing' } },
      ['OtherAccount'],
    ],
    [
      'a prefix within another of its own',
      {},
      { prefixes: ['a/', 'a/b'], destination: third },
      ['PrefixOverlap'],
    ],
    [
      'the same prefix twice in one rule',
      {},
      { prefixes: ['a/', 'a/'], destination: third },
      ['PrefixOverlap'],
    ],
    [
      'tags with markers',
      {},
      { tags: [{ key: 'a', value: '' }], destination: third },
      ['TagsExcludeMarkers'],
    ],
    [
      'tags beside a rule that overlaps',
      { priority: 1 },
      { tags: [{ key: 'a', value: '' }], priority: 2, deleteMarkerReplication: 'Disabled' },
      ['TagsOverlap'],
    ],
    ['the source itself', { prefixes: ['a'] }, { destination: source }, ['SameBucket']],
  ])('%s', (_name, first, second, expected) => {
    expect(codes(created(first), second)).toEqual(expected);
  });

  test('the id of another rule, and the thousand and first', () => {
    expect(codes(created({ prefixes: ['a'] }), { prefixes: ['b'] }, 'r')).toContain('DuplicateRuleId');
    const rules = Array.from({ length: 1000 }, (_, i) => ({
      ...(created().rules[0] as ReplicationRule),
      id: `r${i}`,
      prefixes: [`p${i}/`],
    }));
    expect(codes({ ...emptyRuleSet(source), rules }, { prefixes: ['x'] })).toEqual(['TooManyRules']);
  });

  test('the message names the rule in the way', () => {
    const others = created({ prefixes: ['a/'] }).rules;
    const [problem] = conflictsOf(source, { ...settings({ prefixes: ['a/b'] }), id: 'new' }, others);
    expect(problem?.message).toContain('rule r');
  });
});

describe('conflicts with other buckets of the account', () => {
  const a = source;
  const b = destination;
  const c = { bucket: 'c-1250000000', region: 'ap-beijing' };
  const setOf = (from: BucketRef, more: Partial<RuleSettings>): RuleSet => ({
    ...emptyRuleSet(from),
    rules: created(more).rules,
  });
  const codes = (sets: readonly RuleSet[], more: Partial<RuleSettings> = {}): readonly string[] =>
    accountConflicts(a, settings(more), sets).map(({ code }) => code);

  test.each<[string, readonly RuleSet[], Partial<RuleSettings>, readonly string[]]>([
    ['two sources of one destination', [setOf(c, { destination: b })], {}, ['DestinationShared']],
    ['of other prefixes', [setOf(c, { prefixes: ['x/'], destination: b })], { prefixes: ['y/'] }, []],
    ['of which one is off', [setOf(c, { destination: b, status: 'Disabled' })], {}, []],
    ['toward each other', [setOf(b, { destination: a })], {}, ['ReplicationCycle']],
    [
      'a ring of three',
      [setOf(b, { destination: c }), setOf(c, { destination: a })],
      {},
      ['ReplicationCycle'],
    ],
    ['a chain', [setOf(b, { destination: c })], {}, []],
    [
      'a ring elsewhere',
      [setOf(b, { destination: c }), setOf(c, { destination: b })],
      {},
      ['DestinationShared'],
    ],
    ['one that is off itself', [setOf(b, { destination: a })], { status: 'Disabled' }, []],
  ])('%s', (_name, sets, more, expected) => {
    expect(codes(sets, more)).toEqual(expected);
  });
});

describe('matching', () => {
  const rule = (id: string, more: Partial<RuleSettings>): ReplicationRule => ({
    ...(created(more).rules[0] as ReplicationRule),
    id,
  });
  const ids = (rules: readonly ReplicationRule[], key: string): string[] =>
    matchRules(indexRules({ ...emptyRuleSet(source), rules }), key).map((matched) => matched.id);

  test('the smallest priority of the enabled rules wins, per destination', () => {
    const other = { bucket: 'third-1250000000', region: 'ap-beijing' };
    const rules = [
      rule('wide', { priority: 2 }),
      rule('narrow', { prefixes: ['a/'], priority: 1 }),
      rule('off', { prefixes: ['a/b'], priority: 3, status: 'Disabled' }),
      rule('elsewhere', { destination: other }),
    ];
    expect(ids(rules, 'a/b/c').sort()).toEqual(['elsewhere', 'narrow']);
    expect(ids(rules, 'b').sort()).toEqual(['elsewhere', 'wide']);
  });

  test('a thousand rules cost no more steps than two', () => {
    const steps = (count: number): number => {
      const rules = Array.from({ length: count }, (_, i) =>
        rule(`r${i}`, { prefixes: [`${String(i).padStart(4, '0')}/`] }),
      );
      const index = indexRules({ ...emptyRuleSet(source), rules });
      const lookups = jest.spyOn(Map.prototype, 'get');
      const found = matchRules(index, '0001/some/key');
      const asked = lookups.mock.calls.length;
      lookups.mockRestore();
      expect(found.map(({ id }) => id)).toEqual(['r1']);
      expect(asked).toBeGreaterThan(0);
      return asked;
    };
    expect(steps(1_000)).toBe(steps(2));
  });

  test('of rules with several prefixes, destinations and states it finds what looking at every rule finds', () => {
    const buckets = ['x-1250000000', 'y-1250000000', 'z-1250000000'];
    const text = (maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b', '🦊'), maxLength });
    const one = fc.record({
      prefixes: fc.uniqueArray(text(3), { minLength: 1, maxLength: 3 }),
      status: fc.constantFrom('Enabled' as const, 'Enabled' as const, 'Disabled' as const),
      bucket: fc.constantFrom(...buckets),
    });
    const keys = fc.oneof(
      { weight: 9, arbitrary: text(5) },
      { weight: 1, arbitrary: fc.constant(`${reservedPrefix}a`) },
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { maxLength: 10 }),
        fc.array(one, { minLength: 10, maxLength: 10 }),
        keys,
        (priorities, choices, key) => {
          const rules = priorities.map((priority, i) => {
            const { bucket, ...more } = choices[i] as (typeof choices)[number];
            return rule(`r${i}`, { ...more, priority, destination: { bucket, region: 'ap-beijing' } });
          });
          const slow = buckets.flatMap((bucket) => {
            const [winner] = rules
              .filter(({ status, destination: to }) => status === 'Enabled' && to.bucket === bucket)
              .filter(({ prefixes }) => prefixes.some((prefix) => key.startsWith(prefix)))
              .toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
            return winner === undefined || key.startsWith(reservedPrefix) ? [] : [winner.id];
          });
          expect(ids(rules, key).sort()).toEqual(slow.sort());
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('it finds what looking at every rule finds', () => {
    const prefixes = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', '🦊'), maxLength: 4 }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        prefixes,
        fc.string({ unit: fc.constantFrom('a', 'b', '🦊'), maxLength: 6 }),
        (all, key) => {
          const rules = all.map((prefix, i) => rule(prefix, { prefixes: [prefix], priority: i + 1 }));
          const slow = rules.find((candidate) => key.startsWith(candidate.id));
          expect(ids(rules, key)).toEqual(slow ? [slow.id] : []);
        },
      ),
    );
  });
});
