import { once } from 'node:events';
import { type IncomingMessage, request as send } from 'node:http';
import { text } from 'node:stream/consumers';
import { requestFacts } from '../../../../infra/local/faults/request-facts';
import { parseFaultPlan } from '../../../../infra/local/faults/fault-plan';
import { type CosNetwork, createCosNetwork } from '../../../../infra/local/network/cos-network';
import { parseNetworkSettings } from '../../../../infra/local/network/network-settings';
import type { BucketRef } from '../../../../lib/domain/rule';
import {
  at,
  hostOf,
  newBucket,
  raw,
  type RawAnswer,
  refusal,
  type RunningCos,
  signed,
  startCos,
} from '../cos/harness';

let running: RunningCos;
let network: CosNetwork;
let bucket: BucketRef;
let nowMs = 0;

beforeAll(async () => {
  running = await startCos({
    before: (cos) => {
      network = createCosNetwork({
        handle: (request, response, circumstances) => cos.handle(request, response, circumstances),
        callerOf: (secretId) => (secretId === cos.accounts[1].secretId ? 'replicate' : 'user'),
        functionRegion: 'ap-guangzhou',
        now: () => nowMs,
      });
      return network.serve;
    },
  });
  bucket = await newBucket(running);
});
beforeEach(() => {
  network.setPlan({ seed: '1', requests: [], events: [] });
  setNetwork({});
});
afterAll(async () => {
  network.close();
  await running.close();
});

/** One fault, once, for the requests that a test makes next. */
function faultOnce(fault: object, operations = ['*']): void {
  const parsed = parseFaultPlan({ requests: [{ match: { operations }, times: 1, fault }] });
  if (!parsed.ok) throw new Error(parsed.problems);
  network.setPlan(parsed.value);
}

function setNetwork(settings: object): void {
  const parsed = parseNetworkSettings(settings);
  if (!parsed.ok) throw new Error(parsed.problems);
  network.setSettings(parsed.value);
}

/** The status, or the error of the connection. */
async function put(key: string): Promise<RawAnswer | string> {
  return raw(running, bucket, 'PUT', `/${key}`, { body: 'x' }).catch((error: { code: string }) => error.code);
}

async function versions(key: string, of = bucket): Promise<number> {
  const { body } = await raw(running, of, 'GET', `/?versions&prefix=${key}`);
  return body.split('<Version>').length - 1;
}

describe.each([
  ['beforeEffect', 0],
  ['afterEffect', 1],
])('%s', (when, written) => {
  test('a connection is reset', async () => {
    faultOnce({ kind: 'reset', when });
    expect(await put(`reset-${when}`)).toBe('ECONNRESET');
    expect(await versions(`reset-${when}`)).toBe(written);
  });

  test('nothing is answered until the connection ends', async () => {
    faultOnce({ kind: 'silence', when, holdMs: 20 });
    expect(await put(`silence-${when}`)).toBe('ECONNRESET');
    expect(await versions(`silence-${when}`)).toBe(written);
  });

  test("an error of COS's own", async () => {
    faultOnce({ kind: 'error', when, status: 409, code: 'PathConflict' });
    const answer = (await put(`conflict-${when}`)) as RawAnswer;
    expect(answer.status).toBe(409);
    expect(answer.headers['x-cos-request-id']).toMatch(/.+/);
    expect(answer.body).toContain('<Code>PathConflict</Code>');
    expect(await versions(`conflict-${when}`)).toBe(written);
  });

  test('an error of something before COS has no request id and no XML', async () => {
    faultOnce({ kind: 'error', when, status: 502, code: 'Bad Gateway', requestId: false });
    const answer = (await put(`gateway-${when}`)) as RawAnswer;
    expect([answer.status, answer.headers['x-cos-request-id']]).toEqual([502, undefined]);
    expect(answer.body).not.toContain('<Error>');
    expect(await versions(`gateway-${when}`)).toBe(written);
  });

  test('an error inside a 200', async () => {
    faultOnce({ kind: 'errorInside200', when, code: 'InternalError' });
    const answer = (await put(`inside-${when}`)) as RawAnswer;
    expect([answer.status, answer.body.includes('<Code>InternalError</Code>')]).toEqual([200, true]);
    expect(await versions(`inside-${when}`)).toBe(written);
  });
});

test('a large upload may be refused before it is read, and the port lives on', async () => {
  faultOnce({ kind: 'error', status: 503, code: 'ServiceUnavailable' });
  const Body = Buffer.alloc(3_000_000);
  // The SDK tries again by itself.
  await running.sdk.putObject({ ...at(bucket, 'large'), Body });
  expect(await versions('large')).toBe(1);
});

test('a stale listing does not show what is new, and shows what was before as the latest', async () => {
  await running.sdk.putObject({ ...at(bucket, 'stale'), Body: '1' });
  const first = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 600));
  await running.sdk.putObject({ ...at(bucket, 'stale'), Body: '2' });
  await running.sdk.deleteObject(at(bucket, 'stale'));
  faultOnce({ kind: 'staleListing', lagMs: Date.now() - first - 50 }, ['GET bucket versions']);
  const { body } = await raw(running, bucket, 'GET', '/?versions&prefix=stale');
  expect([body.split('<Version>').length - 1, body.includes('<DeleteMarker>')]).toEqual([1, false]);
  expect(body).toContain('<IsLatest>true</IsLatest>');
  faultOnce({ kind: 'staleListing', lagMs: Date.now() - first - 50 }, ['GET bucket']);
  expect((await raw(running, bucket, 'GET', '/?prefix=stale')).body).toContain('<Key>stale</Key>');
  expect((await raw(running, bucket, 'GET', '/?prefix=stale')).body).not.toContain('<Key>stale</Key>');
});

test('two creators of one key both succeed', async () => {
  const state = await newBucket(running, 'never');
  const create = () =>
    running.sdk.putObject({ ...at(state, 'k'), Body: 'x', Headers: { 'x-cos-forbid-overwrite': 'true' } });
  await create();
  faultOnce({ kind: 'forbidOverwriteIgnored' });
  expect((await create()).statusCode).toBe(200);
  expect(await refusal(create())).toBe('409 FileAlreadyExists');
});

test('over its requests per second a bucket answers SlowDown, until the next second; others do not', async () => {
  const other = await newBucket(running);
  setNetwork({ requestsPerSecond: { readWrite: 2, list: 1 } });
  nowMs = 1_000_000;
  const statuses: number[] = [];
  const ask = async (of: BucketRef, path: string) =>
    statuses.push((await raw(running, of, 'GET', path)).status);
  for (const path of ['/none', '/none', '/none', '/?versions', '/?versions']) await ask(bucket, path);
  await ask(other, '/none');
  nowMs += 1000;
  await ask(bucket, '/none');
  expect(statuses).toEqual([404, 404, 503, 200, 503, 404, 404]);
  const { body } = await raw(running, bucket, 'GET', '/none');
  expect(body).toContain('<Code>NoSuchKey</Code>');
});

describe('a network that takes a minute or more', () => {
  let far: BucketRef;
  beforeAll(async () => {
    setNetwork({});
    far = await newBucket(running, 'Enabled', 'ap-shanghai');
    await running.sdk.putObject({ ...at(bucket, 'near'), Body: 'x'.repeat(3600) });
  });

  const copyTo = (of: BucketRef, path: string): Promise<RawAnswer> => {
    const source = `${bucket.bucket}.cos.${bucket.region}.myqcloud.com/near`;
    return raw(running, of, 'PUT', path, { headers: { 'x-cos-copy-source': source } });
  };
  const startUpload = async (of: BucketRef): Promise<string> =>
    `/parts?partNumber=1&uploadId=${(await running.sdk.multipartInit(at(of, 'parts'))).UploadId}`;
  /** The status, or `waits` if many requests that came later were answered before. */
  const outcomeOf = async (call: Promise<RawAnswer>): Promise<number | 'waits'> => {
    const others = async (): Promise<'waits'> => {
      for (let n = 0; n < 20; n += 1) await raw(running, bucket, 'HEAD', '/near');
      return 'waits';
    };
    return Promise.race([call.then(({ status }) => status), others()]);
  };

  test.each([
    ['bandwidth', { bytesPerSecond: 1 }],
    ['round trip', { roundTripMs: 60_000 }],
  ])('%s: copies of objects and of parts wait between regions, not within one', async (_name, distance) => {
    const [nearPart, farPart] = [await startUpload(bucket), await startUpload(far)];
    setNetwork({ links: [{ between: [bucket.region, far.region], ...distance }] });
    expect((await copyTo(bucket, '/copy')).status).toBe(200);
    expect((await copyTo(bucket, nearPart)).status).toBe(200);
    expect(await outcomeOf(copyTo(far, '/copy'))).toBe('waits');
    expect(await outcomeOf(copyTo(far, farPart))).toBe('waits');
  });

  test('a download begins, and holds nothing back from who went away', async () => {
    setNetwork({ links: [{ between: ['user', bucket.region], bytesPerSecond: 1 }] });
    const headers = { Host: hostOf(bucket), Authorization: signed(running, bucket, 'GET', '/near') };
    const request = send({ port: running.port, host: '127.0.0.1', path: '/near', headers }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect([response.statusCode, response.headers['content-length']]).toEqual([200, '3600']);
    const content = text(response);
    expect(await Promise.race([content, outcomeOf(new Promise(() => {}))])).toBe('waits');
    request.destroy();
    await expect(content).rejects.toThrow('aborted');
  });
});

test.each([
  ['PUT', '/k', {}, 'PUT object'],
  ['PUT', '/k', { 'x-cos-copy-source': 's' }, 'PUT object copy'],
  ['PUT', '/k?partNumber=1&uploadId=2', { 'x-cos-copy-source': 's' }, 'PUT object uploadId copy'],
  ['POST', '/k?uploads', {}, 'POST object uploads'],
  ['GET', '/k?versionId=1', {}, 'GET object'],
  ['GET', '/k?tagging=&versionId=1', {}, 'GET object tagging'],
  ['PUT', '/k?x-id=CopyObject', { 'x-amz-copy-source': 's' }, 'PUT object copy'],
  [
    'PUT',
    '/k?partNumber=1&uploadId=2&x-id=UploadPartCopy',
    { 'x-amz-copy-source': 's' },
    'PUT object uploadId copy',
  ],
  ['GET', '/?list-type=2&prefix=&start-after=', {}, 'GET bucket'],
  ['GET', '/?versions=&prefix=&max-keys=1', {}, 'GET bucket versions'],
  ['GET', '/?prefix=&marker=', {}, 'GET bucket'],
])('%s %s %p is the operation %s', (method, url, headers, operation) => {
  const host = 'b-1250000000.cos.ap-shanghai.myqcloud.com';
  const authorization = 'q-sign-algorithm=sha1&q-ak=AKID1&q-sign-time=1';
  const callerOf = (id: string) => (id === 'AKID1' ? 'replicate' : 'user');
  expect(requestFacts({ method, url, headers: { host, authorization, ...headers } }, callerOf)).toMatchObject(
    {
      operation,
      bucket: 'b-1250000000',
      region: 'ap-shanghai',
      caller: 'replicate',
    },
  );
});

test.each([
  ['/k', 'q-sign-algorithm=sha1&q-ak=AKID1&q-sign-time=1;2'],
  ['/k?q-sign-algorithm=sha1&q-ak=AKID1&q-sign-time=1;2', undefined],
  ['/k', 'AWS4-HMAC-SHA256 Credential=AKID1/20260101/ap-shanghai/s3/aws4_request, SignedHeaders=host'],
  ['/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID1%2F20260101%2Fap-shanghai%2Fs3', undefined],
])('who signed %s with %s is known before the request is taken in', (url, authorization) => {
  const headers = { host: 'b-1250000000.cos.ap-shanghai.myqcloud.com', authorization };
  const callerOf = (id: string) => (id === 'AKID1' ? 'replicate' : 'user');
  expect(requestFacts({ method: 'GET', url, headers }, callerOf).caller).toBe('replicate');
});
