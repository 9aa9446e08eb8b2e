import { once } from 'node:events';
import path from 'node:path';
import { openLocalCos } from '../../../../infra/local/cos/local-cos';
import { versionIdMicros } from '../../../../lib/domain/version-id';
import { temporaryFolder } from '../../../support/local';
import { type Account, buildProcess, kill, startProcess } from './cos-process';
import { at, newBucket, refusal, sdkAt, setVersioning, startCos } from './harness';
import { killDuringWrites, nothingLost } from './kills';

const folder = temporaryFolder();
let removeProcess = (): void => {};
beforeAll(() => {
  removeProcess = buildProcess();
});
afterAll(() => {
  folder.remove();
  removeProcess();
});

test.each([1, 2, 3])(
  'kill -9 in the middle of writes loses nothing acknowledged, round %i',
  async (round) => {
    const killed = await killDuringWrites(path.join(folder.path, 'killed'), round);
    expect(killed).toMatchObject(nothingLost);
    expect(killed.acknowledged).toBeGreaterThan(5);
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
  const running = await startProcess(dataDir);
  await expect(openLocalCos({ dataDir })).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
  await kill(running.child);
});

test('an object that is larger than the process’s memory streams in, is copied, and streams out', async () => {
  const dataDir = path.join(folder.path, 'large');
  const { child, port, accounts } = await startProcess(dataDir, ['--max-old-space-size=64']);
  try {
    const account = accounts[0] as Account;
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
