import { existsSync, mkdirSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type LocalCloud, type LocalCloudSettings, startLocalCloud } from '../../../infra/local/cloud';
import { cosClient } from '../../../infra/local/cos-client';
import type { FunctionLog } from '../../../infra/local/scf/instance';
import { buildBootstrap, buildFunction, removeFolder, temporaryFolder } from './support/bundles';
import { fakeCosState, type FakeCosState, openFakeCos } from './support/fake-cos';
import { until } from './support/scf';

let folder: string;
let functionsDir: string;
let bootstrap: string;
let state: FakeCosState;
let logs: FunctionLog[];
const running: LocalCloud[] = [];

beforeAll(() => {
  folder = temporaryFolder();
  functionsDir = path.join(folder, 'functions');
  mkdirSync(functionsDir);
  bootstrap = buildBootstrap(folder);
  const replicate = `
    exports.main_handler = async (event) => {
      console.log(event.Records.map(({ cos }) => cos.cosObject.key).join());
      if (event.Records[0].cos.cosObject.key === 'stuck') await new Promise(() => setInterval(() => {}, 1000));
    };`;
  const rules = `
    exports.main_handler = async (event) => {
      const { STATE_BUCKET, STATE_REGION, API_MASTER_SECRET, CONFIG_LIFETIME_SECONDS, RULES_SETTLE_MS } = process.env;
      const environment = { STATE_BUCKET, STATE_REGION, API_MASTER_SECRET, CONFIG_LIFETIME_SECONDS, RULES_SETTLE_MS };
      return { statusCode: 201, headers: {}, body: JSON.stringify({ path: event.path, environment }) };
    };`;
  const reconcile = `
    exports.main_handler = async ({ Records = [] }) => {
      for (const { cos } of Records) console.log(cos.cosObject.key);
    };`;
  buildFunction(functionsDir, 'replicate', replicate);
  buildFunction(functionsDir, 'rules', rules);
  buildFunction(functionsDir, 'reconcile', reconcile);
});
beforeEach(() => {
  state = fakeCosState();
  logs = [];
});
afterEach(async () => {
  for (const cloud of running.splice(0)) await cloud.close();
});
afterAll(() => removeFolder(folder));

async function start(settings: Partial<LocalCloudSettings> = {}): Promise<LocalCloud> {
  const cloud = await startLocalCloud({
    port: 0,
    functionsDir,
    bootstrap,
    openCos: () => Promise.resolve(openFakeCos(state)),
    onLog: (log) => logs.push(log),
    ...settings,
  });
  running.push(cloud);
  return cloud;
}

async function put(cloud: LocalCloud, bucket: string, region: string, key: string): Promise<void> {
  const cos = cosClient(cloud.port, cloud.account);
  await cos.putBucket({ Bucket: bucket, Region: region });
  await cos.putObject({ Bucket: bucket, Region: region, Key: key, Body: 'x' });
}

const lines = (): string[] => logs.map(({ functionName, line }) => `${functionName} ${line}`);

test('a change in a source bucket reaches the replicate function, others do not', async () => {
  const cloud = await start();
  await put(cloud, cloud.stateBucket, 'ap-guangzhou', 'state');
  await put(cloud, 'b-1250000001', 'ap-shanghai', 'other region');
  await put(cloud, 'b-1250000002', 'ap-guangzhou', 'other account');
  await put(cloud, 'a-1250000001', 'ap-guangzhou', 'mine');
  await until(() => state.pending.size === 0);
  expect(lines()).toEqual(['replicate mine']);
});

test('the rules function is served on its path, with its environment', async () => {
  const cloud = await start({ configLifetimeSeconds: 3, rulesSettleMs: 4 });
  const response = await fetch(`http://127.0.0.1:${cloud.port}/function/rules/v1/x`);
  expect(response.status).toBe(201);
  expect(await response.json()).toEqual({
    path: '/v1/x',
    environment: {
      STATE_BUCKET: 'replication-state-1250000001',
      STATE_REGION: 'ap-guangzhou',
      API_MASTER_SECRET: cloud.masterSecret,
      CONFIG_LIFETIME_SECONDS: '3',
      RULES_SETTLE_MS: '4',
    },
  });
});

test('the state bucket is made once', async () => {
  const made = 'PUT replication-state-1250000001/';
  await (await start()).close();
  await start();
  expect(state.requests.filter((request) => request === made)).toHaveLength(1);
});

test('an event that was not settled is delivered again after a restart', async () => {
  const first = await start();
  await put(first, 'a-1250000001', 'ap-guangzhou', 'stuck');
  await until(() => logs.length === 1);
  await first.close();
  expect(state.pending.size).toBe(1);
  await start();
  await until(() => logs.length === 2);
  expect(lines()).toEqual(['replicate stuck', 'replicate stuck']);
});

test('what is asked for and not there is answered with a sentence', async () => {
  const cloud = await start();
  const response = await fetch(`http://127.0.0.1:${cloud.port}/nothing`);
  expect([response.status, await response.text()]).toEqual([404, expect.stringContaining('Nothing is here')]);
});

test('closing removes the temporary folder and frees the port', async () => {
  const cloud = await start();
  expect(existsSync(cloud.dataDir)).toBe(true);
  await cloud.close();
  expect(existsSync(cloud.dataDir)).toBe(false);
  await expect(fetch(`http://127.0.0.1:${cloud.port}/`)).rejects.toThrow('fetch failed');
});

test('a port in use is an error that says what to do, and touches nothing', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const dataDir = path.join(folder, 'untouched');
  await expect(start({ port, dataDir })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: `Port ${port} of 127.0.0.1 is in use. Stop what uses it, name another with --port N, or take any free one with --port 0.`,
  });
  expect(existsSync(dataDir)).toBe(false);
  await new Promise((resolve) => other.close(resolve));
});

test('a data folder that COS cannot open is an error that names it, and the port is free again', async () => {
  const dataDir = path.join(folder, 'damaged');
  let port = 0;
  const openCos = (): Promise<never> => Promise.reject(new Error('Corruption: bad block'));
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  port = (free.address() as AddressInfo).port;
  await new Promise((resolve) => free.close(resolve));
  await expect(start({ port, dataDir, openCos })).rejects.toMatchObject({
    code: 'DATA_FOLDER_UNUSABLE',
    message: expect.stringMatching(
      /damaged cannot be used: Corruption: bad block\. If another .* start with another/,
    ) as string,
  });
  const cloud = await start({ port });
  expect(cloud.port).toBe(port);
});

test('a function that was not built is named, with the command that builds it', async () => {
  await expect(start({ functionsDir: folder })).rejects.toMatchObject({
    code: 'BUNDLE_MISSING',
    message: expect.stringMatching(
      /replicate\.js is missing\. Build the functions with: npm run build$/,
    ) as string,
  });
});

describe('the control documents', () => {
  const control = (cloud: LocalCloud, method: string, name: string, body?: string) =>
    fetch(`http://127.0.0.1:${cloud.port}/local/${name}`, {
      method,
      ...(body === undefined ? {} : { body }),
    });

  test('a fault plan is put in force, counted and taken back while the cloud runs', async () => {
    const cloud = await start();
    const client = cosClient(cloud.port, cloud.account);
    await client.putBucket({ Bucket: 'a-1250000001', Region: 'ap-guangzhou' });
    const get = () => client.headObject({ Bucket: 'a-1250000001', Region: 'ap-guangzhou', Key: 'k' });
    const fault = { kind: 'error', status: 403, code: 'AccessDenied' };
    const line = { name: 'denied', match: { operations: ['HEAD object'], caller: 'user' }, fault };
    const taken = await control(cloud, 'PUT', 'faults', JSON.stringify({ requests: [line] }));
    expect(taken.status).toBe(200);
    await expect(get()).rejects.toMatchObject({ statusCode: 403 });
    expect(await (await control(cloud, 'GET', 'faults')).json()).toMatchObject({
      plan: { seed: '1' },
      counts: { requests: [{ name: 'denied', matched: 1, happened: 1 }], events: [] },
    });
    await control(cloud, 'DELETE', 'faults');
    await expect(get()).rejects.toMatchObject({ statusCode: 404 });
  });

  test('a trigger of a single bucket outlives a restart, even one without its function', async () => {
    const dataDir = path.join(folder, 'triggered');
    const event = 'cos:ObjectCreated:*';
    const trigger = { functionName: 'reconcile', bucket: 'own-1250000002', region: 'ap-guangzhou', event };
    const first = await start({ dataDir });
    expect((await control(first, 'PUT', 'triggers', JSON.stringify([trigger]))).status).toBe(200);
    await first.close();
    const problems: unknown[] = [];
    const without = await start({
      dataDir,
      builtFunctions: false,
      onProblem: (error) => problems.push(error),
    });
    await put(without, 'own-1250000002', 'ap-guangzhou', 'unheard');
    await until(() => state.pending.size === 0);
    await without.close();
    expect(problems).toEqual([]);
    const again = await start({ dataDir });
    expect(await (await control(again, 'GET', 'triggers')).json()).toMatchObject([trigger]);
    await put(again, 'own-1250000002', 'ap-guangzhou', 'heard');
    await until(() => lines().includes('reconcile heard'));
  });

  test.each([
    ['PUT', 'faults', '{"requests":[{}]}', 400, 'requests[0].fault'],
    ['PUT', 'network', 'no json', 400, 'no JSON'],
    ['PUT', 'network', '{"links":[{"between":["a"]}]}', 400, 'links[0].between'],
    ['POST', 'faults', '{}', 405, 'Only GET'],
    ['GET', 'weather', undefined, 404, 'faults, network'],
  ])('%s %s %p is answered with %p', async (method, name, body, status, message) => {
    const answer = await control(await start(), method, name, body);
    expect([answer.status, await answer.text()]).toEqual([
      status,
      expect.stringContaining(message) as string,
    ]);
  });

  test('they are not reached under a foreign name', async () => {
    const cloud = await start();
    const status = await new Promise((resolve, reject) => {
      const headers = { host: `rebound.example:${cloud.port}` };
      request({ port: cloud.port, path: '/local/faults', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(421);
  });
});
