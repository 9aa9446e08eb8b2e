import fc from 'fast-check';
import {
  coverageOf,
  emptyRuleSet,
  indexRules,
  matchRules,
  type ReplicationRule,
  type RuleSet,
} from '../../lib/domain/rule';
import { ruleProblems, type RuleSettings, withChangedRule, withNewRule } from '../../lib/domain/rule-change';
import { destination, settings, source } from '../support/world';

const at = (sourceSeconds: number) => ({ sourceSeconds, at: new Date(sourceSeconds * 1000).toISOString() });

function created(more: Partial<RuleSettings> = {}, seconds = 100): RuleSet {
  return withNewRule(emptyRuleSet(source), 'r', settings(more), at(seconds)).ruleSet;
}

function changed(set: RuleSet, more: Partial<RuleSettings>, seconds = 200) {
  const before = set.rules[0] as ReplicationRule;
  return withChangedRule(set, before, { ...settings(), prefix: before.prefix, ...more }, at(seconds));
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
    const { rule, backlog } = changed(created({ prefix: 'a/' }), { prefix: '' });
    expect(coverageOf(rule, 'a/x')?.since).toBe(100);
    expect(coverageOf(rule, 'b')?.since).toBe(200);
    expect(backlog).toEqual({ kind: 'keepCovered' });
  });

  test('a narrower prefix keeps its time, and widening it again does not bring the old time back', () => {
    const narrow = changed(created(), { prefix: 'a/' });
    expect(coverageOf(narrow.rule, 'a/x')?.since).toBe(100);
    expect(coverageOf(narrow.rule, 'b')).toBeUndefined();
    const wide = changed(narrow.ruleSet, { prefix: '' }, 300);
    expect(coverageOf(wide.rule, 'a/x')?.since).toBe(100);
    expect(coverageOf(wide.rule, 'b')?.since).toBe(300);
  });

  test('another prefix covers from now', () => {
    const { rule } = changed(created({ prefix: 'a/' }), { prefix: 'b/' });
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

  test('whatever changes, a key is never covered from before it was first covered', () => {
    const prefix = fc.constantFrom('', 'a', 'ab', 'abc', 'b');
    const status = fc.constantFrom('Enabled' as const, 'Disabled' as const);
    fc.assert(
      fc.property(
        fc.array(fc.record({ prefix, status }), { maxLength: 8 }),
        fc.constantFrom('a', 'ab', 'abcd', 'b'),
        (edits, key) => {
          let set = created({ prefix: 'a' });
          // The moment since when the key has been covered without a break, computed the slow way.
          let since = key.startsWith('a') ? 100 : undefined;
          edits.forEach((edit, place) => {
            const now = 200 + place;
            set = changed(set, edit, now).ruleSet;
            const covered = edit.status === 'Enabled' && key.startsWith(edit.prefix);
            since = covered ? (since ?? now) : undefined;
          });
          expect(coverageOf(set.rules[0] as ReplicationRule, key)?.since).toBe(since);
        },
      ),
    );
  });
});

describe('conflicts', () => {
  const codes = (set: RuleSet, more: Partial<RuleSettings>, id = 'new'): readonly string[] =>
    ruleProblems(set, id, settings(more), false).map((problem) => problem.code);

  test.each<[string, Partial<RuleSettings>, Partial<RuleSettings>, readonly string[]]>([
    ['a second whole-bucket rule', {}, {}, ['WholeBucketRule']],
    ['a prefix beside a whole-bucket rule', {}, { prefix: 'a/' }, ['WholeBucketRule']],
    ['the whole bucket beside a prefix', { prefix: 'a/' }, {}, ['WholeBucketRule']],
    ['the same prefix', { prefix: 'a/' }, { prefix: 'a/' }, ['PrefixOverlap']],
    ['a prefix inside another', { prefix: 'a/' }, { prefix: 'a/b' }, ['PrefixOverlap']],
    ['a prefix around another', { prefix: 'a/b' }, { prefix: 'a/' }, ['PrefixOverlap']],
    ['two prefixes apart', { prefix: 'a/' }, { prefix: 'b/' }, []],
    ['overlap with priorities', { prefix: 'a/', priority: 1 }, { prefix: 'a/b', priority: 2 }, []],
    ['equal priorities', { prefix: 'a/', priority: 1 }, { prefix: 'b/', priority: 1 }, ['PriorityDuplicate']],
    ['one with, one without priority', { prefix: 'a/', priority: 1 }, { prefix: 'b/' }, ['PriorityMissing']],
    [
      'overlap to another destination',
      {},
      { destination: { bucket: 'third-1250000000', region: 'ap-beijing' } },
      [],
    ],
    [
      'the same region',
      { prefix: 'a' },
      { destination: { bucket: 'near-1250000000', region: source.region } },
      ['SameRegion'],
    ],
    ['the source itself', { prefix: 'a' }, { destination: source }, ['SameBucket']],
  ])('%s', (_name, first, second, expected) => {
    expect(codes(created(first), second)).toEqual(expected);
  });

  test('the id of another rule, and the thousand and first', () => {
    expect(codes(created({ prefix: 'a' }), { prefix: 'b' }, 'r')).toContain('DuplicateRuleId');
    const rules = Array.from({ length: 1000 }, (_, i) => ({
      ...(created().rules[0] as ReplicationRule),
      id: `r${i}`,
      prefix: `p${i}/`,
    }));
    expect(codes({ ...emptyRuleSet(source), rules }, { prefix: 'x' })).toEqual(['TooManyRules']);
  });

  test('the message names the rule in the way', () => {
    const [problem] = ruleProblems(created({ prefix: 'a/' }), 'new', settings({ prefix: 'a/b' }), false);
    expect(problem?.message).toContain('rule r');
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
      rule('narrow', { prefix: 'a/', priority: 1 }),
      rule('off', { prefix: 'a/b', priority: 3, status: 'Disabled' }),
      rule('elsewhere', { destination: other }),
    ];
    expect(ids(rules, 'a/b/c').sort()).toEqual(['elsewhere', 'narrow']);
    expect(ids(rules, 'b').sort()).toEqual(['elsewhere', 'wide']);
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
          const rules = all.map((prefix, i) => rule(prefix, { prefix, priority: i + 1 }));
          const slow = rules.find((candidate) => key.startsWith(candidate.prefix));
          expect(ids(rules, key)).toEqual(slow ? [slow.id] : []);
        },
      ),
    );
  });
});
