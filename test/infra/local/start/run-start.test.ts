import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { putSnippet } from '../../../../infra/local/start/announcement';
import type { StartOptions } from '../../../../infra/local/start/options';
import { runStart } from '../../../../infra/local/start/run-start';
import { buildBootstrap, buildFunction, removeFolder, temporaryFolder } from '../support/bundles';
import { fakeCosState, type FakeCosState, openFakeCos } from '../support/fake-cos';
import { until } from '../support/scf';

const repository = path.join(__dirname, '..', '..', '..', '..');

// Stands for the real one: copies through its own memory, and does wrong what a key's name tells it to.
const replicate = `
  import COS from 'cos-nodejs-sdk-v5';
  export async function main_handler(event) {
    const cos = new COS({ SecretId: process.env.TENCENTCLOUD_SECRETID, SecretKey: process.env.TENCENTCLOUD_SECRETKEY });
    for (const { cos: { cosObject } } of event.Records) {
      const Key = decodeURI(new URL(cosObject.url).pathname.slice(1));
      if (Key.includes('never')) continue;
      const got = await cos.getObject({ Bucket: 'source-1250000001', Region: 'ap-guangzhou', Key });
      const Body = Key.includes('flipped') ? Buffer.from('another') : got.Body;
      const put = await cos.putObject({ Bucket: 'destination-1250000001', Region: 'ap-shanghai', Key, Body });
      if (Key.includes('silent')) continue;
      console.log(JSON.stringify({
        level: 'info', time: Date.now(), msg: 'replicated', rule: 'r', kind: 'version',
        sourceBucket: 'source-1250000001', key: Key, sourceVersionId: cosObject.vid,
        destinationBucket: 'destination-1250000001', destinationVersionId: put.VersionId,
      }));
    }
  }`;
const rules = `
  let rules = [];
  exports.main_handler = async (event) => {
    console.error(JSON.stringify({ level: 'warn', msg: event.httpMethod, path: event.path, body: event.body }));
    if (!/^Bearer admin\\.write\\.1:\\S+$/.test(event.headers.authorization)) return { statusCode: 401, body: '{}' };
    if (event.httpMethod === 'POST') { rules.push(JSON.parse(event.body)); return { statusCode: 201, body: '{}' }; }
    return { statusCode: 200, body: JSON.stringify({ rules }) };
  };`;

let folder: string;
let functionsDir: string;
let bootstrap: string;
let state: FakeCosState;
let ending: AbortController;

beforeAll(() => {
  folder = temporaryFolder();
  functionsDir = path.join(folder, 'functions');
  mkdirSync(functionsDir);
  bootstrap = buildBootstrap(folder);
  buildFunction(functionsDir, 'replicate', replicate);
  buildFunction(functionsDir, 'rules', rules);
  buildFunction(functionsDir, 'reconcile', 'export const main_handler = async () => ({});');
});
beforeEach(() => {
  state = fakeCosState();
  ending = new AbortController();
});
afterEach(() => ending.abort());
afterAll(() => removeFolder(folder));

interface Running {
  readonly out: () => string;
  readonly err: () => string;
  readonly end: () => Promise<number>;
}

function run(options: Partial<StartOptions>, stallMs = 60_000): Running {
  const texts = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof texts): PassThrough =>
    new PassThrough().on('data', (chunk: Buffer) => (texts[name] += chunk.toString()));
  const ended = runStart(
    { port: 0, empty: false, undeployed: false, json: false, ...options },
    {
      functionsDir,
      stdout: stream('stdout'),
      stderr: stream('stderr'),
      signal: ending.signal,
      stallMs,
      cloudSettings: { bootstrap, openCos: () => Promise.resolve(openFakeCos(state)) },
    },
  );
  // A start that fails shows in `end`, not as an unhandled rejection.
  ended.catch(() => {});
  return {
    out: () => texts.stdout,
    err: () => texts.stderr,
    end: () => {
      ending.abort();
      return ended;
    },
  };
}

function importFolder(name: string, files: Record<string, string>): string {
  const dir = path.join(folder, name);
  mkdirSync(path.join(dir, 'deep'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(dir, file), text);
  return dir;
}

test('with --json stdout is one line that a program can use, everything else is on stderr', async () => {
  const started = run({ json: true });
  await until(() => started.err().includes('Ctrl-C ends it.'));
  expect(await started.end()).toBe(0);
  expect(started.out().trim().split('\n')).toHaveLength(1);
  const ready = JSON.parse(started.out()) as Record<string, unknown>;
  expect(ready).toEqual({
    cos: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
    proxy: ready.cos,
    caFile: expect.stringMatching(/ca\.pem$/) as string,
    api: `${String(ready.cos)}/function/rules`,
    credential: { id: 'admin.write.1', secret: expect.stringMatching(/^[\w-]{43}$/) as string },
    secretId: 'AKIDfake1',
    secretKey: 'secret1',
    appid: '1250000001',
    sourceBucket: 'source-1250000001',
    sourceRegion: 'ap-guangzhou',
    destinationBucket: 'destination-1250000001',
    destinationRegion: 'ap-shanghai',
  });
  expect(started.err()).toContain('rules warn: POST path=/v1/buckets/source-1250000001/rules');
  expect([...state.buckets.keys()].sort()).toEqual([
    'destination-1250000001',
    'replication-state-1250000001',
    'source-1250000001',
  ]);
});

test('with --empty there is no bucket but the one for state, and no rule', async () => {
  const started = run({ empty: true });
  await until(() => started.out().includes('Ctrl-C ends it.'));
  expect(await started.end()).toBe(0);
  expect([...state.buckets.keys()]).toEqual(['replication-state-1250000001']);
  expect(started.out()).not.toContain('POST');
});

test('the printed script works as it is, and its object is announced once replicated', async () => {
  const started = run({});
  await until(() => started.out().includes('Ctrl-C ends it.'));
  const script = /const COS = require[^]*?putObject.*\n/.exec(started.out())?.[0] ?? '';
  expect(script).not.toContain("'");
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: repository });
  expect(stdout).toContain("VersionId: 'v");
  await until(() => started.out().includes('replicated version'));
  expect(started.out()).toMatch(
    /replicated version {2}hello\.txt {2}v\d+ -> v\d+ \(destination-1250000001\) {2}\d+ ms/,
  );
  expect(await started.end()).toBe(0);
});

test('the printed variables send the unmodified SDK here, over https and with the real host names', async () => {
  const started = run({});
  await until(() => started.out().includes('Ctrl-C ends it.'));
  const variables = /^export .*$/m.exec(started.out())?.[0] ?? '';
  const script = `
    const COS = require("cos-nodejs-sdk-v5");
    const cos = new COS({ SecretId: "AKIDfake1", SecretKey: "secret1" });
    const object = { Bucket: "source-1250000001", Region: "ap-guangzhou", Key: "unmodified.txt" };
    cos.putObject({ ...object, Body: "x" }).then(({ Location }) => console.log(Location), console.error);`;
  const shell = promisify(execFile)(
    '/bin/sh',
    ['-c', `${variables}; exec "$0" -e '${script}'`, process.execPath],
    {
      cwd: repository,
    },
  );
  expect((await shell).stdout).toContain('source-1250000001.cos.ap-guangzhou.myqcloud.com/unmodified.txt');
  expect(state.requests).toContain('PUT source-1250000001/unmodified.txt');
  expect(await started.end()).toBe(0);
});

test('a script for an empty cloud makes a bucket', () => {
  const account = { appid: '1', uin: '2', secretId: 'id', secretKey: 'key' };
  expect(putSnippet({ cloud: { port: 1, account, region: 'ap-guangzhou' } })).toContain(
    'cos.putBucket({ Bucket: "mine-1", Region: "ap-guangzhou" }',
  );
});

test('an import ends with every replica verified', async () => {
  const dir = importFolder('photos', {
    'a b+c.txt': 'abc',
    'empty.txt': '',
    'deep/中文 😀.txt': 'x'.repeat(100_000),
  });
  const started = run({ import: dir });
  await until(() => started.out().includes('Ctrl-C ends it.'));
  expect(await started.end()).toBe(0);
  expect(started.out()).toMatch(/photos\W+3\W+100,003\W+3\W+3\W+0\W/);
  expect([...(state.buckets.get('destination-1250000001')?.keys() ?? [])].sort()).toEqual([
    'photos/a b+c.txt',
    'photos/deep/中文 😀.txt',
    'photos/empty.txt',
  ]);
});

test('a replica that differs and one that never comes are named, and the exit code says so', async () => {
  const dir = importFolder('bad', { 'flipped.txt': 'abc', 'never.txt': 'x', 'fine.txt': 'y' });
  const started = run({ import: dir }, 5_000);
  await until(() => started.out().includes('Ctrl-C ends it.'));
  expect(await started.end()).toBe(1);
  const out = started.out();
  expect(out).toMatch(/bad\W+3\W+5\W+2\W+1\W+1\W/);
  expect(out).toMatch(
    /Mismatched: 1\n {2}bad\/flipped\.txt: mismatched: the replica has CRC64 \d+ over 7 bytes/,
  );
  expect(out).toMatch(/Missing at the destination: 1\n {2}bad\/never\.txt: not replicated\nLook at/);
});

test('a replica that no line has announced is found at the destination', async () => {
  const dir = importFolder('quiet', { 'silent.txt': 'abc' });
  const started = run({ import: dir });
  await until(() => started.out().includes('Ctrl-C ends it.'));
  expect(await started.end()).toBe(0);
  expect(started.out()).toMatch(/quiet\W+1\W+3\W+1\W+1\W+0\W/);
});

test('a folder that cannot be imported is an error before anything starts', async () => {
  const data = path.join(folder, 'data');
  const started = run({ import: path.join(folder, 'missing'), data });
  await expect(started.end()).rejects.toMatchObject({ code: 'IMPORT_FOLDER_UNREADABLE' });
  expect(existsSync(data)).toBe(false);
  expect(state.requests).toEqual([]);
});

test.each([
  ['not there', undefined, /cannot be used: ENOENT/],
  ['no JSON', '{', /cannot be used: .*JSON/],
  ['no plan', '{"requests":[{}]}', /cannot be used:[^]*requests\[0\]\.fault/],
])('a fault plan that is %s is an error before anything starts', async (name, text, message) => {
  const faults = path.join(folder, `${name}.json`);
  if (text !== undefined) writeFileSync(faults, text);
  await expect(run({ faults }).end()).rejects.toMatchObject({
    code: 'SETUP_FAILED',
    message: expect.stringMatching(message) as string,
  });
  expect(state.requests).toEqual([]);
});

test('an end in the middle of an import is clean', async () => {
  const dir = importFolder('long', { 'never.txt': 'x' });
  const data = path.join(folder, 'kept');
  const started = run({ import: dir, data });
  await until(() => state.requests.includes('PUT source-1250000001/long/never.txt'));
  await started.end();
  expect(started.out()).toContain('The import was interrupted.');
  expect(readdirSync(data).sort()).toEqual([
    'api-master-secret',
    'ca-key.pem',
    'ca.pem',
    'cos',
    'local-cloud.json',
  ]);
});
