import { cosEvent } from '../../infra/local/scf/event-shape';
import { unknownChoices } from '../../infra/local/unknowns';
import { parseCosEvent } from '../../lib/domain/event';
import { cosEventSamples, documentedEvent, recordOfType } from '../fixtures/cos-events';
import { allCombinations, pairwise } from '../support/combinations';

const ownRegion = 'ap-chengdu';

test.each(cosEventSamples.map((sample) => [sample.type, sample.mark, sample.fact, sample] as const))(
  'a sample of %s is read (%s: %s)',
  (_type, _mark, _fact, { event }) => {
    expect(parseCosEvent(event, ownRegion)).toEqual({
      hints: [{ bucket: 'testpic-1253970026', region: 'ap-chengdu', key: 'testfile', eventTime: 1545205770 }],
      problems: [],
    });
  },
);

const keys = ['plain', 'a b+c.txt', '100%', '%41', 'a?b#c', '中文/🦊', "it's (1)!*", 'dir/', 'a//b'];
const { eventVid, eventName, eventKey, eventRegion } = unknownChoices;

/** All that is unknown of an event, together with what may be missing in it. */
const everyShape = allCombinations({
  eventVid,
  eventName,
  eventKey,
  eventRegion,
  url: ['http', 'https', 'internal', 'newDomain', 'missing'],
  key: keys,
  queue: ['there', 'missing'],
  vidFrom: ['version', 'marker'],
});

function recordFor(shape: (typeof everyShape)[number]) {
  const path = String(shape.key).split('/').map(encodeURIComponent).join('/');
  const hosts: Readonly<Record<string, string>> = {
    http: 'http://testpic-1253970026.cos.ap-chengdu.myqcloud.com',
    https: 'https://testpic-1253970026.cos.ap-chengdu.myqcloud.com',
    internal: 'http://testpic-1253970026.cos-internal.ap-chengdu.tencentcos.cn',
    newDomain: 'http://testpic-1253970026.cos.ap-chengdu.tencentcos.cn',
  };
  const isMarker = shape.vidFrom === 'marker';
  const type = isMarker ? 'cos:ObjectRemove:DeleteMarkerCreated' : 'cos:ObjectCreated:Put';
  const { cos, event } = recordOfType(type, { vid: 'MTg0NDUxNTc1NjIzMTQ1MDAwODg' });
  const host = hosts[String(shape.url)];
  return {
    cos: {
      ...cos,
      cosObject: {
        ...cos.cosObject,
        url: host === undefined ? '' : `${host}/${path}`,
        key: `/1253970026/testpic/${String(shape.key)}`,
      },
      cosBucket: { ...cos.cosBucket, region: 'ap-chengdu' },
    },
    event,
  };
}

test('bucket, region and key are found in every combination of what is unknown', () => {
  const wrong = everyShape.filter((shape) => {
    const pattern = shape.vidFrom === 'marker' ? 'cos:ObjectRemove:*' : 'cos:ObjectCreated:*';
    const { Records } = cosEvent(recordFor(shape), { functionName: 'f', event: pattern }, shape);
    const [sent] = Records.map(({ cos, event }) => ({
      cos,
      event: shape.queue === 'there' ? event : { ...event, eventQueue: '' },
    }));
    const { hints, problems } = parseCosEvent({ Records: [sent] }, ownRegion);
    const found = hints.some(
      ({ bucket, region, key }) =>
        bucket === 'testpic-1253970026' && region === 'ap-chengdu' && key === shape.key,
    );
    return !found || problems.length > 0;
  });
  expect(wrong).toEqual([]);
});

test('records of different shapes may come in one event', () => {
  const Records = everyShape.slice(0, 50).map(recordFor);
  expect(parseCosEvent({ Records }, ownRegion).problems).toEqual([]);
});

test('each choice changes what the local cloud sends, and nothing else of it', () => {
  const [record] = documentedEvent.Records;
  const full = {
    ...record,
    cos: { ...record.cos, cosBucket: { ...record.cos.cosBucket, region: 'ap-chengdu' } },
  };
  const [shaped] = cosEvent(
    full,
    { functionName: 'printevent', event: 'cos:ObjectCreated:*' },
    {
      eventVid: 'empty',
      eventName: 'asConfigured',
      eventKey: 'raw',
      eventRegion: 'short',
    },
  ).Records;
  expect(shaped).toEqual(record);
});

test('of all combinations those that are chosen hold every pair', () => {
  const factors = { a: [1, 2], b: [1, 2, 3], c: [1, 2], d: [1, 2] };
  const rows = pairwise(factors);
  const names = Object.keys(factors) as (keyof typeof factors)[];
  for (const one of names)
    for (const other of names.filter((name) => name > one))
      for (const left of factors[one])
        for (const right of factors[other])
          expect(rows.some((row) => row[one] === left && row[other] === right)).toBe(true);
  expect(rows.length).toBeLessThan(allCombinations(factors).length / 2);
});
