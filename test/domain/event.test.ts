import fc from 'fast-check';
import { parseCosEvent } from '../../lib/domain/event';
import type { CosEventRecord } from '../../infra/local/cos/events';
import { documentedEvent as documented, recordOfType } from '../fixtures/cos-events';
import { recordFor, source } from '../support/world';

const region = 'ap-guangzhou';

test('the documented sample is read, with the region of its URL', () => {
  expect(parseCosEvent(documented, region)).toEqual({
    hints: [{ bucket: 'testpic-1253970026', region: 'ap-chengdu', key: 'testfile', eventTime: 1545205770 }],
    problems: [],
  });
});

test('without a URL the region is the queue’s, and failing that the function’s own', () => {
  const { cos, event } = recordOfType('cos:ObjectCreated:*', { url: '' });
  expect(parseCosEvent({ Records: [{ cos, event }] }, region).hints).toMatchObject([
    { region, key: 'testfile' },
  ]);
  const eventQueue = 'qcs:0:scf:ap-beijing:appid/1:default.f.$LATEST';
  const { hints } = parseCosEvent({ Records: [{ cos, event: { ...event, eventQueue } }] }, region);
  expect(hints).toMatchObject([{ region: 'ap-beijing' }]);
});

test.each([
  'a b',
  'a+b',
  '100%',
  'a?b=c',
  'a#b',
  '中文/文件',
  '🦊',
  "it's (1)!*",
  'a%20b',
  'a//b',
  ' lead',
  'dir/',
])('the key %p is among the hints, whether its field is raw or encoded', (key) => {
  const raw = recordFor(key, 1_700_000_000_000) as CosEventRecord;
  const withKey = (text: string): CosEventRecord => ({
    ...raw,
    cos: { ...raw.cos, cosObject: { ...raw.cos.cosObject, key: text } },
  });
  const encoded = withKey(encodeURI(raw.cos.cosObject.key));
  const urlOnly = withKey('');
  for (const record of [raw, encoded, urlOnly]) {
    const { hints, problems } = parseCosEvent({ Records: [record] }, region);
    expect(problems).toEqual([]);
    expect(hints.map((hint) => hint.key)).toContain(key);
  }
});

test('every key is found again', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1 }).filter((key) => !/^[/\\]/.test(key)),
      (key) => {
        const { hints } = parseCosEvent({ Records: [recordFor(key, 0)] }, region);
        expect(hints.map((hint) => hint.key)).toContain(key);
        expect(hints[0]).toMatchObject(source);
      },
    ),
  );
});

test('one unreadable record blocks no other', () => {
  const { hints, problems } = parseCosEvent({ Records: [null, documented.Records[0], { cos: {} }] }, region);
  expect(hints).toHaveLength(1);
  expect(problems.map((problem) => problem.path)).toEqual(['/Records/0', '/Records/2']);
});

test('whatever arrives is read or called a problem, never thrown at', () => {
  fc.assert(
    fc.property(fc.anything(), (event) => {
      const { hints, problems } = parseCosEvent(event, region);
      expect(hints.length + problems.length).toBeGreaterThan(0);
    }),
  );
});
