import { type BucketTrigger, createTriggerTable } from '../../../../infra/local/scf/trigger-table';

const functions = () => ['f', 'g', 'h'].map((name) => ({ name, region: 'ap-guangzhou' }));
const base: BucketTrigger = {
  functionName: 'f',
  bucket: 'b-1',
  region: 'ap-guangzhou',
  event: 'cos:ObjectCreated:*',
  prefix: '',
  suffix: '',
};
const trigger = (more: Partial<BucketTrigger> = {}): BucketTrigger => ({ ...base, ...more });

function table(...bound: readonly BucketTrigger[]) {
  const made = createTriggerTable([], functions);
  for (const one of bound) expect(made.bind(one)).toBeUndefined();
  return made;
}

const change = { bucket: 'b-1', region: 'ap-guangzhou', eventName: 'cos:ObjectCreated:Put', key: 'in/x.jpg' };

test('a bucket has its own triggers, and each change tells which of them it fits', () => {
  const bound = table(
    trigger({ prefix: 'in/' }),
    trigger({ functionName: 'g', event: 'cos:ObjectRemove:*' }),
    trigger({ functionName: 'h', bucket: 'b-2' }),
  );
  expect(bound.matching(change)).toEqual([{ functionName: 'f', event: 'cos:ObjectCreated:*' }]);
  expect(bound.matching({ ...change, key: 'out/x' })).toEqual([]);
  expect(bound.matching({ ...change, eventName: 'cos:ObjectRemove:Delete' })).toEqual([
    { functionName: 'g', event: 'cos:ObjectRemove:*' },
  ]);
});

test.each([
  [{}, {}, 'NotifyRuleEventConflict'],
  [{ event: 'cos:ObjectCreated:Put' }, {}, 'NotifyRuleEventConflict'],
  [{}, { event: 'cos:ObjectCreated:Put' }, 'NotifyRuleEventConflict'],
  [{ prefix: 'a/' }, {}, 'NotifyRulePrefixConflict'],
  [{ prefix: 'a/' }, { prefix: 'a/b/' }, 'NotifyRulePrefixConflict'],
  [{ suffix: '.jpg' }, { suffix: 'x.jpg' }, 'NotifyRuleSuffixConflict'],
  [{ prefix: 'a/' }, { prefix: 'b/' }, undefined],
  [{ suffix: '.jpg' }, { suffix: '.png' }, undefined],
  [{ prefix: 'a/', suffix: '.jpg' }, { prefix: 'a/', suffix: '.png' }, undefined],
  [{ event: 'cos:ObjectCreated:Put' }, { event: 'cos:ObjectCreated:Copy' }, undefined],
  [{}, { event: 'cos:ObjectRemove:*' }, undefined],
  [{}, { bucket: 'b-2' }, undefined],
])('beside %j, %j is refused with %p', (one, other, code) => {
  // Of another function too: one event may go to one function only.
  expect(table(trigger(one)).bind(trigger({ functionName: 'g', ...other }))?.code).toBe(code);
});

test.each([
  [{ region: 'ap-shanghai' }, 'InvalidParameterValue.Region'],
  [{ event: 'cos:ObjectRemoved:*' }, 'InvalidParameterValue.Type'],
  [{ functionName: 'none' }, 'ResourceNotFound.Function'],
])('%j is refused with %s', (more, code) => {
  expect(table().bind(trigger(more))?.code).toBe(code);
});

test('a bucket holds ten triggers, and so does a function', () => {
  const ten = Array.from({ length: 10 }, (_, n) => n);
  const full = table(...ten.map((n) => trigger({ functionName: n < 5 ? 'f' : 'g', prefix: `${n}/` })));
  expect(full.bind(trigger({ functionName: 'h', prefix: '10/' }))?.code).toBe('LimitExceeded.Trigger');
  const busy = table(...ten.map((n) => trigger({ bucket: `b-${n}` })));
  expect(busy.bind(trigger({ bucket: 'b-10' }))?.code).toBe('LimitExceeded.Trigger');
  expect(busy.unbind(trigger({ bucket: 'b-0' }))).toBe(true);
  expect(busy.unbind(trigger({ bucket: 'b-0' }))).toBe(false);
  expect(busy.bind(trigger({ bucket: 'b-10' }))).toBeUndefined();
});

test('an automatic trigger holds its buckets against others', () => {
  const automatic = {
    functionName: 'f',
    bucket: (name: string) => name !== 'state-1',
    events: ['cos:ObjectCreated:*'],
  };
  const made = createTriggerTable([automatic], functions);
  expect(made.bind(trigger({ functionName: 'g' }))?.code).toBe('NotifyRuleEventConflict');
  expect(made.bind(trigger({ functionName: 'g', bucket: 'state-1' }))).toBeUndefined();
  expect(made.matching(change)).toEqual([{ functionName: 'f', event: 'cos:ObjectCreated:*' }]);
  expect(made.list()).toHaveLength(1);
});
