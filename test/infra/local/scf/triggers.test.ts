import { cosTriggerMatches, type CosTrigger } from '../../../../infra/local/scf/cos-trigger';
import { startTimers, timerEvent, type TimerEvent } from '../../../../infra/local/scf/timer-trigger';

const trigger: CosTrigger = {
  functionName: 'worker',
  bucket: (bucket, region) => bucket.endsWith('-1') && region === 'ap-guangzhou',
  events: ['cos:ObjectCreated:*', 'cos:ObjectRemove:DeleteMarkerCreated'],
  prefix: 'in/',
  suffix: '.jpg',
};
const change = { bucket: 'a-1', region: 'ap-guangzhou', eventName: 'cos:ObjectCreated:Put', key: 'in/x.jpg' };

test.each([
  [{}, true],
  [{ eventName: 'cos:ObjectCreated:CompleteMultipartUpload' }, true],
  [{ eventName: 'cos:ObjectRemove:DeleteMarkerCreated' }, true],
  [{ eventName: 'cos:ObjectRemove:Delete' }, false],
  [{ eventName: 'cos:ObjectCreatedX:Put' }, false],
  [{ bucket: 'a-2' }, false],
  [{ region: 'ap-shanghai' }, false],
  [{ key: 'out/in/x.jpg' }, false],
  [{ key: 'in/x.jpeg' }, false],
])('a trigger filters by bucket, region, event, prefix and suffix: %j', (difference, expected) => {
  expect(cosTriggerMatches(trigger, { ...change, ...difference })).toBe(expected);
});

test('a trigger may name one bucket and one event', () => {
  const narrow: CosTrigger = { functionName: 'worker', bucket: 'a-1', events: ['cos:ObjectCreated:Put'] };
  expect(cosTriggerMatches(narrow, change)).toBe(true);
  expect(cosTriggerMatches(narrow, { ...change, bucket: 'b-1' })).toBe(false);
  expect(cosTriggerMatches(narrow, { ...change, eventName: 'cos:ObjectCreated:Copy' })).toBe(false);
});

test('a timer fires with the event that SCF documents', async () => {
  let timers: { stop: () => void } | undefined;
  const fired = await new Promise<[string, TimerEvent]>((resolve) => {
    const timer = {
      functionName: 'sweep',
      triggerName: 'every-second',
      cron: '* * * * * * *',
      message: 'hi',
    };
    timers = startTimers([timer], (name, event) => resolve([name, event]));
  });
  timers?.stop();
  expect(fired).toEqual([
    'sweep',
    {
      Type: 'Timer',
      TriggerName: 'every-second',
      Time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
      Message: 'hi',
    },
  ]);
});

test('the time of a timer event is in UTC and whole seconds', () => {
  const event = timerEvent({ functionName: 'f', triggerName: 't', cron: '' }, new Date(1550749740999));
  expect(event).toEqual({ Type: 'Timer', TriggerName: 't', Time: '2019-02-21T11:49:00Z', Message: '' });
});

test.each(['* * * * *', '0 0 * * * *', 'often'])(
  'a cron expression without seven fields is refused: %s',
  (cron) => {
    const start = () => startTimers([{ functionName: 'f', triggerName: 'nightly', cron }], () => {});
    expect(start).toThrow(/The timer "nightly" is not "second minute hour day month weekday year"/);
  },
);
