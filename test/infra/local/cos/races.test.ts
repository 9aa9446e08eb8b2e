import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as send } from 'node:http';
import path from 'node:path';
import { openBodies } from '../../../../infra/local/cos/store/bodies';
import { openCommits } from '../../../../infra/local/cos/store/commit';
import type { StoredBucket } from '../../../../infra/local/cos/store/entry';
import { openObjectIndex } from '../../../../infra/local/cos/store/object-index';
import { createObjectStore } from '../../../../infra/local/cos/store/object-store';
import { createGates } from '../../../../infra/local/cos/store/locks';
import { listVersions, temporaryFolder } from '../../../support/local';
import { at, newBucket, raw, type RunningCos, setVersioning, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

type Ref = { bucket: string; region: string };

/** A signed upload of four bytes that has sent two. */
async function halfUpload(ref: Ref, key: string): Promise<ClientRequest> {
  const url = running.sdk.getObjectUrl({ ...at(ref, key), Method: 'PUT', Sign: true }, () => {});
  const request = send({
    port: running.port,
    host: '127.0.0.1',
    method: 'PUT',
    path: url.slice(url.indexOf('/', 'http://'.length)),
    headers: { Host: `${ref.bucket}.cos.${ref.region}.myqcloud.com`, 'Content-Length': '4' },
  });
  request.write('ha');
  await once(request, 'socket');
  // Time for the server to find the bucket; the outcome is the same without.
  await raw(running, ref, 'GET', '/?versioning');
  return request;
}

async function finish(request: ClientRequest): Promise<IncomingMessage> {
  const answered = once(request, 'response');
  request.end('lf');
  const [response] = (await answered) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response;
}

test('an upload into a bucket that is deleted meanwhile is refused, and leaves nothing in the next one', async () => {
  const ref = await newBucket(running);
  const at = { Bucket: ref.bucket, Region: ref.region };
  const upload = await halfUpload(ref, 'a');
  await running.sdk.deleteBucket(at);
  await running.sdk.putBucket(at);
  expect((await finish(upload)).statusCode).toBe(404);
  await setVersioning(running, ref, 'Enabled');
  expect(await listVersions(running.sdk, ref)).toEqual([]);
});

test('a bucket is not deleted from under a write that is being committed', async () => {
  const folder = temporaryFolder();
  const index = await openObjectIndex(path.join(folder.path, 'index'), true);
  const held: (() => void)[] = [];
  let holding = false;
  const slow: typeof index = {
    ...index,
    commit: async (operations) => {
      if (holding) await new Promise<void>((resolve) => held.push(resolve));
      return index.commit(operations);
    },
  };
  const bodies = openBodies(folder.path);
  const commits = await openCommits(slow, bodies, { now: Date.now, onEvent: () => {} });
  const store = createObjectStore(slow, bodies, commits, 0);
  const bucket: StoredBucket = {
    name: 'b-1',
    region: 'ap-guangzhou',
    appid: '1',
    versioning: 'Enabled',
    createdMs: 1,
    multiZone: false,
  };
  await store.createBucket(bucket);
  holding = true;
  const write = store.remove(bucket, 'a', { requestId: '', sourceIp: '', authorization: '' });
  while (held.length === 0) await new Promise(setImmediate);
  holding = false;
  const drop = store.removeBucket(bucket.name).then(
    () => 'deleted',
    (error: { code?: string }) => error.code,
  );
  // Long enough for a delete that does not wait to see an empty bucket.
  await index.bucket(bucket.name);
  await index.newest(bucket.name, 'a');
  held.forEach((release) => release());
  await write;
  expect(await drop).toBe('BucketNotEmpty');
  await index.close();
  folder.remove();
});

test.each(['never', 'Suspended'] as const)(
  'simultaneous writes of one key leave one version, versioning %s',
  async (versioning) => {
    const ref = await newBucket(running, versioning);
    const Body = 'x';
    await Promise.all(Array.from({ length: 20 }, () => running.sdk.putObject({ ...at(ref, 'a'), Body })));
    expect(await listVersions(running.sdk, ref)).toHaveLength(1);
  },
);

test('of simultaneous creators under forbid-overwrite one succeeds', async () => {
  const ref = await newBucket(running, 'never');
  const creators = Array.from({ length: 20 }, (_, i) => {
    const Headers = { 'x-cos-forbid-overwrite': 'true' };
    return running.sdk.putObject({ ...at(ref, 'a'), Body: `${i}`, Headers });
  });
  const settled = await Promise.allSettled(creators);
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('an upload takes the versioning state of its end', async () => {
  const ref = await newBucket(running, 'never');
  const upload = await halfUpload(ref, 'a');
  await setVersioning(running, ref, 'Enabled');
  const id = (await finish(upload)).headers['x-cos-version-id'];
  expect(id).toMatch(/^MTg/);
  expect((await listVersions(running.sdk, ref)).map(({ entry }) => entry.versionId)).toEqual([id]);
});

test('an upload that breaks off is in the account of requests, without a status', async () => {
  const ref = await newBucket(running);
  const upload = await halfUpload(ref, 'gone');
  upload.on('error', () => {}).destroy();
  const told = () => running.cos.requests.list().find(({ key }) => key === 'gone');
  for (let turn = 0; turn < 200 && !told(); turn += 1) await raw(running, ref, 'GET', '/?versioning');
  expect(told()).toMatchObject({ api: 'PutObject', status: 0 });
});

test('a read is in the account of requests when its client has it', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x'.repeat(100_000) });
  for (let round = 0; round < 20; round += 1) {
    running.cos.requests.reset();
    await running.sdk.getObject(at(ref, 'a'));
    expect(running.cos.requests.list()).toMatchObject([{ api: 'GetObject', responseBytes: 100_000 }]);
  }
});

test('who is alone in a name waits for all inside, and nobody overtakes', async () => {
  const gates = createGates();
  const told: string[] = [];
  const leave: (() => void)[] = [];
  const visit = (name: string) =>
    gates.together('n', async () => {
      told.push(`${name} in`);
      await new Promise<void>((resolve) => leave.push(resolve));
      told.push(`${name} out`);
    });
  const first = visit('a');
  const second = visit('b');
  const alone = gates.alone('n', () => Promise.resolve(told.push('alone')));
  const late = visit('late');
  while (leave.length < 2) await new Promise(setImmediate);
  leave.forEach((go) => go());
  await Promise.all([first, second, alone]);
  while (leave.length < 3) await new Promise(setImmediate);
  leave[2]?.();
  await late;
  expect(told).toEqual(['a in', 'b in', 'a out', 'b out', 'alone', 'late in', 'late out']);
});

test('work that fails lets the next in', async () => {
  const gates = createGates();
  const failing = gates.together('n', () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  await expect(gates.alone('n', () => Promise.reject(new Error('nor')))).rejects.toThrow('nor');
  expect(await gates.together('n', () => Promise.resolve(1))).toBe(1);
});
