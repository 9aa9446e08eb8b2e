import { cosDocuments } from '../../../infra/local/cos-control';
import { temporaryFolder } from '../../support/local';
import { at, newBucket, refusal, type RunningCos, sdkAt, startCos } from './cos/harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

const documents = () => cosDocuments(running.cos);

test('requests are added up by what was asked, where and by whom, and begin anew after a reset', async () => {
  const ref = await newBucket(running);
  const { requests } = documents();
  requests?.reset();
  for (const Body of ['one', 'three']) await running.sdk.putObject({ ...at(ref, 'a'), Body });
  await running.sdk.getObject(at(ref, 'a'));
  await refusal(running.sdk.getObject(at(ref, 'b')));
  const where = { bucket: ref.bucket, region: ref.region, caller: running.own.secretId };
  expect(requests?.read()).toEqual([
    {
      api: 'PutObject',
      method: 'PUT',
      ...where,
      status: 200,
      requests: 2,
      requestBytes: 8,
      responseBytes: 0,
    },
    {
      api: 'GetObject',
      method: 'GET',
      ...where,
      status: 200,
      requests: 1,
      requestBytes: 0,
      responseBytes: 5,
    },
    {
      api: 'GetObject',
      method: 'GET',
      ...where,
      status: 404,
      requests: 1,
      requestBytes: 0,
      responseBytes: expect.any(Number),
    },
  ]);
  requests?.reset();
  expect(requests?.read()).toEqual([]);
});

test('users are put and taken away, and their secrets are not told', async () => {
  const ref = await newBucket(running);
  const keys = { secretId: 'AKIDreader', secretKey: 'reads-only' };
  const policy = {
    version: '2.0',
    statement: [{ effect: 'allow', action: ['name/cos:HeadBucket'], resource: ['*'] }],
  };
  const { users } = documents();
  expect(users?.replace([{ name: 'reader', uin: '7', ...keys, policies: [policy] }])).toBeUndefined();
  expect(JSON.stringify(users?.read())).toContain('AKIDreader');
  expect(JSON.stringify(users?.read())).not.toContain('reads-only');
  const sdk = sdkAt(running.port, keys);
  const where = { Bucket: ref.bucket, Region: ref.region };
  expect(await refusal(sdk.headBucket(where))).toBe('not refused');
  expect(await refusal(sdk.getBucket(where))).toBe('403 AccessDenied');
  users?.reset();
  expect(await refusal(sdk.getBucket(where))).toBe('403 InvalidAccessKeyId');
});

test('users outlive a restart, with what they may do', async () => {
  const folder = temporaryFolder();
  const first = await startCos({ dataDir: folder.path });
  const ref = await newBucket(first);
  const keys = { secretId: 'AKIDkept', secretKey: 'kept' };
  const policy = {
    version: '2.0',
    statement: [{ effect: 'allow', action: 'name/cos:HeadBucket', resource: '*' }],
  };
  cosDocuments(first.cos)['users']?.replace([{ name: 'kept', uin: '7', ...keys, policies: [policy] }]);
  await first.close();
  const second = await startCos({ dataDir: folder.path });
  try {
    const sdk = sdkAt(second.port, keys);
    const where = { Bucket: ref.bucket, Region: ref.region };
    expect(await refusal(sdk.headBucket(where))).toBe('not refused');
    expect(await refusal(sdk.getBucket(where))).toBe('403 AccessDenied');
  } finally {
    await second.close();
    folder.remove();
  }
});

test('a user that cannot be read is refused with its path, and nothing changes', () => {
  const { users } = documents();
  const problems = users?.replace([
    { name: 'x', uin: '7', secretId: 'a', secretKey: 'b', policies: [{ version: '1' }] },
  ]);
  expect(problems).toContain('is no policy of CAM');
  expect(problems).toContain('[0].policies[0]');
  expect(users?.read()).toEqual([]);
});
