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

test('the host of global acceleration is no region', () => {
  const url = 'http://testpic-1253970026.cos.accelerate.myqcloud.com/testfile';
  const { cos, event } = recordOfType('cos:ObjectCreated:*', { url });
  const [hint] = parseCosEvent({ Records: [{ cos, event: { ...event, eventQueue: '' } }] }, region).hints;
  expect(hint).toMatchObject({ bucket: 'testpic-1253970026', region, key: 'testfile' });
});

test.each([[undefined], [0], [-1], ['1545205770'], [null]])(
  'an event whose time is %p may be of this moment',
  (eventTime) => {
    const { cos, event } = recordOfType('cos:ObjectCreated:*');
    const { hints } = parseCosEvent({ Records: [{ cos, event: { ...event, eventTime } }] }, region);
    expect(hints).toMatchObject([{ key: 'testfile', eventTime: Infinity }]);
  },
);

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

/** As it is in a right record, missing, anything else, or a little off. */
function nearly(right: unknown): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 12, arbitrary: isFields(right) ? fieldsNearly(right) : fc.constant(right) },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.anything() },
    { weight: 1, arbitrary: littleOff(right) },
  );
}

function littleOff(right: unknown): fc.Arbitrary<unknown> {
  if (typeof right === 'number') return fc.constantFrom(-right, right + 0.5, NaN, Infinity, `${right}`);
  if (typeof right !== 'string') return fc.constantFrom([right], {}, null);
  const junk = fc.oneof(fc.string(), fc.constantFrom('%', '%zz', '/', '?', '\n', '\u0000', '\ud800'));
  return fc.tuple(junk, fc.boolean()).map(([text, inFront]) => (inFront ? text + right : right + text));
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function fieldsNearly(right: Record<string, unknown>): fc.Arbitrary<Record<string, unknown>> {
  const fields = fc.record(Object.fromEntries(Object.entries(right).map(([name, of]) => [name, nearly(of)])));
  return fields.map((made) => Object.fromEntries(Object.entries(made).filter(([, of]) => of !== undefined)));
}

test('records that are nearly right are each read or called a problem, and keep no right one beside them', () => {
  const right = recordFor('a/b c.jpg', 1_700_000_000_000);
  const counts = { read: 0, refused: 0 };
  fc.assert(
    fc.property(fc.array(nearly(right), { minLength: 1, maxLength: 3 }), (records) => {
      const { hints, problems } = parseCosEvent({ Records: [...records, right] }, region);
      expect(hints.at(-1)).toMatchObject({ ...source, key: 'a/b c.jpg' });
      for (const [place, record] of records.entries()) {
        const alone = parseCosEvent({ Records: [record] }, region);
        const refused = problems.filter(({ path }) => path === `/Records/${place}`);
        expect(alone.problems.map(({ message }) => message)).toEqual(refused.map(({ message }) => message));
        expect(alone.hints.length === 0).toBe(refused.length === 1);
        counts[alone.hints.length > 0 ? 'read' : 'refused'] += 1;
        for (const { bucket, region: of, key, eventTime } of alone.hints) {
          expect([bucket, of, key].every((text) => typeof text === 'string' && text !== '')).toBe(true);
          // One without a time may be the newest.
          expect(eventTime === Infinity || Number.isInteger(eventTime)).toBe(true);
        }
      }
    }),
    { numRuns: 1_000 },
  );
  // Otherwise the records are not near enough to what is right, or too near.
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(100);
});
