import type { Policy } from '../../../../infra/local/cos/access/policy';
import { parsePolicy } from '../../../../infra/local/cos/access/policy';
import type { BucketRef } from '../../../../lib/domain/rule';
import { at, newBucket, raw, refusal, type RunningCos, sdkAt, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

const anonymous = { sign: false };
const statusOf = async (ref: BucketRef, method: string, target: string, more: object = anonymous) =>
  (await raw(running, ref, method, target, more)).status;

function policy(...statements: object[]): Policy {
  const parsed = parsePolicy(JSON.stringify({ version: '2.0', statement: statements }));
  if (!parsed) throw new Error('no policy');
  return parsed;
}

let users = 0;

/** The SDK with the keys of a new user of the first account. */
function userWith(...statements: object[]) {
  users += 1;
  const { appid } = running.own;
  const user = {
    name: `user${users}`,
    uin: `20000000000${users}`,
    appid,
    secretId: `AKIDuser${users}`,
    secretKey: `secret${users}`,
    policies: statements.length === 0 ? [] : [policy(...statements)],
  };
  running.cos.users.replace([...running.cos.users.list(), user]);
  return { ...user, sdk: sdkAt(running.port, user) };
}

const allow = (action: string | string[], resource: string | string[] = '*', more: object = {}) => ({
  effect: 'allow',
  action,
  resource,
  ...more,
});

test('without a key a private object is refused, a public one read, and nothing is listed or written', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'private'), Body: 'x' });
  await running.sdk.putObject({ ...at(ref, 'public'), Body: 'x', ACL: 'public-read' });
  expect(await statusOf(ref, 'GET', '/private')).toBe(403);
  expect(await statusOf(ref, 'GET', '/public')).toBe(200);
  expect(await statusOf(ref, 'HEAD', '/public')).toBe(200);
  expect(await statusOf(ref, 'GET', '/')).toBe(403);
  expect(await statusOf(ref, 'PUT', '/public', { ...anonymous, body: 'y' })).toBe(403);
  expect(await statusOf(ref, 'DELETE', '/public')).toBe(403);
  expect(await statusOf({ ...ref, bucket: `absent-${running.own.appid}` }, 'GET', '/a')).toBe(404);
});

test('an object without an ACL has that of its bucket, and one with an ACL its own', async () => {
  const ref = await newBucket(running);
  const where = { Bucket: ref.bucket, Region: ref.region };
  await running.sdk.putBucketAcl({ ...where, ACL: 'public-read' });
  await running.sdk.putObject({ ...at(ref, 'inherits'), Body: 'x' });
  await running.sdk.putObject({ ...at(ref, 'private'), Body: 'x', ACL: 'private' });
  expect(await statusOf(ref, 'GET', '/inherits')).toBe(200);
  expect(await statusOf(ref, 'GET', '/private')).toBe(403);
  expect(await statusOf(ref, 'GET', '/')).toBe(200);
  expect(await statusOf(ref, 'PUT', '/new', { ...anonymous, body: 'y' })).toBe(403);
  await running.sdk.putBucketAcl({ ...where, ACL: 'public-read-write' });
  expect(await statusOf(ref, 'PUT', '/new', { ...anonymous, body: 'y' })).toBe(200);
});

test('an ACL is answered as it was put, by headers or as a document', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  const fresh = await running.sdk.getObjectAcl(at(ref, 'a'));
  expect(fresh.headers).toMatchObject({ 'x-cos-acl': 'default' });
  expect(fresh.Grants).toEqual([]);
  await running.sdk.putObjectAcl({
    ...at(ref, 'a'),
    GrantRead: `id="${running.other.uin}"`,
    ACL: 'public-read',
  } as never);
  const acl = await running.sdk.getObjectAcl(at(ref, 'a'));
  const other = `qcs::cam::uin/${running.other.uin}:uin/${running.other.uin}`;
  expect(acl.Owner).toMatchObject({ ID: `qcs::cam::uin/${running.own.uin}:uin/${running.own.uin}` });
  expect(acl.Grants.map(({ Permission, Grantee }) => [Permission, Grantee])).toMatchObject([
    ['READ', { URI: 'http://cam.qcloud.com/groups/global/AllUsers' }],
    ['READ', { ID: other }],
  ]);
  await running.sdk.putObjectAcl({
    ...at(ref, 'a'),
    AccessControlPolicy: {
      Owner: acl.Owner,
      Grants: [{ Grantee: { ID: other }, Permission: 'FULL_CONTROL' }],
    },
  } as never);
  expect(await statusOf(ref, 'GET', '/a')).toBe(403);
  const stranger = sdkAt(running.port, running.other);
  expect((await stranger.getObject(at(ref, 'a'))).Body.toString()).toBe('x');
  expect((await stranger.getObjectAcl(at(ref, 'a'))).headers?.['x-cos-acl']).toBeUndefined();
  expect(await refusal(stranger.putObject({ ...at(ref, 'a'), Body: 'y' }))).toBe('403 AccessDenied');
});

test('a change of an ACL makes neither a version nor an event', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  await running.sdk.putObjectAcl({ ...at(ref, 'a'), ACL: 'public-read' });
  expect((await raw(running, ref, 'GET', '/?versions')).body.split('<Version>')).toHaveLength(2);
  const events = (await running.cos.pendingEvents()).filter((event) => event.bucket === ref.bucket);
  expect(events).toHaveLength(1);
});

test('the ACL of a source is not copied', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x', ACL: 'public-read' });
  const CopySource = `${ref.bucket}.cos.${ref.region}.myqcloud.com/a`;
  await running.sdk.putObjectCopy({ ...at(ref, 'b'), CopySource });
  expect(await statusOf(ref, 'GET', '/b')).toBe(403);
});

test('a user may do what a policy allows, there and no more', async () => {
  const ref = await newBucket(running);
  const other = await newBucket(running);
  const { sdk } = userWith(
    allow(
      ['name/cos:PutObject', 'name/cos:HeadObject'],
      `qcs::cos:${ref.region}:uid/${running.own.appid}:${ref.bucket}/in/*`,
    ),
  );
  expect(await refusal(sdk.putObject({ ...at(ref, 'in/a'), Body: 'x' }))).toBe('not refused');
  expect(await refusal(sdk.headObject(at(ref, 'in/a')))).toBe('not refused');
  expect(await refusal(sdk.getObject(at(ref, 'in/a')))).toBe('403 AccessDenied');
  expect(await refusal(sdk.putObject({ ...at(ref, 'out/a'), Body: 'x' }))).toBe('403 AccessDenied');
  expect(await refusal(sdk.putObject({ ...at(other, 'in/a'), Body: 'x' }))).toBe('403 AccessDenied');
  expect(await refusal(sdk.getService())).toBe('403 AccessDenied');
});

test('a deny wins, and its condition may be that a version is named', async () => {
  const ref = await newBucket(running);
  const put = await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  const { sdk } = userWith(allow('name/cos:*'), {
    effect: 'deny',
    action: ['name/cos:DeleteObject'],
    resource: ['*'],
    condition: { string_like: { 'cos:versionid': '?*' } },
  });
  const VersionId = String(put.headers?.['x-cos-version-id']);
  expect(await refusal(sdk.deleteObject({ ...at(ref, 'a'), VersionId } as never))).toBe('403 AccessDenied');
  expect(await refusal(sdk.deleteObject(at(ref, 'a')))).toBe('not refused');
});

test('a copy needs the source to be readable', async () => {
  const source = await newBucket(running);
  const to = await newBucket(running);
  await running.sdk.putObject({ ...at(source, 'a'), Body: 'x' });
  const CopySource = `${source.bucket}.cos.${source.region}.myqcloud.com/a`;
  const writer = userWith(allow(['name/cos:PutObject*'], `qcs::cos:*:*:${to.bucket}/*`));
  const both = userWith(
    allow(['name/cos:PutObject*'], `qcs::cos:*:*:${to.bucket}/*`),
    allow(['name/cos:GetObject'], `qcs::cos:*:*:${source.bucket}/*`),
  );
  expect(await refusal(writer.sdk.putObjectCopy({ ...at(to, 'a'), CopySource }))).toBe('403 AccessDenied');
  expect(await refusal(both.sdk.putObjectCopy({ ...at(to, 'a'), CopySource }))).toBe('not refused');
});

test.each<[string, (ref: BucketRef) => [string, string, object?]]>([
  ['GetBucketACL', () => ['GET', '/?acl']],
  ['PutBucketPolicy', () => ['PUT', '/?policy', { body: '{}' }]],
  ['GetBucketReplication', () => ['GET', '/?replication']],
  ['DeleteBucketLifecycle', () => ['DELETE', '/?lifecycle']],
  ['InitiateMultipartUpload', () => ['POST', '/a?uploads']],
  ['ListParts', () => ['GET', '/a?uploadId=x']],
  ['AppendObject', () => ['POST', '/b?append&position=0', { body: 'x' }]],
  ['RestoreObject', () => ['POST', '/a?restore']],
  ['DeleteMultipleObjects', () => ['POST', '/?delete']],
  ['GetObjectTagging', () => ['GET', '/a?tagging']],
])('%s is denied to whom it is not allowed, and to nobody else', async (action, requestOf) => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  const [method, target, more] = requestOf(ref);
  const all = { effect: 'allow', action: ['name/cos:*'], resource: ['*'] };
  const without = userWith(all, { effect: 'deny', action: [`name/cos:${action}`], resource: ['*'] });
  const only = userWith({ effect: 'allow', action: [`name/cos:${action}`], resource: ['*'] });
  expect(await statusOf(ref, method, target, { as: without, ...more })).toBe(403);
  expect(await statusOf(ref, method, target, { as: only, ...more })).not.toBe(403);
  expect(running.cos.requests.list().at(-1)).toMatchObject({ api: action, caller: only.name });
});

test('a bucket’s policy lets another account and anyone in, and may keep a user out', async () => {
  const ref = await newBucket(running);
  const where = { Bucket: ref.bucket, Region: ref.region };
  await running.sdk.putObject({ ...at(ref, 'open/a'), Body: 'x' });
  await running.sdk.putObject({ ...at(ref, 'shared/a'), Body: 'x' });
  const user = userWith(allow('name/cos:*'));
  const resource = (prefix: string) => [
    `qcs::cos:${ref.region}:uid/${running.own.appid}:${ref.bucket}/${prefix}*`,
  ];
  const qcsOf = (owner: string, of: string) => ({ qcs: [`qcs::cam::uin/${owner}:uin/${of}`] });
  const Policy = {
    version: '2.0',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { qcs: ['qcs::cam::anyone:anyone'] },
        Action: ['name/cos:GetObject'],
        Resource: resource('open/'),
      },
      {
        Effect: 'Allow',
        Principal: qcsOf(running.other.uin, running.other.uin),
        Action: ['name/cos:GetObject'],
        Resource: resource('shared/'),
      },
      {
        Effect: 'Deny',
        Principal: qcsOf(running.own.uin, user.uin),
        Action: ['name/cos:GetObject'],
        Resource: resource(''),
      },
    ],
  };
  await running.sdk.putBucketPolicy({ ...where, Policy } as never);
  expect(await statusOf(ref, 'GET', '/open/a')).toBe(200);
  expect(await statusOf(ref, 'GET', '/shared/a')).toBe(403);
  const stranger = sdkAt(running.port, running.other);
  expect(await refusal(stranger.getObject(at(ref, 'shared/a')))).toBe('not refused');
  expect(await refusal(stranger.headObject(at(ref, 'shared/a')))).toBe('403 403');
  expect(await refusal(user.sdk.getObject(at(ref, 'open/a')))).toBe('403 AccessDenied');
  expect(await refusal(running.sdk.getObject(at(ref, 'open/a')))).toBe('not refused');
});

test('a temporary key with a policy may do no more than that', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  const policies = [policy(allow(['name/cos:GetObject']))];
  const key = running.cos.issueTemporaryKey(running.own, {
    name: 'role',
    seconds: 60,
    policies: () => policies,
  });
  const sdk = sdkAt(running.port, key, key.token);
  expect(await refusal(sdk.getObject(at(ref, 'a')))).toBe('not refused');
  expect(await refusal(sdk.putObject({ ...at(ref, 'a'), Body: 'y' }))).toBe('403 AccessDenied');
});

test.each<[string, object, boolean]>([
  ['ip_equal of a network', { ip_equal: { 'qcs:ip': ['10.0.0.0/8', '127.0.0.0/8'] } }, true],
  ['ip_equal of another', { ip_equal: { 'qcs:ip': '10.0.0.0/8' } }, false],
  ['ip_not_equal', { ip_not_equal: { 'qcs:ip': '10.0.0.1' } }, true],
  ['a key that is not there', { string_equal: { 'cos:x-cos-acl': 'private' } }, false],
  ['the same with _if_exist', { string_equal_if_exist: { 'cos:x-cos-acl': 'private' } }, true],
  ['string_not_equal', { string_not_equal: { 'cos:content-type': 'text/html' } }, true],
  ['numeric_less_than', { numeric_less_than: { 'cos:content-length': 2 } }, true],
  ['numeric_greater_than', { numeric_greater_than: { 'cos:content-length': 2 } }, false],
  [
    'two of which one fails',
    { bool_equal: { 'cos:secure-transport': 'false' }, ip_equal: { 'qcs:ip': '1.1.1.1' } },
    false,
  ],
  ['an operator that is not known', { string_alike: { 'qcs:ip': '*' } }, false],
])('a condition holds or not: %s', async (_, condition, holds) => {
  const ref = await newBucket(running);
  const { sdk } = userWith(allow('name/cos:PutObject', '*', { condition }));
  const answer = await refusal(sdk.putObject({ ...at(ref, 'a'), Body: 'x', ContentType: 'text/plain' }));
  expect(answer).toBe(holds ? 'not refused' : '403 AccessDenied');
});
