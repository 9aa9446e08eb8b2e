import fc from 'fast-check';
import { parseCosEvent } from '../../lib/domain/event';
import { recordFor, source } from '../support/world';

const region = 'ap-guangzhou';

/** The documented sample. Source: https://www.tencentcloud.com/document/product/583/9707 */
const documented = {
  Records: [
    {
      cos: {
        cosSchemaVersion: '1.0',
        cosObject: {
          url: 'http://testpic-1253970026.cos.ap-chengdu.myqcloud.com/testfile',
          meta: { 'x-cos-request-id': 'NWMx', 'Content-Type': '', 'x-cos-meta-mykey': 'myvalue' },
          vid: '',
          key: '/1253970026/testpic/testfile',
          size: 1029,
        },
        cosBucket: { region: 'cd', name: 'testpic', appid: '1253970026' },
        cosNotificationId: 'unkown',
      },
      event: {
        eventName: 'cos:ObjectCreated:*',
        eventVersion: '1.0',
        eventTime: 1545205770,
        eventSource: 'qcs::cos',
        requestParameters: { requestSourceIP: '192.168.15.101', requestHeaders: { Authorization: 'q-sign' } },
        eventQueue: 'qcs:0:scf:cd:appid/1253970026:default.printevent.$LATEST',
        reservedInfo: '',
        reqid: 179398952,
      },
    },
  ],
};

test('the documented sample is read, with the region of its URL', () => {
  expect(parseCosEvent(documented, region)).toEqual({
    hints: [{ bucket: 'testpic-1253970026', region: 'ap-chengdu', key: 'testfile', eventTime: 1545205770 }],
    problems: [],
  });
});

test('without a URL the region is the queue’s, and failing that the function’s own', () => {
  const record = structuredClone(documented.Records[0]);
  if (!record) throw new Error('no sample');
  record.cos.cosObject.url = '';
  expect(parseCosEvent({ Records: [record] }, region).hints).toMatchObject([{ region, key: 'testfile' }]);
  record.event.eventQueue = 'qcs:0:scf:ap-beijing:appid/1:default.f.$LATEST';
  expect(parseCosEvent({ Records: [record] }, region).hints).toMatchObject([{ region: 'ap-beijing' }]);
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
  const raw = recordFor(key, 1_700_000_000_000) as (typeof documented.Records)[0];
  const encoded = structuredClone(raw);
  encoded.cos.cosObject.key = encodeURI(raw.cos.cosObject.key);
  const urlOnly = structuredClone(raw);
  urlOnly.cos.cosObject.key = '';
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
