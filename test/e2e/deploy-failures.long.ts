import type COS from 'cos-nodejs-sdk-v5';
import type { LocalCloud } from '../../infra/local/cloud';
import { parsePolicy } from '../../infra/local/cos/access/policy';
import type { BucketRef } from '../../lib/domain/rule';
import { setVersioning, startCloud, versionedBucket } from '../support/local';
import { openService } from '../support/sls';

/**
 * What goes wrong with a deployment, with the real command line: each a sentence, an exit code that is not 0, and a state
 * from which the next deploy goes on. Run by `npm run deploy-failures`; the same refusals without the command line are
 * in test/infra/tencent.
 */
let cloud: LocalCloud;
let sdk: COS;
let service: ReturnType<typeof openService>;
const region = 'ap-guangzhou';

beforeEach(async () => {
  ({ cloud, sdk } = await startCloud({ builtFunctions: false, functionSettleMs: 20 }));
  service = openService(cloud);
  await versionedBucket(sdk, named('one', region));
  await versionedBucket(sdk, named('copy', 'ap-shanghai'));
  service.configure(stages());
});
afterEach(async () => {
  service.remove();
  await cloud.close();
});

const named = (name: string, at: string): BucketRef => ({
  bucket: `${name}-${cloud.account.appid}`,
  region: at,
});
const stages = (more: object = {}) => ({
  prod: {
    region,
    stateBucket: named('state', region),
    sources: [{ bucket: named('one', region).bucket, destinations: [named('copy', 'ap-shanghai')] }],
    ...more,
  },
});
const keys = () => ({
  TENCENTCLOUD_SECRET_ID: cloud.account.secretId,
  TENCENTCLOUD_SECRET_KEY: cloud.account.secretKey,
  REPLICATION_MASTER_SECRET: 's'.repeat(40),
});
const deploy = (environment: Readonly<Record<string, string>> = keys(), command = 'deploy') =>
  service.run([command], environment);
const changing = () => cloud.controlPlane.calls().filter(({ action }) => !/^(Get|List)/.test(action));

async function expectRefusal(ran: Awaited<ReturnType<typeof deploy>>, said: string): Promise<void> {
  expect(ran.output).toContain(said);
  expect(ran.code).toBe(1);
}

/** Whatever stands from the attempt. */
async function expectNextDeployGoesOn(): Promise<void> {
  expect(await deploy()).toMatchObject({ code: 0 });
  expect((await deploy()).output).toContain('Nothing had to be changed.');
}

test('missing credentials', async () => {
  await expectRefusal(await deploy({}), 'There are no credentials');
  expect(cloud.controlPlane.calls()).toEqual([]);
});

test('a key that is not known', async () => {
  await expectRefusal(
    await deploy({ ...keys(), TENCENTCLOUD_SECRET_ID: 'AKIDnobody' }),
    'refused the credentials',
  );
});

test('an expired token', async () => {
  const { secretId, secretKey, token } = cloud.cos.issueTemporaryKey(cloud.account, {
    name: 'x',
    seconds: -1,
  });
  const expired = {
    ...keys(),
    TENCENTCLOUD_SECRET_ID: secretId,
    TENCENTCLOUD_SECRET_KEY: secretKey,
    TENCENTCLOUD_SESSION_TOKEN: token,
  };
  await expectRefusal(await deploy(expired), 'token is not expired');
  await expectNextDeployGoesOn();
});

test('a refused permission', async () => {
  const allowAllBut = parsePolicy(
    JSON.stringify({
      version: '2.0',
      statement: [
        { effect: 'allow', action: ['*'], resource: ['*'] },
        { effect: 'deny', action: ['scf:CreateTrigger'], resource: ['*'] },
      ],
    }),
  );
  const { appid } = cloud.account;
  const secrets = { secretId: 'AKIDdeployer', secretKey: 'secret-of-the-deployer' };
  cloud.cos.users.replace([{ name: 'deployer', uin: '7', appid, ...secrets, policies: [allowAllBut ?? []] }]);
  const user = { TENCENTCLOUD_SECRET_ID: secrets.secretId, TENCENTCLOUD_SECRET_KEY: secrets.secretKey };
  await expectRefusal(await deploy({ ...keys(), ...user }), 'may not call scf:CreateTrigger');
  await expectNextDeployGoesOn();
});

test("another function's trigger", async () => {
  const { bucket } = named('one', region);
  const other = { region, namespace: 'default', name: 'other' };
  cloud.controlPlane.functions.create({
    ...other,
    runtime: 'Nodejs18.15',
    handler: 'a.b',
    description: '',
    memoryMb: 128,
    timeoutSeconds: 3,
    role: '',
    environment: {},
    triggers: [
      {
        type: 'cos',
        triggerName: `${bucket}.cos.${region}.myqcloud.com`,
        triggerDesc: '{"event":"cos:ObjectCreated:*","filter":{"Prefix":"","Suffix":""}}',
        qualifier: '$LATEST',
        enable: true,
        customArgument: '',
      },
    ],
    retryNum: 2,
    messageTtlSeconds: 60,
    reservedMemoryMb: undefined,
    code: { cosBucketName: 'code', cosObjectName: 'x', cosBucketRegion: '', zipFile: '' },
  });
  const trigger = {
    functionName: 'other',
    bucket,
    region,
    event: 'cos:ObjectCreated:*',
    prefix: '',
    suffix: '',
  };
  expect(cloud.controlPlane.functions.cosTriggers.bind(trigger)).toBeUndefined();
  await expectRefusal(await deploy(), 'Another function is bound to the same events');
  await expectRefusal(await deploy(keys(), 'diagnose'), 'The function other is bound to a source');
  cloud.controlPlane.functions.cosTriggers.unbind(trigger);
  await expectNextDeployGoesOn();
});

test('a runtime that is refused, and one that cannot be changed to', async () => {
  service.configure(stages({ runtime: 'Nodejs99.1' }));
  await expectRefusal(await deploy(), 'does not take the runtime Nodejs99.1');
  service.configure(stages());
  await expectNextDeployGoesOn();
  service.configure(stages({ runtime: 'Nodejs20.19' }));
  await expectRefusal(await deploy(), 'SCF cannot change that to Nodejs20.19');
});

test('a state bucket that is versioned', async () => {
  await versionedBucket(sdk, named('state', region));
  await setVersioning(sdk, named('state', region), 'Suspended');
  await expectRefusal(await deploy(), 'has versioning Suspended');
  expect(changing()).toEqual([]);
});

test('a typo in the settings, and in serverless.yml', async () => {
  service.configure(stages({ souces: [] }));
  await expectRefusal(await deploy(), 'souces');
  service.configure(stages());
  service.edit((yml) => yml.replace('memorySize', 'memorySizes'));
  await expectRefusal(await deploy(), 'memorySizes');
  expect(cloud.controlPlane.calls()).toEqual([]);
});

test('no master secret, and one that is too short', async () => {
  for (const REPLICATION_MASTER_SECRET of ['', 'short'])
    await expectRefusal(
      await deploy({ ...keys(), REPLICATION_MASTER_SECRET }),
      'Set REPLICATION_MASTER_SECRET',
    );
  expect(changing()).toEqual([]);
});

test('a failed remove, and commands that are not ours', async () => {
  await expectNextDeployGoesOn();
  await expectRefusal(await deploy({}, 'remove'), 'There are no credentials');
  await expectRefusal(
    await service.run(['logs', '--function', 'replicate'], keys()),
    'not part of this deployment',
  );
});

test('diagnose names what is missing, and fails', async () => {
  await expectRefusal(await deploy(keys(), 'diagnose'), 'problem The role');
  expect(changing()).toEqual([]);
});
