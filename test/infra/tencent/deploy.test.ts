import type COS from 'cos-nodejs-sdk-v5';
import { type Buckets, bucketsOf } from '../../../infra/tencent/buckets';
import { createCloudApi, type SendToCloud } from '../../../infra/tencent/cloud-api';
import { deploy } from '../../../infra/tencent/deploy';
import type { Deployment, Source, WantedTrigger } from '../../../infra/tencent/deployment';
import { replicatedEvents } from '../../../infra/tencent/deployment';
import { packFunction } from '../../../infra/tencent/function-zip';
import { remove } from '../../../infra/tencent/remove';
import type { LocalCloud } from '../../../infra/local/cloud';
import { sendTo } from '../../support/cloud-api';
import { startCloud, versionedBucket } from '../../support/local';

/** The library against the control plane of the local cloud, where the framework would only be in the way. */
let cloud: LocalCloud;
let sdk: COS;
const region = 'ap-guangzhou';

beforeAll(async () => {
  ({ cloud, sdk } = await startCloud({ builtFunctions: false, functionSettleMs: 20 }));
});
afterAll(() => cloud.close());

/** Each test has buckets and functions of its own in the one account. */
let round = 0;
beforeEach(() => {
  round += 1;
  cloud.controlPlane.resetCalls();
});
const named = (name: string): string => `${name}-${round}-${cloud.account.appid}`;
const stack = (): string => `s${round}`;
const stateBucket = () => ({ bucket: named('state'), region });

const send: SendToCloud = (...request) => sendTo(cloud)(...request);
const call = (asked = send) => createCloudApi(asked, async () => {});

const buckets = (): Buckets => bucketsOf(sdk);

function deploymentOf(
  names: readonly string[],
  more: Partial<Deployment> = {},
  code = 'exports.main_handler = async () => 1;',
): Deployment {
  const destinations = [{ bucket: named('copy'), region: 'ap-shanghai' }];
  const sources: readonly Source[] = names.map((name) => ({ bucket: named(name), prefix: '', destinations }));
  const triggers: readonly WantedTrigger[] = names.flatMap((name) =>
    replicatedEvents.map((event) => ({ type: 'cos' as const, bucket: named(name), event, prefix: '' })),
  );
  const common = {
    handler: 'index.main_handler',
    zip: packFunction('index.js', Buffer.from(code)),
    memoryMb: 128,
    timeoutSeconds: 10,
    environment: { STATE_BUCKET: named('state') },
    retries: 2,
    messageAgeSeconds: 21_600,
    reservedMemoryMb: undefined,
  };
  return {
    stack: stack(),
    region,
    runtime: 'Nodejs18.15',
    roleName: `${stack()}-role`,
    stateBucket: stateBucket(),
    sources,
    enableVersioning: false,
    functions: [
      { ...common, key: 'replicate', name: `${stack()}-replicate`, triggers },
      {
        ...common,
        key: 'reconcile',
        name: `${stack()}-reconcile`,
        triggers: [{ type: 'timer', name: 't', cron: '0 */5 * * * * *' }],
      },
    ],
    ...more,
  };
}

const run = (
  deployment: Deployment,
  asked = send,
  polling = {
    pause: async (ms: number) => new Promise<void>((done) => setTimeout(done, ms)),
    pauseMs: 10,
    looksMax: 100,
  },
) =>
  deploy(deployment, cloud.account.appid, { call: call(asked), buckets: buckets(), say: () => {}, polling });
const bound = () =>
  cloud.controlPlane.functions.cosTriggers
    .list()
    .filter(({ bucket }) => bucket.includes(`-${round}-`))
    .map(({ bucket, event }) => `${bucket} ${event}`);
const changing = () =>
  cloud.controlPlane
    .calls()
    .filter(({ action }) => !/^(Get|List)/.test(action))
    .map(({ action }) => action);

async function replicatedBuckets(...names: readonly string[]): Promise<void> {
  for (const name of names) await versionedBucket(sdk, { bucket: named(name), region });
  await versionedBucket(sdk, { bucket: named('copy'), region: 'ap-shanghai' });
}

test('a bucket that is added or removed leaves the triggers of the others alone', async () => {
  await replicatedBuckets('a', 'b', 'c');
  await run(deploymentOf(['a', 'b']));
  cloud.controlPlane.resetCalls();
  await run(deploymentOf(['b', 'c']));
  const touched = cloud.controlPlane
    .calls()
    .filter(({ action }) => action.endsWith('Trigger') && action !== 'ListTriggers');
  expect(
    touched.map(({ action, params }) => `${action} ${String(params.TriggerName).split('-')[0]}`),
  ).toEqual(['DeleteTrigger a', 'DeleteTrigger a', 'CreateTrigger c', 'CreateTrigger c']);
});

test('five buckets can be exchanged for five others, though a function takes ten triggers', async () => {
  await replicatedBuckets('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j');
  await run(deploymentOf(['a', 'b', 'c', 'd', 'e']));
  await run(deploymentOf(['f', 'g', 'h', 'i', 'j']));
  expect(new Set(bound().map((each) => each[0]))).toEqual(new Set(['f', 'g', 'h', 'i', 'j']));
});

test('only new code is sent, and only new settings', async () => {
  await replicatedBuckets('a');
  await run(deploymentOf(['a']));
  cloud.controlPlane.resetCalls();
  expect(await run(deploymentOf(['a']))).toBe(0);
  expect(changing()).toEqual([]);
  await run(deploymentOf(['a'], {}, 'exports.main_handler = async () => 2;'));
  expect(changing()).toEqual([
    'UpdateFunctionCode',
    'UpdateFunctionConfiguration',
    'UpdateFunctionCode',
    'UpdateFunctionConfiguration',
  ]);
});

test.each([
  'CreateRole',
  'CreatePolicy',
  'CreateFunction',
  'CreateTrigger',
  'UpdateFunctionEventInvokeConfig',
])('a connection that is cut after %s is a message, and the next deploy goes on', async (action) => {
  await replicatedBuckets('a');
  const deployment = deploymentOf(['a']);
  const functions = deployment.functions.map((each) => ({ ...each, retries: 1 }));
  let cuts = 0;
  const cutting: SendToCloud = async (service, asked, params) => {
    const answer = await send(service, asked, params);
    if (asked !== action || cuts > 5) return answer;
    cuts += 1;
    throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  };
  await expect(run({ ...deployment, functions }, cutting)).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
  await run({ ...deployment, functions });
  expect(await run({ ...deployment, functions })).toBe(0);
  expect(bound()).toHaveLength(2);
});

test('an upload that is cut off before it arrived is sent by the next deploy', async () => {
  await replicatedBuckets('a');
  const cut: SendToCloud = (service, asked, params) =>
    asked === 'CreateFunction' ? Promise.reject(new Error('write EPIPE')) : send(service, asked, params);
  await expect(run(deploymentOf(['a']), cut)).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
  await run(deploymentOf(['a']));
  expect(bound()).toHaveLength(2);
});

test('a limit of requests is waited for', async () => {
  await replicatedBuckets('a');
  let left = 2;
  const limited: SendToCloud = (service, asked, params) => {
    if (asked !== 'CreateFunction' || left === 0) return send(service, asked, params);
    left -= 1;
    return Promise.reject(Object.assign(new Error('slow down'), { code: 'RequestLimitExceeded' }));
  };
  expect(await run(deploymentOf(['a']), limited)).toBeGreaterThan(0);
});

test('a function that stays Creating is named, and nothing is bound to it', async () => {
  await replicatedBuckets('a');
  const slow: SendToCloud = async (service, asked, params) => {
    const answer = await send(service, asked, params);
    return asked === 'GetFunction' ? { ...(answer as object), Status: 'Creating' } : answer;
  };
  const impatient = { pause: async () => {}, pauseMs: 1, looksMax: 3 };
  const message = expect.stringContaining(`${stack()}-replicate`) as unknown;
  await expect(run(deploymentOf(['a']), slow, impatient)).rejects.toMatchObject({
    code: 'FUNCTION_STUCK',
    message,
  });
  expect(bound()).toEqual([]);
  expect(await run(deploymentOf(['a']))).toBeGreaterThan(0);
});

test('a function whose last update failed is updated again', async () => {
  await replicatedBuckets('a');
  await run(deploymentOf(['a']));
  const broken = new Set(deploymentOf(['a']).functions.map(({ name }) => name));
  const failing: SendToCloud = async (service, asked, params) => {
    const { FunctionName } = params as { FunctionName: string };
    const answer = await send(service, asked, params);
    if (asked === 'UpdateFunctionCode') broken.delete(FunctionName);
    return asked === 'GetFunction' && broken.has(FunctionName)
      ? { ...(answer as object), Status: 'UpdateFailed' }
      : answer;
  };
  expect(await run(deploymentOf(['a']), failing)).toBe(2);
  expect(broken.size).toBe(0);
});

test("another function's trigger is a conflict that says what to do; ours stand as before", async () => {
  await replicatedBuckets('a', 'b');
  await run(deploymentOf(['a']));
  const other = deploymentOf(['b']);
  await run({
    ...other,
    functions: other.functions.map((each) => ({ ...each, name: `${stack()}-other-${each.key}` })),
  });
  await expect(run(deploymentOf(['a', 'b']))).rejects.toMatchObject({ code: 'TRIGGER_CONFLICT' });
  expect(bound().filter((each) => each.startsWith('a-'))).toHaveLength(2);
});

test('where a changed prefix is refused, the old trigger is bound again', async () => {
  await replicatedBuckets('a');
  const deployment = deploymentOf(['a']);
  await run(deployment);
  const before = bound();
  const moved = deployment.functions.map((scf) => ({
    ...scf,
    triggers: scf.triggers.map((each) => (each.type === 'cos' ? { ...each, prefix: 'new/' } : each)),
  }));
  let refused = 0;
  const refusing: SendToCloud = (service, asked, params) => {
    const isNew = asked === 'CreateTrigger' && JSON.stringify(params).includes('new/');
    if (!isNew) return send(service, asked, params);
    refused += 1;
    return Promise.reject(Object.assign(new Error('no'), { code: 'FailedOperation.CreateTrigger' }));
  };
  await expect(run({ ...deployment, functions: moved }, refusing)).rejects.toMatchObject({
    code: 'API_REFUSED',
  });
  expect(refused).toBe(1);
  expect(bound().toSorted()).toEqual(before.toSorted());
});

test('a runtime that SCF does not take, or that a function does not have, is refused before triggers', async () => {
  await replicatedBuckets('a');
  await expect(run(deploymentOf(['a'], { runtime: 'Nodejs99.1' }))).rejects.toMatchObject({
    code: 'RUNTIME_REFUSED',
  });
  await run(deploymentOf(['a']));
  cloud.controlPlane.resetCalls();
  await expect(run(deploymentOf(['a'], { runtime: 'Nodejs20.19' }))).rejects.toMatchObject({
    code: 'RUNTIME_REFUSED',
  });
  expect(changing()).toEqual([]);
});

test('versioning is switched on only by the word of the user', async () => {
  await sdk.putBucket({ Bucket: named('a'), Region: region });
  await versionedBucket(sdk, { bucket: named('copy'), region: 'ap-shanghai' });
  await expect(run(deploymentOf(['a']))).rejects.toMatchObject({ code: 'BUCKET_UNUSABLE' });
  expect(await buckets().versioning({ bucket: named('a'), region })).toBe('Unversioned');
  expect(changing()).toEqual([]);
  await run(deploymentOf(['a'], { enableVersioning: true }));
  expect(await buckets().versioning({ bucket: named('a'), region })).toBe('Enabled');
});

test.each(['Enabled', 'Suspended'] as const)(
  'a state bucket with versioning %s is refused',
  async (Status) => {
    await replicatedBuckets('a');
    const ref = await versionedBucket(sdk, stateBucket());
    await sdk.putBucketVersioning({
      Bucket: ref.bucket,
      Region: region,
      VersioningConfiguration: { Status },
    });
    await expect(run(deploymentOf(['a']))).rejects.toMatchObject({ code: 'STATE_BUCKET_VERSIONED' });
    expect(changing()).toEqual([]);
  },
);

test('remove goes on after it was cut off, and leaves the buckets', async () => {
  await replicatedBuckets('a');
  const deployment = deploymentOf(['a']);
  await run(deployment);
  const cut: SendToCloud = (service, asked, params) =>
    asked === 'DeletePolicy' ? Promise.reject(new Error('cut')) : send(service, asked, params);
  await expect(remove(deployment, { call: call(cut), say: () => {} })).rejects.toMatchObject({
    code: 'API_UNREACHABLE',
  });
  expect(await remove(deployment, { call: call(), say: () => {} })).toBeGreaterThan(0);
  expect(await remove(deployment, { call: call(), say: () => {} })).toBe(0);
  expect(await buckets().head({ bucket: named('a'), region })).toBe('found');
});
