import { zipSync } from 'fflate';
import { eventually, startCloud, temporaryFolder } from '../../../support/local';
import { type Answer, apiClient, type Service } from '../support/cloud-api';

type Started = Awaited<ReturnType<typeof startCloud>>;

let folder: ReturnType<typeof temporaryFolder>;
let started: Started;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await started.cloud.close();
  folder.remove();
});

const start = async (): Promise<void> => {
  started = await startCloud({ dataDir: folder.path, functionSettleMs: 1, builtFunctions: false });
};
const restart = async (): Promise<void> => {
  await started.cloud.close();
  await start();
};
const call = (service: Service, action: string, params: object): Promise<Answer> =>
  apiClient(started.cloud.port, service, started.cloud.account).request(action, params) as Promise<Answer>;

const FunctionName = 'teller';
const code = `exports.main_handler = async ({ Records }) => console.log('told of ' + Records[0].cos.cosObject.key);`;
const trust = { version: '2.0', statement: [{ effect: 'allow', action: 'sts:AssumeRole' }] };
const Resource = 'qcs::scf:ap-guangzhou:uin/100000000001:lam/teller';

async function deploy(): Promise<void> {
  const PolicyDocument = JSON.stringify(trust);
  await call('cam', 'CreateRole', { RoleName: 'telling', PolicyDocument });
  await call('cam', 'CreatePolicy', { PolicyName: 'may-tell', PolicyDocument });
  await call('cam', 'AttachRolePolicy', { AttachRoleName: 'telling', PolicyName: 'may-tell' });
  await call('tag', 'ModifyResourceTags', { Resource, ReplaceTags: [{ TagKey: 'owner', TagValue: 'me' }] });
  const ZipFile = Buffer.from(zipSync({ 'index.js': Buffer.from(code) })).toString('base64');
  const rest = { Handler: 'index.main_handler', Runtime: 'Nodejs20.19', Role: 'telling' };
  await call('scf', 'CreateFunction', { FunctionName, Code: { ZipFile }, ...rest });
  await eventually(
    () => call('scf', 'GetFunction', { FunctionName }),
    ({ Status }) => Status === 'Active',
  );
}

const triggerOf = (bucket: string, Prefix: string) => ({
  FunctionName,
  Type: 'cos',
  TriggerName: `${bucket}.cos.ap-guangzhou.myqcloud.com`,
  TriggerDesc: JSON.stringify({ event: 'cos:ObjectCreated:*', filter: { Prefix } }),
});

test('what was deployed runs after a restart, bound to its buckets, with its role and tags', async () => {
  await start();
  await deploy();
  const bucket = `told-${started.cloud.account.appid}`;
  for (const prefix of ['kept/', 'off/', 'deleted/'])
    await call('scf', 'CreateTrigger', triggerOf(bucket, prefix));
  await call('scf', 'UpdateTriggerStatus', { ...triggerOf(bucket, 'off/'), Enable: 'CLOSE' });
  await call('scf', 'DeleteTrigger', triggerOf(bucket, 'deleted/'));
  await restart();

  const { sdk, logs } = started;
  const place = { Bucket: bucket, Region: 'ap-guangzhou' };
  await sdk.putBucket(place);
  for (const Key of ['off/1', 'deleted/1', 'kept/1', 'kept/2'])
    await sdk.putObject({ ...place, Key, Body: 'x' });
  const told = () => logs.flatMap(({ line }) => /told of \/\d+\/told\/(.*)/.exec(line)?.[1] ?? []);
  await eventually(
    async () => told(),
    (keys) => keys.includes('kept/1') && keys.includes('kept/2'),
  );
  expect(told().filter((key) => !key.startsWith('kept/'))).toEqual([]);

  expect(await call('cam', 'ListAttachedRolePolicies', { RoleName: 'telling' })).toMatchObject({
    List: [{ PolicyName: 'may-tell' }],
  });
  const wanted = { ServiceType: 'scf', ResourcePrefix: 'lam', ResourceIds: ['teller'] };
  expect(
    await call('tag', 'DescribeResourceTagsByResourceIds', { ...wanted, ResourceRegion: 'ap-guangzhou' }),
  ).toMatchObject({ Tags: [{ TagKey: 'owner', TagValue: 'me' }] });
  // It is still in the way of others, and goes when it is deleted.
  const again = call('scf', 'CreateTrigger', triggerOf(bucket, 'kept/below/'));
  await expect(again).rejects.toMatchObject({ code: 'FailedOperation.CreateTrigger' });
  await call('scf', 'DeleteFunction', { FunctionName });
  await restart();
  expect(await call('scf', 'ListFunctions', {})).toMatchObject({ TotalCount: 0 });
});
