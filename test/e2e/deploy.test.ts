import { readFileSync } from 'node:fs';
import path from 'node:path';
import type COS from 'cos-nodejs-sdk-v5';
import { deriveSecret } from '../../lib/app/api/credential';
import type { LocalCloud } from '../../infra/local/cloud';
import { parsePolicy, type Policy } from '../../infra/local/cos/access/policy';
import type { BucketRef } from '../../lib/domain/rule';
import { eventually, listVersions, startCloud, versionedBucket } from '../support/local';
import { openService } from '../support/sls';

/**
 * The whole life cycle with the real command line against the local cloud over its proxy and CA. What replicates is what
 * was deployed: the zips, run with their role's policy.
 */
let cloud: LocalCloud;
let sdk: COS;
let service: ReturnType<typeof openService>;

const masterSecret = 'm'.repeat(40);
const home = 'ap-guangzhou';
const away = 'ap-shanghai';

beforeAll(async () => {
  ({ cloud, sdk } = await startCloud({ builtFunctions: false, functionSettleMs: 50 }));
  service = openService(cloud);
  const { appid } = cloud.account;
  const policies = [documentedPolicy()];
  cloud.cos.users.replace([{ name: 'deployer', uin: '7', appid, ...deployer, policies }]);
});
afterAll(async () => {
  service.remove();
  await cloud.close();
});

const named = (name: string, region: string): BucketRef => ({
  bucket: `${name}-${cloud.account.appid}`,
  region,
});
/** A user who may do what docs/deploy.md says and no more. */
const deployer = { secretId: 'AKIDdeployer', secretKey: 'secret-of-the-deployer' };
const keys = () => ({
  TENCENTCLOUD_SECRET_ID: deployer.secretId,
  TENCENTCLOUD_SECRET_KEY: deployer.secretKey,
});

function documentedPolicy(): Policy {
  const page = readFileSync(path.join(__dirname, '..', '..', 'docs', 'deploy.md'), 'utf8');
  const policy = parsePolicy(/```json\n(.*?)```/s.exec(page)?.[1] ?? '');
  if (!policy) throw new Error('docs/deploy.md has no policy.');
  return policy;
}

interface SourceSetting {
  readonly name: string;
  readonly prefix?: string;
  readonly to: string;
}

function configure(sources: readonly SourceSetting[], more: object = {}): void {
  service.configure({
    prod: {
      region: home,
      stateBucket: named('state', home),
      sources: sources.map(({ name, prefix = '', to }) => ({
        bucket: named(name, home).bucket,
        prefix,
        destinations: [named(to, away)],
      })),
      environment: { CONFIG_LIFETIME_SECONDS: '1', RULES_SETTLE_MS: '50' },
      ...more,
    },
  });
}

async function sls(command: string, environment: Readonly<Record<string, string>> = {}) {
  cloud.controlPlane.resetCalls();
  const ran = await service.run(command.split(' '), { ...keys(), ...environment });
  const calls = cloud.controlPlane.calls();
  const changes = calls.filter(({ action }) => !/^(Get|List)/.test(action)).map(({ action }) => action);
  return { ...ran, changes };
}

/** What is bound, as `function event bucket prefix`. */
const bindings = () =>
  cloud.controlPlane.functions.cosTriggers
    .list()
    .map(({ event, bucket, prefix }) => `${event} ${bucket} ${prefix}`)
    .toSorted();

const bound = (name: string, prefix = '') =>
  ['cos:ObjectCreated:*', 'cos:ObjectRemove:*'].map(
    (event) => `${event} ${named(name, home).bucket} ${prefix}`,
  );

async function addRule(
  name: string,
  to: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const id = 'test.write.1';
  const response = await fetch(
    `http://127.0.0.1:${cloud.port}/function/cos-replication-prod-rules/v1/buckets/${named(name, home).bucket}/rules`,
    {
      method: 'POST',
      headers: {
        authorization: `Bearer ${id}:${deriveSecret(masterSecret, id)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ destination: named(to, away) }),
    },
  );
  return { status: response.status, text: await response.text() };
}

const put = (name: string, key: string) =>
  sdk.putObject({ Bucket: named(name, home).bucket, Region: home, Key: key, Body: key });
const replicas = async (to: string): Promise<readonly string[]> =>
  [...new Set((await listVersions(sdk, named(to, away))).map(({ key }) => key))].toSorted();

async function replicated(to: string, wanted: readonly string[]): Promise<void> {
  const sorted = JSON.stringify(wanted.toSorted());
  await eventually(
    () => replicas(to),
    (found) => JSON.stringify(found) === sorted,
  );
}

test('deploys, updates, does nothing, shows and removes; and what is deployed replicates', async () => {
  for (const name of ['one', 'two', 'three']) await versionedBucket(sdk, named(name, home));
  for (const name of ['one-copy', 'two-copy', 'three-copy']) await versionedBucket(sdk, named(name, away));
  configure([
    { name: 'one', to: 'one-copy' },
    { name: 'two', to: 'two-copy' },
  ]);

  const first = await sls('deploy', { REPLICATION_MASTER_SECRET: masterSecret });
  expect(first.output).toContain('Rule API: https://');
  expect(first.code).toBe(0);
  expect(bindings()).toEqual([...bound('one'), ...bound('two')].toSorted());
  expect(first.changes).toEqual(
    [
      'CreateRole CreatePolicy AttachRolePolicy',
      // The retries of the first are SCF's own; the one that reconciles runs alone.
      'CreateFunction',
      'CreateFunction UpdateFunctionEventInvokeConfig',
      'CreateFunction UpdateFunctionEventInvokeConfig PutReservedConcurrencyConfig',
      'CreateTrigger CreateTrigger CreateTrigger CreateTrigger',
      'CreateTrigger CreateTrigger Invoke',
    ].flatMap((step) => step.split(' ')),
  );

  expect(await addRule('one', 'one-copy')).toMatchObject({ status: 201 });
  expect(await addRule('two', 'two-copy')).toMatchObject({ status: 201 });
  const refusal = async (name: string, to: string) => (await addRule(name, to)).text;
  expect(await refusal('three', 'one-copy')).toContain('SourceNotDeployed');
  expect(await refusal('one', 'three-copy')).toContain('DestinationNotInRole');
  await put('one', 'before');
  await replicated('one-copy', ['before']);

  const again = await sls('deploy');
  expect(again).toMatchObject({ code: 0, changes: [] });
  expect(again.output).toContain('Nothing had to be changed.');

  configure([
    { name: 'one', prefix: 'photos/', to: 'one-copy' },
    { name: 'three', to: 'three-copy' },
  ]);
  let putting = true;
  const during: string[] = [];
  const stream = (async () => {
    while (putting) {
      const key = `photos/during-${during.length}`;
      await put('one', key);
      during.push(key);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  const update = await sls('deploy');
  putting = false;
  await stream;
  expect(update.code).toBe(0);
  expect(bindings()).toEqual([...bound('one', 'photos/'), ...bound('three')].toSorted());
  expect(update.changes.filter((action) => action === 'DeleteTrigger')).toHaveLength(4);
  expect(update.changes.filter((action) => action === 'CreateTrigger')).toHaveLength(4);
  expect(update.changes).toContain('Invoke');
  expect(await addRule('three', 'three-copy')).toMatchObject({ status: 201 });
  await put('one', 'photos/after');
  await put('three', 'new');
  await replicated('one-copy', ['before', 'photos/after', ...during]);
  await replicated('three-copy', ['new']);
  expect(during.length).toBeGreaterThan(0);

  const shown = await sls('info');
  expect(shown).toMatchObject({ code: 0, changes: [] });
  expect(shown.output).toContain('prefix "photos/"');
  expect(shown.output).toContain(`${named('one', home).bucket} in ${home}: versioning Enabled, rules: 1`);
  const diagnosis = await sls('diagnose');
  expect(diagnosis).toMatchObject({ code: 0, changes: [] });
  expect(diagnosis.output).toContain('cos-replication-prod-replicate is as it should be.');

  // Its buckets are nobody's, so it is asked with the account's own key.
  const { secretId, secretKey } = cloud.account;
  const probed = await sls('diagnose --probe', {
    TENCENTCLOUD_SECRET_ID: secretId,
    TENCENTCLOUD_SECRET_KEY: secretKey,
  });
  expect(probed.output).toContain("The role's policy keeps versions of a destination from being deleted.");
  expect(probed).toMatchObject({ code: 0, changes: [] });

  const credential = await sls('credential --id test.write.1');
  expect(credential.output).toContain(deriveSecret(masterSecret, 'test.write.1'));

  const removed = await sls('remove');
  expect(removed.code).toBe(0);
  expect(removed.output).toContain('stay');
  expect(bindings()).toEqual([]);
  expect(cloud.controlPlane.functions.list(home)).toEqual([]);
  expect(cloud.controlPlane.policiesOf(`cos-replication-prod-${home}`)).toBeUndefined();
  expect(await replicas('one-copy')).toContain('before');

  // Every socket of every process: the framework, its plugins, the build. And what the proxy was asked for through it.
  const connections = service.connections();
  expect(connections).toContain(`connect 127.0.0.1:${cloud.port}`);
  expect(connections).toContain('CONNECT scf.tencentcloudapi.com:443');
  const allowed = /^CONNECT ((scf|cam|sts)\.tencentcloudapi\.com|[\w-]+\.cos\.[\w-]+\.myqcloud\.com):443$/;
  expect(connections.filter((line) => !allowed.test(line))).toEqual([`connect 127.0.0.1:${cloud.port}`]);
}, 300_000);
