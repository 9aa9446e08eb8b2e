import { request as send } from 'node:http';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { at, newBucket, raw, refusal, removeVersion, type RunningCos, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

test.each([
  ['[Object Content]', '16749565679157681890'],
  ['[Object Part]', '4510578591875220731'],
  ['', '0'],
  ['123456789', '11051210869376104954'],
])('the CRC64 of %p', async (Body, crc64) => {
  const ref = await newBucket(running);
  const put = await running.sdk.putObject({ ...at(ref, 'a'), Body });
  expect(put.headers?.['x-cos-hash-crc64ecma']).toBe(crc64);
  expect((await running.sdk.headObject(at(ref, 'a'))).headers?.['x-cos-hash-crc64ecma']).toBe(crc64);
});

test('headers are spelled as COS spells them', async () => {
  const ref = await newBucket(running);
  const put = await raw(running, ref, 'PUT', '/a', {
    body: 'x',
    headers: { 'x-cos-meta-a': '1', 'Cache-Control': 'max-age=1' },
  });
  expect(put.rawHeaders).toEqual(
    expect.arrayContaining([
      'ETag',
      'x-cos-request-id',
      'x-cos-hash-crc64ecma',
      'x-cos-version-id',
      'Date',
      'Server',
    ]),
  );
  const got = await raw(running, ref, 'GET', '/a');
  expect(got.rawHeaders).toEqual(
    expect.arrayContaining([
      'ETag',
      'Last-Modified',
      'Content-Type',
      'Content-Length',
      'Accept-Ranges',
      'Cache-Control',
      'x-cos-meta-a',
    ]),
  );
  // Absent for STANDARD.
  expect(got.headers['x-cos-storage-class']).toBeUndefined();
});

test('only what is tiered has a tier, in its headers and in listings', async () => {
  const ref = await newBucket(running);
  for (const storageClass of ['STANDARD_IA', 'INTELLIGENT_TIERING'])
    await raw(running, ref, 'PUT', `/${storageClass}`, { headers: { 'x-cos-storage-class': storageClass } });
  const tierOf = async (key: string) => (await raw(running, ref, 'HEAD', key)).headers['x-cos-storage-tier'];
  expect([await tierOf('/STANDARD_IA'), await tierOf('/INTELLIGENT_TIERING')]).toEqual([
    undefined,
    'FREQUENT',
  ]);
  const tiers = /<Key>(\w+)<.*?<StorageClass>\1<\/StorageClass>(?:<StorageTier>(\w+)<)?/g;
  for (const listing of ['/', '/?versions']) {
    const { body } = await raw(running, ref, 'GET', listing);
    const listed = [...body.matchAll(tiers)].map(([, key, tier]) => [key, tier]);
    expect(listed).toEqual([
      ['INTELLIGENT_TIERING', 'FREQUENT'],
      ['STANDARD_IA', undefined],
    ]);
  }
});

test('ranges', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: '0123456789' });
  const range = (value: string) => raw(running, ref, 'GET', '/a', { headers: { Range: value } });
  expect(await range('bytes=2-4')).toMatchObject({
    status: 206,
    body: '234',
    headers: { 'content-range': 'bytes 2-4/10' },
  });
  expect(await range('bytes=7-')).toMatchObject({ status: 206, body: '789' });
  expect(await range('bytes=-2')).toMatchObject({ status: 206, body: '89' });
  expect(await range('bytes=8-99')).toMatchObject({ status: 206, body: '89' });
  expect(await range('bytes=10-')).toMatchObject({ status: 416 });
  expect(await range('lines=1-2')).toMatchObject({ status: 200, body: '0123456789' });
});

test('conditions of reads', async () => {
  const ref = await newBucket(running);
  const { ETag } = await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  const head = async (headers: Record<string, string>) =>
    (await raw(running, ref, 'HEAD', '/a', { headers })).status;
  expect(await head({ 'If-Match': ETag })).toBe(200);
  expect(await head({ 'If-Match': '"other"' })).toBe(412);
  expect(await head({ 'If-None-Match': ETag })).toBe(304);
  expect(await head({ 'If-Modified-Since': 'Thu, 01 Jan 2037 00:00:00 GMT' })).toBe(304);
  expect(await head({ 'If-Unmodified-Since': 'Thu, 01 Jan 2015 00:00:00 GMT' })).toBe(412);
});

test('Content-MD5 is checked, and nothing of a refused body stays', async () => {
  const ref = await newBucket(running);
  const put = (md5: string) => raw(running, ref, 'PUT', '/a', { body: 'x', headers: { 'Content-MD5': md5 } });
  expect((await put('mQ/fVh815F3k6TAUm8m0eg==')).body).toContain('<Code>BadDigest</Code>');
  expect((await put('nonsense')).body).toContain('<Code>InvalidDigest</Code>');
  expect((await raw(running, ref, 'GET', '/a')).status).toBe(404);
});

test.each<[string, string, Record<string, string>, string]>([
  ['a key of 851 bytes', `/${'a'.repeat(851)}`, {}, 'KeyTooLong'],
  ['a control character', '/a%1Ab', {}, 'InvalidURI'],
  ['a key that is not UTF-8', '/a%FF', {}, 'InvalidURI'],
  ['a metadata name with an underscore', '/a', { 'x-cos-meta-a_b': '1' }, 'InvalidArgument'],
  ['a metadata value over 2 KB', '/a', { 'x-cos-meta-a': 'x'.repeat(2100) }, 'InvalidArgument'],
  ['an unknown storage class', '/a', { 'x-cos-storage-class': 'COLD' }, 'NotSupportedStorageClass'],
  ['tags that cannot be decoded', '/a', { 'x-cos-tagging': 'a=%zz' }, 'InvalidArgument'],
  [
    'eleven tags',
    '/a',
    { 'x-cos-tagging': Array.from({ length: 11 }, (_, i) => `k${i}=v`).join('&') },
    'InvalidArgument',
  ],
  ['encryption', '/a', { 'x-cos-server-side-encryption': 'AES256' }, 'NotImplemented'],
  ['an unknown ACL', '/a', { 'x-cos-acl': 'public' }, 'InvalidArgument'],
  ['a part of no upload', '/a?uploadId=x&partNumber=1', {}, 'NoSuchUpload'],
  ['a traffic limit below the least', '/a', { 'x-cos-traffic-limit': '819199' }, 'InvalidArgument'],
])('%s is refused', async (_name, target, headers, code) => {
  const ref = await newBucket(running);
  const answer = await raw(running, ref, 'PUT', target, { body: 'x', headers });
  expect(answer.body).toContain(`<Code>${code}</Code>`);
  expect((await raw(running, ref, 'GET', '/?versions')).body).not.toContain('<Version>');
});

test.each(['website', 'inventory', 'logging', 'referer', 'encryption', 'object-lock'])(
  'what is not built says so by name: ?%s',
  async (name) => {
    const ref = await newBucket(running);
    const answer = await raw(running, ref, 'GET', `/?${name}`);
    expect(answer.status).toBe(501);
    expect(answer.body).toContain('<Code>NotImplemented</Code>');
    expect(answer.body).toContain(name);
  },
);

test('an error is a document with its ids, and for HEAD only a status', async () => {
  const ref = await newBucket(running);
  const got = await raw(running, ref, 'GET', '/nothing');
  expect(got.body).toMatch(
    /^<\?xml version='1.0' encoding='utf-8' \?>\n<Error><Code>NoSuchKey<\/Code><Message>/,
  );
  expect(got.body).toContain(`<RequestId>${String(got.headers['x-cos-request-id'])}</RequestId>`);
  expect(got.headers).toMatchObject({ 'content-type': 'application/xml' });
  expect(got.headers['x-cos-trace-id']).toBeDefined();
  expect(await raw(running, ref, 'HEAD', '/nothing')).toMatchObject({ status: 404, body: '' });
});

test('an upload that breaks off leaves nothing', async () => {
  const ref = await newBucket(running);
  await new Promise<void>((resolve) => {
    const headers = { Host: `${ref.bucket}.cos.${ref.region}.myqcloud.com`, 'Content-Length': '1000' };
    const url = running.sdk.getObjectUrl({ ...at(ref, 'a'), Method: 'PUT', Sign: true }, () => {});
    const request = send({
      port: running.port,
      host: '127.0.0.1',
      method: 'PUT',
      path: url.slice(url.indexOf('/', 8)),
      headers,
    });
    request.on('error', () => resolve());
    request.write('half');
    setTimeout(() => request.destroy(), 100);
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await raw(running, ref, 'GET', '/a')).status).toBe(404);
  expect(readdirSync(path.join(running.dataDir, 'incoming'))).toEqual([]);
});

test('a refusal before the body is read ends the request', async () => {
  const ref = await newBucket(running);
  const body = 'x'.repeat(5_000_000);
  const answer = await raw(running, ref, 'PUT', '/a', { body, sign: false }).catch(
    (error: NodeJS.ErrnoException) => error.code,
  );
  expect([403, 'ECONNRESET', 'EPIPE']).toContain(typeof answer === 'object' ? answer.status : answer);
});

test('a chunked upload, and a download whose version is deleted meanwhile', async () => {
  const ref = await newBucket(running);
  const large = 'abcdefgh'.repeat(500_000);
  const headers = { 'Transfer-Encoding': 'chunked' };
  const put = await raw(running, ref, 'PUT', '/a', { body: large, headers });
  expect(put.status).toBe(200);
  const url = `http://127.0.0.1:${running.port}`;
  const got = await new Promise<string>((resolve, reject) => {
    const signed = running.sdk.getObjectUrl({ ...at(ref, 'a'), Sign: true }, () => {});
    const target = new URL(signed.slice(signed.indexOf('/', 8)), url);
    const host = { Host: `${ref.bucket}.cos.${ref.region}.myqcloud.com` };
    send(target, { headers: host }, (response) => {
      let size = 0;
      response.pause();
      const VersionId = String(put.headers['x-cos-version-id']);
      void removeVersion(running, ref, 'a', VersionId).then(() => {
        response.on('data', (chunk: Buffer) => (size += chunk.length));
        response.on('end', () => resolve(`${response.statusCode} ${size}`));
        response.resume();
      });
    })
      .on('error', reject)
      .end();
  });
  expect(got).toBe(`200 ${large.length}`);
});

test('buckets: names, owners, emptiness, regions', async () => {
  const ref = await newBucket(running);
  const create = (Bucket: string, Region = 'ap-guangzhou') => running.sdk.putBucket({ Bucket, Region });
  expect(await refusal(create(ref.bucket))).toBe('409 BucketAlreadyOwnedByYou');
  expect(await refusal(create(`other-${running.other.appid}`))).toBe('403 AccessDenied');
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  expect(await refusal(running.sdk.deleteBucket({ Bucket: ref.bucket, Region: ref.region }))).toBe(
    '409 BucketNotEmpty',
  );
  expect(await refusal(running.sdk.headBucket({ Bucket: ref.bucket, Region: 'ap-beijing' }))).toBe('404 404');
  const empty = await newBucket(running, 'Enabled', 'eu-frankfurt');
  const head = await running.sdk.headBucket({ Bucket: empty.bucket, Region: empty.region });
  expect(head.headers).toMatchObject({ 'x-cos-bucket-region': 'eu-frankfurt' });
  await running.sdk.deleteBucket({ Bucket: empty.bucket, Region: empty.region });
  expect(await refusal(running.sdk.headBucket({ Bucket: empty.bucket, Region: empty.region }))).toBe(
    '404 404',
  );
});
