import type { BucketRef } from '../../../../lib/domain/rule';
import { at, newBucket, raw, refusal, type RunningCos, setVersioning, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

const where = (ref: BucketRef) => ({ Bucket: ref.bucket, Region: ref.region });
const codeOf = (body: string) => /<Code>(.*?)</.exec(body)?.[1];

test('rules of CORS, tags, a lifecycle and a policy are kept, returned and deleted through the SDK', async () => {
  const ref = await newBucket(running);
  const { sdk } = running;
  const CORSRules = [
    {
      AllowedOrigin: ['*'],
      AllowedMethod: ['GET'],
      AllowedHeader: ['*'],
      ExposeHeader: ['ETag'],
      MaxAgeSeconds: '5',
    },
  ];
  expect((await sdk.getBucketCors(where(ref))).CORSRules).toEqual([]);
  await sdk.putBucketCors({ ...where(ref), CORSRules } as never);
  expect((await sdk.getBucketCors(where(ref))).CORSRules).toMatchObject([
    { AllowedOrigins: ['*'], AllowedMethods: ['GET'], MaxAgeSeconds: '5' },
  ]);
  await sdk.deleteBucketCors(where(ref));
  expect((await sdk.getBucketCors(where(ref))).CORSRules).toEqual([]);

  const Tags = [{ Key: 'team', Value: 'a b' }];
  expect((await sdk.getBucketTagging(where(ref))).Tags).toEqual([]);
  await sdk.putBucketTagging({ ...where(ref), Tags });
  expect((await sdk.getBucketTagging(where(ref))).Tags).toEqual(Tags);
  await sdk.deleteBucketTagging(where(ref));
  expect((await sdk.getBucketTagging(where(ref))).Tags).toEqual([]);

  const Rules = [{ ID: 'r', Status: 'Enabled', Filter: { Prefix: 'a/' }, Expiration: { Days: '3' } }];
  expect((await sdk.getBucketLifecycle(where(ref))).Rules).toEqual([]);
  await sdk.putBucketLifecycle({ ...where(ref), Rules } as never);
  expect((await sdk.getBucketLifecycle(where(ref))).Rules).toMatchObject(Rules);
  await sdk.deleteBucketLifecycle(where(ref));
  expect((await sdk.getBucketLifecycle(where(ref))).Rules).toEqual([]);

  const statement = [
    { Effect: 'allow', Principal: { qcs: ['*'] }, Action: ['name/cos:GetObject'], Resource: ['*'] },
  ];
  await sdk.putBucketPolicy({ ...where(ref), Policy: { version: '2.0', statement } } as never);
  expect((await sdk.getBucketPolicy(where(ref))).Policy).toMatchObject({ statement });
  await sdk.deleteBucketPolicy(where(ref));
  expect(await refusal(sdk.getBucketPolicy(where(ref)))).toMatch(/^404/);
});

test('the location is as COS’s sample has it', async () => {
  const ref = await newBucket(running, 'never', 'ap-beijing');
  const answer = await running.sdk.getBucketLocation(where(ref));
  expect(answer.LocationConstraint).toBe('cos.ap-beijing');
});

test('documents go with their bucket', async () => {
  const ref = await newBucket(running);
  await running.sdk.putBucketTagging({ ...where(ref), Tags: [{ Key: 'k', Value: 'v' }] });
  await running.sdk.deleteBucket(where(ref));
  await running.sdk.putBucket(where(ref));
  expect((await running.sdk.getBucketTagging(where(ref))).Tags).toEqual([]);
});

describe('CORS', () => {
  const rules = [
    { AllowedOrigin: ['https://*.example.com'], AllowedMethod: ['PUT', 'GET'], AllowedHeader: ['x-cos-*'] },
    { AllowedOrigin: ['*'], AllowedMethod: ['HEAD'], ExposeHeader: ['ETag', 'x-cos-version-id'] },
  ];
  let ref: BucketRef;
  beforeAll(async () => {
    ref = await newBucket(running);
    await running.sdk.putBucketCors({ ...where(ref), CORSRules: rules } as never);
    await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x', ACL: 'public-read' });
  });

  test.each([
    ['https://a.example.com', 'PUT', 'x-cos-acl', 'https://a.example.com'],
    ['https://a.example.com', 'PUT', 'x-cos-acl, X-COS-Meta-A', 'https://a.example.com'],
    ['https://a.example.com', 'PUT', 'content-type', undefined],
    ['https://example.org', 'PUT', '', undefined],
    ['https://example.org', 'HEAD', '', '*'],
    ['https://a.example.com', 'DELETE', '', undefined],
  ])('a preflight of %s for %s with "%s" gets %p', async (Origin, method, asked, allowed) => {
    const headers = {
      Origin,
      'Access-Control-Request-Method': method,
      ...(asked === '' ? {} : { 'Access-Control-Request-Headers': asked }),
    };
    const answer = await raw(running, ref, 'OPTIONS', '/a', { sign: false, headers });
    expect(answer.headers['access-control-allow-origin']).toBe(allowed);
    expect([answer.status, codeOf(answer.body)]).toEqual(
      allowed === undefined ? [403, 'AccessForbidden'] : [200, undefined],
    );
  });

  test('an answer carries what a browser needs to show it, an error too', async () => {
    const headers = { Origin: 'https://a.example.com' };
    const found = await raw(running, ref, 'GET', '/a', { sign: false, headers });
    expect(found.headers['access-control-allow-origin']).toBe('https://a.example.com');
    const missing = await raw(running, ref, 'GET', '/b', { headers });
    expect([missing.status, missing.headers['access-control-allow-origin']]).toEqual([
      404,
      'https://a.example.com',
    ]);
    expect((await raw(running, ref, 'GET', '/a')).headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('replication', () => {
  const role = () => `qcs::cam::uin/${running.own.uin}:uin/${running.own.uin}`;
  const ruleTo = (to: BucketRef, more: object = {}) => ({
    Status: 'Enabled',
    Prefix: '',
    Destination: { Bucket: `qcs::cos:${to.region}::${to.bucket}` },
    ...more,
  });
  const put = (ref: BucketRef, Rules: readonly object[], Role = role()) =>
    running.sdk.putBucketReplication({
      ...where(ref),
      ReplicationConfiguration: { Role, Rules },
    } as never);

  test('a document is kept and returned, and nothing is replicated by it', async () => {
    const [ref, to] = [await newBucket(running), await newBucket(running, 'Enabled', 'ap-shanghai')];
    const taken = await put(ref, [ruleTo(to, { ID: 'one' })]);
    expect(taken.headers).toMatchObject({ 'x-cos-bucket-region': ref.region });
    const got = await running.sdk.getBucketReplication(where(ref));
    expect(got.ReplicationConfiguration).toMatchObject({ Role: role(), Rules: [{ ID: 'one' }] });
    expect(Date.parse(String(got.headers?.['x-cos-replication-rule-creation-time']))).not.toBeNaN();
    await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
    expect(await refusal(running.sdk.headObject(at(to, 'a')))).toBe('404 404');
    await running.sdk.deleteBucketReplication(where(ref));
    expect((await running.sdk.getBucketReplication(where(ref))).ReplicationConfiguration).toEqual({
      Rules: [],
    });
  });

  test('what a document may not be is refused with COS’s codes', async () => {
    const ref = await newBucket(running);
    const to = await newBucket(running, 'Enabled', 'ap-shanghai');
    const suspended = await newBucket(running, 'Suspended', 'ap-shanghai');
    const absent = { bucket: `absent-${running.own.appid}`, region: 'ap-shanghai' };
    const refused = (...rules: object[]) => refusal(put(ref, rules));
    expect(await refused(ruleTo(absent))).toBe('404 NoSuchBucket');
    expect(await refused(ruleTo(suspended))).toBe('400 BucketVersionNotOpen');
    expect(await refused(ruleTo(ref))).toBe('400 TargetBucketNameInvalid');
    expect(await refused(ruleTo(to, { Status: 'On' }))).toBe('400 MalformedXML');
    expect(await refused()).toBe('400 MalformedXML');
    expect(await refused(ruleTo(to, { Prefix: 'a/' }), ruleTo(to, { Prefix: 'a/b' }))).toBe(
      '400 InvalidArgument',
    );
    const twice = [ruleTo(to, { Priority: '1' }), ruleTo(to, { Priority: '1' })];
    expect(await refused(...twice)).toBe('400 InvalidArgument');
    expect(await refused(ruleTo(to, { Priority: '1' }), ruleTo(to))).toBe('400 InvalidArgument');
    const Destination = { ...ruleTo(to).Destination, StorageClass: 'COLD' };
    expect(await refused(ruleTo(to, { Destination }))).toBe('400 NotSupportedStorageClass');
    const Filter = { And: { Prefix: '', Tag: [{ Key: 'k', Value: 'v' }] } };
    expect(await refused(ruleTo(to, { Filter }))).toBe('400 InvalidArgument');
    expect(await refusal(put(ref, [ruleTo(to)], 'qcs::cam::uin/1:uin/1'))).toBe('400 InvalidArgument');
    const plain = await newBucket(running, 'never');
    expect(await refusal(put(plain, [ruleTo(to)]))).toBe('400 BucketVersionNotOpen');
    expect((await running.sdk.getBucketReplication(where(ref))).ReplicationConfiguration).toEqual({
      Rules: [],
    });
    const prioritised = [ruleTo(to, { Priority: '1' }), ruleTo(to, { Priority: '2', Prefix: 'a/' })];
    expect(await refused(...prioritised)).toBe('not refused');
  });

  test('versioning of a source is not suspended before its rules are gone', async () => {
    const [ref, to] = [await newBucket(running), await newBucket(running, 'Enabled', 'ap-shanghai')];
    await put(ref, [ruleTo(to)]);
    expect(await refusal(setVersioning(running, ref, 'Suspended'))).toBe('409 InvalidBucketState');
    await running.sdk.deleteBucketReplication(where(ref));
    expect(await refusal(setVersioning(running, ref, 'Suspended'))).toBe('not refused');
  });
});
