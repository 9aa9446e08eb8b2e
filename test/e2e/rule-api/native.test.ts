import type COS from 'cos-nodejs-sdk-v5';
import { quiet, seenHistory } from '../../support/local';
import { configuration, native, nativeSdk, type RuleApi, rule, startRuleApi } from './setup';

/** COS's own replication API, by the unmodified SDK and by hand, through the built bundle. */
let at: RuleApi;
let sdk: COS;
beforeAll(async () => {
  at = await startRuleApi();
  sdk = nativeSdk(at.cloud);
});
afterAll(() => at.cloud.close());

const place = () => ({ Bucket: at.source.bucket, Region: at.source.region });
const rulesPath = (): string => `/v1/buckets/${at.source.bucket}/rules`;
const Role = 'qcs::cam::uin/100000000001:uin/100000000001';
const target = (ref = at.destination): string => `qcs::cos:${ref.region}::${ref.bucket}`;

test('the SDK puts, gets and deletes rules, which REST reads as its own, and which replicate', async () => {
  // The SDK knows COS's error code for none, spelled as it is.
  expect(await sdk.getBucketReplication(place())).toMatchObject({
    statusCode: 404,
    ReplicationConfiguration: { Rules: [] },
  });
  const Rules = [
    {
      ID: 'one',
      Status: 'Enabled' as const,
      Prefix: 'a b/中',
      Destination: { Bucket: target(), StorageClass: 'Standard_IA' },
    },
    { ID: 'two', Status: 'Disabled' as const, Prefix: 'c/', Destination: { Bucket: target() } },
  ];
  const ReplicationConfiguration = { Role, Rules };
  await sdk.putBucketReplication({ ...place(), ReplicationConfiguration } as COS.PutBucketReplicationParams);
  const listed = await at.api('GET', rulesPath());
  expect(listed.body).toMatchObject({
    role: Role,
    rules: [
      {
        id: 'one',
        prefixes: ['a b/中'],
        destination: { ...at.destination, storageClass: 'STANDARD_IA' },
        deleteMarkerReplication: 'Enabled',
      },
      { id: 'two', status: 'Disabled', coverage: [] },
    ],
  });
  const got = await sdk.getBucketReplication(place());
  expect(got.ReplicationConfiguration).toMatchObject({
    Role,
    Rules: [
      { ID: 'one', Prefix: 'a b/中', Destination: { Bucket: target(), StorageClass: 'STANDARD_IA' } },
      { ID: 'two', Status: 'Disabled' },
    ],
  });
  await at.sdk.putObject({ ...place(), Key: 'a b/中/x', Body: 'x' });
  await quiet(at.cloud);
  expect(await seenHistory(at.sdk, at.destination, 'a b/中/x')).toMatchObject([{ body: 'x' }]);

  await sdk.deleteBucketReplication(place());
  expect((await at.api('GET', rulesPath())).body).toMatchObject({ rules: [] });
});

test('what REST writes, the other form reads and writes back unchanged: tags, several prefixes, priorities', async () => {
  const full = {
    id: 'full',
    priority: 7,
    prefixes: ['x/', ' y & <z>'],
    tags: [
      { key: 'team', value: 'a b' },
      { key: 'empty', value: '' },
    ],
    destination: { ...at.third, storageClass: 'ARCHIVE' },
    deleteMarkerReplication: 'Disabled',
    description: 'stays',
  };
  await at.api('POST', rulesPath(), full);
  await at.api('POST', rulesPath(), { id: 'plain', destination: at.destination, prefixes: ['p/'] });
  const before = (await at.api('GET', rulesPath())).body as unknown as { rules: object[]; revision: number };
  const xml = (await native(at.cloud, at.source, { method: 'GET' })).text;
  expect(xml).toContain('<Filter><And><Prefix>x/</Prefix><Prefix> y &amp; &lt;z&gt;</Prefix>');
  const put = await native(at.cloud, at.source, { body: xml });
  expect([put.status, put.message]).toEqual([200, '']);
  const after = (await at.api('GET', rulesPath())).body as unknown as { rules: object[]; revision: number };
  expect(after.rules).toEqual(before.rules);
  // Once more changes nothing at all, not even the revision: a replay of a request is harmless.
  await native(at.cloud, at.source, { body: xml });
  expect((await at.api('GET', rulesPath())).body).toEqual(after);
});

test('a rule that is put again keeps its identity; the last writer wins, and what it replaced is kept', async () => {
  const path = `/v1/buckets/${at.other.bucket}`;
  await at.api('POST', `${path}/rules`, {
    id: 'mine',
    prefixes: ['k/'],
    destination: at.third,
    description: 'd',
  });
  const first = (await at.api('GET', `${path}/rules/mine`)).body as unknown as { coverage: object[] };
  const again = configuration(at.third, {
    prefix: '<Prefix>k/</Prefix>',
    storageClass: '<StorageClass>STANDARD_IA</StorageClass>',
  });
  expect((await native(at.cloud, at.other, { body: again })).status).toBe(200);
  expect((await at.api('GET', `${path}/rules/mine`)).body).toMatchObject({
    coverage: first.coverage,
    description: 'd',
    destination: { storageClass: 'STANDARD_IA' },
  });
  const revisions = (await at.api('GET', `${path}/revisions`)).body;
  expect(revisions).toMatchObject({
    revisions: [{ what: 'replaced', by: 'test.write.1' }, { what: 'created' }],
  });
});

test('namespaces, empty elements and white space mean what they mean to COS', async () => {
  const ref = at.named('spaces', 'ap-guangzhou');
  await at.sdk.putBucket({ Bucket: ref.bucket, Region: ref.region });
  await at.sdk.putBucketVersioning({
    Bucket: ref.bucket,
    Region: ref.region,
    VersioningConfiguration: { Status: 'Enabled' },
  });
  const body = `<?xml version="1.0" encoding="UTF-8"?>
    <c:ReplicationConfiguration xmlns:c="http://www.qcloud.com/document/product/436/7751" xmlns:x="y" x:a="b">
      <c:Role> qcs::cam::uin/1:uin/2 </c:Role>
      <!-- the only one -->
      <c:Rule>
        <c:ID/>
        <c:Status> Enabled </c:Status>
        <c:Filter/>
        <c:Destination>
          <c:Bucket>qcs::cos:ap-chengdu::far-${at.cloud.account.appid}</c:Bucket>
          <c:EncryptionConfiguration/>
        </c:Destination>
        <c:SourceSelectionCriteria><c:SseKmsEncryptedObjects><c:Status>Disabled</c:Status></c:SseKmsEncryptedObjects></c:SourceSelectionCriteria>
      </c:Rule>
    </c:ReplicationConfiguration>`;
  const missing = await native(at.cloud, ref, { body });
  expect([missing.status, missing.code]).toEqual([400, 'TargetBucketNameInvalid']);
  const far = { Bucket: `far-${at.cloud.account.appid}`, Region: 'ap-chengdu' };
  await at.sdk.putBucket(far);
  await at.sdk.putBucketVersioning({ ...far, VersioningConfiguration: { Status: 'Enabled' } });
  expect((await native(at.cloud, ref, { body })).status).toBe(200);
  expect((await at.api('GET', `/v1/buckets/${ref.bucket}/rules`)).body).toMatchObject({
    role: 'qcs::cam::uin/1:uin/2',
    rules: [{ prefixes: [''], tags: [], deleteMarkerReplication: 'Enabled' }],
  });
});

test('a credential that may only read is refused by COS’s own code, and an old generation', async () => {
  const body = configuration(at.third, { rules: rule(at.third, { prefix: '<Prefix>never/</Prefix>' }) });
  expect(await native(at.cloud, at.source, { body, id: 'test.read.1' })).toMatchObject({
    status: 403,
    code: 'AccessDenied',
  });
  expect((await native(at.cloud, at.other, { method: 'GET', id: 'test.read.1' })).status).toBe(200);
  expect(await native(at.cloud, at.source, { body, id: 'test.write.0' })).toMatchObject({
    status: 403,
    code: 'InvalidAccessKeyId',
  });
});
