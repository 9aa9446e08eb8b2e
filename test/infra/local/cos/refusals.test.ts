import { at, newBucket, raw, refusal, type RunningCos, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

const codeOf = (body: string) => /<Code>(.*?)</.exec(body)?.[1];

test.each(['', '%0A', 'x'.repeat(200)])(
  'the version id %p names nothing, and nothing is deleted by it',
  async (id) => {
    const ref = await newBucket(running, 'never');
    await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
    for (const method of ['GET', 'DELETE']) {
      const answer = await raw(running, ref, method, `/a?versionId=${id}`);
      expect({ status: answer.status, code: codeOf(answer.body) }).toEqual({
        status: 400,
        code: 'InvalidArgument',
      });
    }
    expect((await running.sdk.getObject(at(ref, 'a'))).Body.toString()).toBe('x');
  },
);

test('a version id that was never given out is not found, and deleting it deletes nothing', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  expect((await raw(running, ref, 'GET', '/a?versionId=nonsense')).status).toBe(404);
  expect((await raw(running, ref, 'DELETE', '/a?versionId=nonsense')).status).toBe(204);
  expect((await running.sdk.getObject(at(ref, 'a'))).Body.toString()).toBe('x');
});

test.each([
  ['GET', '/?frobnicate'],
  ['GET', '/a?frobnicate'],
  ['PUT', '/a?symlink'],
  ['GET', '/a?symlink'],
  ['POST', '/a?select&select-type=2'],
  ['POST', '/a'],
  ['PATCH', '/a'],
])('%s %s is not built, and says so by its name', async (method, target) => {
  const ref = await newBucket(running);
  const { status, body } = await raw(running, ref, method, target);
  expect({ status, code: codeOf(body) }).toEqual({ status: 501, code: 'NotImplemented' });
  expect(body).toContain(`>${[method, ...(/\?[a-z-]+/.exec(target) ?? [])].join(' ')} of `);
});

test.each([
  ['PUT', '/', 'x-cos-bucket-arch', 'OFS'],
  ['GET', '/a', 'x-cos-server-side-encryption-customer-key', 'x'],
])('%s %s with the header %s is refused by its name', async (method, target, name, value) => {
  const ref = await newBucket(running);
  const fresh = { bucket: `fresh-${running.own.appid}`, region: ref.region };
  const answer = await raw(running, target === '/' ? fresh : ref, method, target, {
    headers: { [name]: value, 'Content-Length': '0' },
  });
  expect(codeOf(answer.body)).toBe('NotImplemented');
  expect(answer.body).toContain(name);
  expect(await refusal(running.sdk.headBucket({ Bucket: fresh.bucket, Region: fresh.region }))).toBe(
    '404 404',
  );
});

test.each([
  ['two dashes', 'a-'],
  ['a host of 61 characters', 'a'.repeat(61 - '-1250000000.cos.ap-guangzhou.myqcloud.com'.length)],
])('a bucket name is refused: %s', async (_, name) => {
  const ref = { bucket: `${name}-${running.own.appid}`, region: 'ap-guangzhou' };
  const answer = await raw(running, ref, 'PUT', '/', { headers: { 'Content-Length': '0' } });
  expect(codeOf(answer.body)).toBe('InvalidBucketName');
});

test('a response header that is none is refused, and UTF-8 in one is sent as its bytes', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  const bad = await raw(running, ref, 'GET', '/a?response-content-type=%0Ax');
  expect({ status: bad.status, code: codeOf(bad.body) }).toEqual({ status: 400, code: 'InvalidArgument' });
  const good = await raw(running, ref, 'GET', `/a?response-cache-control=${encodeURIComponent('中')}`);
  expect(Buffer.from(good.headers['cache-control'] ?? '', 'latin1').toString()).toBe('中');
});

test('a copy source whose version id cannot be decoded is refused', async () => {
  const ref = await newBucket(running);
  const host = `${ref.bucket}.cos.${ref.region}.myqcloud.com`;
  for (const id of ['%zz', '', '%0A']) {
    const headers = { 'x-cos-copy-source': `${host}/a?versionId=${id}`, 'Content-Length': '0' };
    const answer = await raw(running, ref, 'PUT', '/b', { headers });
    expect([400, 404]).toContain(answer.status);
  }
});

test('a bucket of several zones says so, and has classes of its own', async () => {
  const ref = { bucket: `maz-${running.own.appid}`, region: 'ap-guangzhou' };
  const body = '<CreateBucketConfiguration><BucketAZConfig>MAZ</BucketAZConfig></CreateBucketConfiguration>';
  expect((await raw(running, ref, 'PUT', '/', { body })).status).toBe(200);
  expect((await raw(running, ref, 'HEAD', '/')).headers['x-cos-bucket-az-type']).toBe('MAZ');
  const put = async (to: typeof ref, name: string) => {
    const answer = await raw(running, to, 'PUT', '/a', {
      body: 'x',
      headers: { 'x-cos-storage-class': name },
    });
    return codeOf(answer.body) ?? answer.status;
  };
  expect(await put(ref, 'maz_standard_ia')).toBe(200);
  expect((await raw(running, ref, 'HEAD', '/a')).headers['x-cos-storage-class']).toBe('MAZ_STANDARD_IA');
  expect(await put(ref, 'STANDARD_IA')).toBe('OAZOperationNotSupportOnMAZBucket');
  expect(await put(await newBucket(running), 'MAZ_STANDARD')).toBe('MAZOperationNotSupportOnOAZBucket');
});

test('tags keep what is in their values', async () => {
  const ref = await newBucket(running);
  await raw(running, ref, 'PUT', '/a', { body: 'x', headers: { 'x-cos-tagging': 'k=a=b&l=%20c%20' } });
  const tags = async () => (await raw(running, ref, 'GET', '/a?tagging')).body;
  expect(await tags()).toContain(
    '<Tag><Key>k</Key><Value>a=b</Value></Tag><Tag><Key>l</Key><Value> c </Value>',
  );
  const body = '<Tagging>\n <TagSet>\n  <Tag><Key>m</Key><Value> d </Value></Tag>\n </TagSet>\n</Tagging>';
  expect((await raw(running, ref, 'PUT', '/a?tagging', { body })).status).toBe(200);
  expect(await tags()).toContain('<TagSet><Tag><Key>m</Key><Value> d </Value></Tag></TagSet>');
});
