import { recordOfType } from '../../../fixtures/cos-events';
import { createCommitClock } from '../../../../infra/local/start/commit-clock';
import {
  readFunctionLine,
  replicatedText,
  type Replicated,
} from '../../../../infra/local/start/function-lines';

const read = (line: string) => readFunctionLine({ functionName: 'replicate', line });
const logged = {
  level: 'info',
  time: 1037,
  msg: 'replicated',
  rule: 'r1',
  kind: 'version',
  sourceBucket: 's-1',
  key: 'a\nb.txt',
  sourceVersionId: 'v1',
  destinationBucket: 'd-1',
  destinationRegion: 'ap-shanghai',
  destinationVersionId: 'v2',
};

test('a replicated version is one line with its versions and the time from its event', () => {
  const line = read(JSON.stringify(logged)) as Replicated;
  expect(replicatedText(line, 1000)).toBe('replicated version  a\\nb.txt  v1 -> v2 (d-1)  37 ms');
  expect(replicatedText(line, undefined)).toBe('replicated version  a\\nb.txt  v1 -> v2 (d-1)');
});

test('a replicated delete marker says so', () => {
  const line = read(JSON.stringify({ ...logged, kind: 'deleteMarker', key: 'k' })) as Replicated;
  expect(replicatedText(line, 1037)).toBe('replicated delete marker  k  v1 -> v2 (d-1)  0 ms');
});

test('warnings and errors are readable, news is not shown', () => {
  expect(read('{"level":"info","time":1,"msg":"looked"}')).toEqual({ kind: 'quiet' });
  expect(read('{"level":"warn","time":1,"msg":"held","key":"k","n":2}')).toEqual({
    kind: 'trouble',
    text: 'replicate warn: held key=k n=2',
  });
});

test.each(['plain text', '7', 'null', '{"broken'])(
  'output that is no log line is shown as it is: %s',
  (line) => {
    expect(read(line)).toEqual({ kind: 'trouble', text: `replicate: ${line}` });
  },
);

test('a line of any length is shown in bounds', () => {
  const line = read('x'.repeat(1_000_000));
  expect(line.kind === 'trouble' && line.text.length).toBeLessThan(2100);
});

const event = (key: string, vid: string) => ({
  id: '',
  bucket: 'b',
  region: 'r',
  eventName: '',
  key,
  record: recordOfType('cos:ObjectCreated:Put', { vid }),
});

test('a replica is timed from the event of its own version, or the newest if events name none', () => {
  const clock = createCommitClock();
  clock.note(event('k', 'v1'), 1);
  clock.note(event('k', 'v2'), 2);
  clock.note(event('bare', ''), 3);
  clock.note(event('bare', ''), 4);
  expect(clock.commitOf('b', 'k', 'v1')).toBe(1);
  expect(clock.commitOf('b', 'k', 'v2')).toBe(2);
  expect(clock.commitOf('b', 'bare', 'v9')).toBe(4);
  expect(clock.commitOf('b', 'other', 'v1')).toBeUndefined();
});

test('times of commits are forgotten oldest first', () => {
  const clock = createCommitClock();
  for (let n = 0; n <= 10_000; n += 1) clock.note(event(`k${n}`, ''), n);
  expect(clock.commitOf('b', 'k0', '')).toBeUndefined();
  expect(clock.commitOf('b', 'k1', '')).toBe(1);
});
