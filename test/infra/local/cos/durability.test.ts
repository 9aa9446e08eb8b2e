import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { buildSync } from 'esbuild';
import { openLocalCos } from '../../../../infra/local/cos/local-cos';
import { versionIdMicros } from '../../../../lib/domain/version-id';
import { temporaryFolder } from '../../../support/local';
import { at, newBucket, refusal, sdkAt, setVersioning, startCos } from './harness';

const root = path.join(__dirname, '..', '..', '..', '..');
const folder = temporaryFolder();
// Under the repository, so that its packages are found.
const server = path.join(root, 'dist', 'test', `cos-server-${process.pid}.cjs`);

const source = `
  import { createServer } from 'node:http';
  import { openLocalCos } from './infra/local/cos/local-cos';
  void openLocalCos({ dataDir: process.argv[2] ?? '' }).then((cos) => {
    const http = createServer((request, response) => cos.handle(request, response));
    http.listen(0, '127.0.0.1', () => {
      const address = http.address();
      process.send?.({ port: typeof address === 'object' ? address?.port : 0, accounts: cos.accounts });
    });
    process.on('message', () => process.send?.({ rss: process.memoryUsage().rss }));
  });
`;

interface Started {
  readonly child: ChildProcess;
  readonly port: number;
  readonly accounts: readonly { appid: string; secretId: string; secretKey: string }[];
}

async function start(dataDir: string, execArgv: readonly string[] = []): Promise<Started> {
  const child = fork(server, [dataDir], { execArgv: [...execArgv] });
  const [told] = (await once(child, 'message')) as [Omit<Started, 'child'>];
  return { child, ...told };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

beforeAll(() => {
  buildSync({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    outfile: server,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
  });
});
afterAll(() => {
  folder.remove();
  rmSync(server, { force: true });
});

let listedInAllRounds = 0;

test.each([1, 2, 3])(
  'kill -9 in the middle of writes loses nothing acknowledged, round %i',
  async (round) => {
    const dataDir = path.join(folder.path, 'killed');
    const first = await start(dataDir);
    const account = first.accounts[0] as Started['accounts'][0];
    const sdk = sdkAt(first.port, account);
    const ref = { bucket: `kill${round}-${account.appid}`, region: 'ap-guangzhou' };
    await sdk.putBucket({ Bucket: ref.bucket, Region: ref.region });
    const acknowledged: string[] = [];
    const bodyOf = (key: string): string => key.repeat(2_000);
    let stopped = false;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; !stopped && i < 2_000; i += 1) {
        const key = `w${writer}-${i}`;
        const done = await sdk.putObject({ ...at(ref, key), Body: bodyOf(key) }).then(
          () => true,
          () => false,
        );
        if (!done) return;
        acknowledged.push(key);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 250));
    await kill(first.child);
    stopped = true;
    await Promise.all(writers);
    expect(acknowledged.length).toBeGreaterThan(5);

    const second = await start(dataDir);
    try {
      expect(second.accounts).toEqual(first.accounts);
      const again = sdkAt(second.port, account);
      const listed = new Set<string>();
      for (let Marker = ''; ;) {
        const page = await again.getBucket({ Bucket: ref.bucket, Region: ref.region, Marker });
        for (const { Key } of page.Contents) listed.add(Key);
        if (page.IsTruncated !== 'true') break;
        Marker = page.NextMarker ?? '';
      }
      expect(acknowledged.filter((key) => !listed.has(key))).toEqual([]);
      // What a kill left over is gone, and nothing else.
      listedInAllRounds += listed.size;
      const bodies = readdirSync(path.join(dataDir, 'bodies'), { recursive: true, withFileTypes: true });
      expect(bodies.filter((entry) => entry.isFile())).toHaveLength(listedInAllRounds);
      for (const key of listed) {
        const whole = (await again.getObject(at(ref, key))).Body.toString() === bodyOf(key);
        expect({ key, whole }).toEqual({ key, whole: true });
      }
    } finally {
      await kill(second.child);
    }
  },
);

test('entries, tags, settings and events that nobody settled survive a restart', async () => {
  const dataDir = path.join(folder.path, 'restarted');
  const first = await startCos({ dataDir });
  const ref = await newBucket(first);
  await first.sdk.putObject({ ...at(ref, 'a'), Body: 'x', Headers: { 'x-cos-tagging': 'k=v' } });
  await first.sdk.deleteObject(at(ref, 'a'));
  const events = await first.cos.pendingEvents();
  await first.cos.settleEvent(events[0]?.id ?? '');
  const keys = first.own;
  await first.close();

  const second = await startCos({ dataDir });
  try {
    expect(second.own).toEqual(keys);
    expect((await second.cos.pendingEvents()).map((event) => event.eventName)).toEqual([
      'cos:ObjectRemove:DeleteMarkerCreated',
    ]);
    const versioning = await second.sdk.getBucketVersioning({ Bucket: ref.bucket, Region: ref.region });
    expect(versioning.VersioningConfiguration).toMatchObject({ Status: 'Enabled' });
    expect(await refusal(second.sdk.getObject(at(ref, 'a')))).toBe('404 NoSuchKey');
  } finally {
    await second.close();
  }
});

test('version ids increase over a restart, even if the clock was set back', async () => {
  const dataDir = path.join(folder.path, 'clock');
  const setBackMs = 600_000;
  const idsOf = async (now: () => number): Promise<bigint> => {
    const running = await startCos({ dataDir, now });
    const ref = { bucket: `clock-${running.own.appid}`, region: 'ap-guangzhou' };
    await running.sdk.putBucket({ Bucket: ref.bucket, Region: ref.region }).catch(() => undefined);
    await setVersioning(running, ref, 'Enabled');
    const put = await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
    await running.close();
    return versionIdMicros(String(put.headers?.['x-cos-version-id'])) ?? 0n;
  };
  const before = await idsOf(Date.now);
  expect(await idsOf(() => Date.now() - setBackMs)).toBeGreaterThan(before);
});

test('a folder that another process has open is refused', async () => {
  const dataDir = path.join(folder.path, 'busy');
  const running = await start(dataDir);
  await expect(openLocalCos({ dataDir })).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
  await kill(running.child);
});

test('an object that is larger than the process’s memory streams in, is copied, and streams out', async () => {
  const dataDir = path.join(folder.path, 'large');
  const { child, port, accounts } = await start(dataDir, ['--max-old-space-size=64']);
  try {
    const account = accounts[0] as Started['accounts'][0];
    const sdk = sdkAt(port, account);
    const ref = { bucket: `large-${account.appid}`, region: 'ap-guangzhou' };
    await sdk.putBucket({ Bucket: ref.bucket, Region: ref.region });
    const rss = async (): Promise<number> => {
      child.send('rss');
      return ((await once(child, 'message')) as [{ rss: number }])[0].rss;
    };
    const before = await rss();
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    const chunks = 250;
    const { Readable } = await import('node:stream');
    const Body = Readable.from(Array.from({ length: chunks }, () => chunk));
    await sdk.putObject({ ...at(ref, 'a'), Body: Body as never, ContentLength: chunk.length * chunks });
    const CopySource = `${ref.bucket}.cos.${ref.region}.myqcloud.com/a`;
    await sdk.putObjectCopy({ ...at(ref, 'b'), CopySource });
    let size = 0;
    const { Writable } = await import('node:stream');
    const Output = new Writable({
      write: (data: Buffer, _, done) => {
        size += data.length;
        done();
      },
    });
    await sdk.getObject({ ...at(ref, 'b'), Output });
    expect(size).toBe(chunk.length * chunks);
    expect((await rss()) - before).toBeLessThan(150 * 1024 * 1024);
  } finally {
    await kill(child);
  }
});
