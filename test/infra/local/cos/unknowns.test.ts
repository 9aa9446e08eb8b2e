import { request as send } from 'node:http';
import COS from 'cos-nodejs-sdk-v5';
import type { Circumstances } from '../../../../infra/local/cos/circumstances';
import type { BucketRef } from '../../../../lib/domain/rule';
import { at, newBucket, raw, type RunningCos, startCos } from './harness';

let running: RunningCos;
let bucket: BucketRef;
let circumstances: Circumstances = {};

beforeAll(async () => {
  running = await startCos({
    before: (cos) => (request, response) => void cos.handle(request, response, circumstances),
  });
  bucket = await newBucket(running);
});
beforeEach(() => (circumstances = {}));
afterAll(() => running.close());

/** Begins an upload, and ends it when it is told to. */
function slowPut(key: string): { readonly begun: Promise<void>; readonly end: () => Promise<void> } {
  const host = `${bucket.bucket}.cos.${bucket.region}.myqcloud.com`;
  const { secretId: SecretId, secretKey: SecretKey } = running.own;
  const options = { SecretId, SecretKey, Method: 'PUT', Pathname: `/${key}`, Headers: { Host: host } };
  const Authorization = COS.getAuthorization(options as COS.StaticGetAuthorizationOptions);
  const headers = { Host: host, Authorization, 'Content-Length': 2, Expect: '100-continue' };
  const request = send({ port: running.port, host: '127.0.0.1', method: 'PUT', path: `/${key}`, headers });
  const begun = new Promise<void>((resolve) => request.on('continue', () => resolve()));
  request.flushHeaders();
  return {
    begun,
    end: () =>
      new Promise((resolve, reject) => {
        request
          .on('response', (response) => response.on('end', () => resolve()).resume())
          .on('error', reject);
        request.end('xx');
      }),
  };
}

test.each([
  ['end', ['slow', 'quick']],
  ['start', ['quick', 'slow']],
] as const)('a version is listed by the %s of its write', async (versionIdFrom, sizes) => {
  circumstances = { versionIdFrom };
  const key = `by-${versionIdFrom}`;
  const slow = slowPut(key);
  await slow.begun;
  await running.sdk.putObject({ ...at(bucket, key), Body: 'x' });
  await slow.end();
  const { body } = await raw(running, bucket, 'GET', `/?versions&prefix=${key}`);
  const listed = [...body.matchAll(/<Size>(\d)<\/Size>/g)].map(([, size]) =>
    size === '2' ? 'slow' : 'quick',
  );
  expect(listed).toEqual(sizes);
});

test.each([
  ['plain', undefined],
  ['withHeaders', 'true'],
] as const)('a 404 for a delete marker, %s', async (markerNotFound, header) => {
  circumstances = { markerNotFound };
  const key = `marker-${markerNotFound}`;
  await running.sdk.putObject({ ...at(bucket, key), Body: 'x' });
  const marker = await running.sdk.deleteObject(at(bucket, key));
  for (const method of ['HEAD', 'GET']) {
    const { status, headers } = await raw(running, bucket, method, `/${key}`);
    expect([status, headers['x-cos-delete-marker']]).toEqual([404, header]);
    expect(headers['x-cos-version-id']).toBe(header && marker.headers?.['x-cos-version-id']);
  }
});
