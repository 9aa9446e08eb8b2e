import type { PendingEvent } from '../../../../infra/local/cos/local-cos';
import { at, newBucket, removeVersion, type RunningCos, setVersioning, startCos } from './harness';

let running: RunningCos;
const told: PendingEvent[] = [];
beforeAll(async () => {
  running = await startCos();
  running.cos.onEvent((event) => void told.push(event));
});
beforeEach(() => {
  told.length = 0;
});
afterAll(() => running.close());

test('each change raises one event of its own type, and reads and tags none', async () => {
  const ref = await newBucket(running);
  const { sdk } = running;
  const one = (await sdk.putObject({ ...at(ref, 'a'), Body: 'x' })).headers?.['x-cos-version-id'] as string;
  await sdk.putObjectCopy({ ...at(ref, 'b'), CopySource: `${ref.bucket}.cos.${ref.region}.myqcloud.com/a` });
  await sdk.headObject(at(ref, 'a'));
  await sdk.putObjectTagging({ ...at(ref, 'a'), Tags: [{ Key: 'k', Value: 'v' }] });
  await sdk.deleteObject(at(ref, 'a'));
  await removeVersion(running, ref, 'a', one);
  await setVersioning(running, ref, 'Suspended');
  await sdk.deleteObject(at(ref, 'b'));
  const never = await newBucket(running, 'never');
  await sdk.putObject({ ...at(never, 'c'), Body: 'x' });
  await sdk.deleteObject(at(never, 'c'));
  await sdk.deleteObject(at(never, 'never was'));
  expect(told.map(({ eventName, key }) => `${eventName} ${key}`)).toEqual([
    'cos:ObjectCreated:Put a',
    'cos:ObjectCreated:Copy b',
    'cos:ObjectRemove:DeleteMarkerCreated a',
    'cos:ObjectRemove:Delete a',
    'cos:ObjectRemove:DeleteMarkerCreated b',
    'cos:ObjectCreated:Put c',
    'cos:ObjectRemove:Delete c',
  ]);
});

test('the record has the documented shape', async () => {
  const ref = await newBucket(running);
  const Headers = { 'x-cos-meta-mykey': 'myvalue' };
  const put = await running.sdk.putObject({
    ...at(ref, 'dir/a b+中.txt'),
    Body: 'hello',
    ContentType: 'text/x',
    Headers,
  });
  const name = ref.bucket.slice(0, ref.bucket.lastIndexOf('-'));
  expect(told[0]?.record).toMatchObject({
    cos: {
      cosSchemaVersion: '1.0',
      cosObject: {
        url: `http://${ref.bucket}.cos.ap-guangzhou.myqcloud.com/dir/a%20b%2B%E4%B8%AD.txt`,
        meta: { 'Content-Type': 'text/x', 'x-cos-meta-mykey': 'myvalue' },
        vid: put.headers?.['x-cos-version-id'],
        key: `/${running.own.appid}/${name}/dir/a b+中.txt`,
        size: 5,
      },
      cosBucket: { name, appid: running.own.appid },
      cosNotificationId: 'unkown',
    },
    event: {
      eventName: 'cos:ObjectCreated:Put',
      eventVersion: '1.0',
      eventTime: expect.any(Number) as number,
      eventSource: 'qcs::cos',
      requestParameters: {
        requestHeaders: { Authorization: expect.stringContaining('q-signature') as string },
      },
    },
  });
});

test('an event is pending until it is settled, in the order of the changes', async () => {
  const ref = await newBucket(running);
  for (const key of ['a', 'b', 'c']) await running.sdk.putObject({ ...at(ref, key), Body: 'x' });
  const own = async () => (await running.cos.pendingEvents()).filter((event) => event.bucket === ref.bucket);
  expect((await own()).map((event) => event.key)).toEqual(['a', 'b', 'c']);
  await running.cos.settleEvent((await own())[1]?.id ?? '');
  expect((await own()).map((event) => event.key)).toEqual(['a', 'c']);
});
