// What a full data folder costs the local COS: its start, and its memory, with few and with many versions.
//   npm run bench:size [-- --versions 10000,1000000]
// Needs Linux: what a process reads and holds is taken from /proc. The folders are filled by the store's own code.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import COS from 'cos-nodejs-sdk-v5';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { build } from 'esbuild';
import { startLocalCloud } from './support/ours.mjs';
import { rssMbOf } from './support/processes.mjs';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const counts = (text) => {
  const list = text.split(',').map(Number);
  if (list.every((count) => Number.isSafeInteger(count) && count > 0)) return list;
  throw new InvalidArgumentError('Give whole numbers of at least 1.');
};
const { versions } = new Command('npm run bench:size --')
  .description('The start and the memory of the local COS with few and with many versions.')
  .option('--versions <n,...>', 'how many versions', counts, [10_000, 1_000_000])
  .parse()
  .opts();

/** What a process has asked the system to read, cached or not. https://man7.org/linux/man-pages/man5/proc.5.html */
const readMbOf = (pid) => Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]) / 2 ** 20;

const folder = mkdtempSync(path.join(tmpdir(), 'bench-size-'));
process.once('SIGINT', () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(130);
});
try {
  const filler = path.join(root, 'node_modules', '.cache', `fill-${process.pid}.mjs`);
  await build({
    entryPoints: [path.join(root, 'bench', 'support', 'fill-store.ts')],
    outfile: filler,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  });
  const { fillStore } = await import(pathToFileURL(filler).href);
  rmSync(filler);

  const head = [
    'versions',
    'start s',
    'read MB until it answers',
    'RSS MB at rest',
    'after 200 pages',
    'after 2,000 HEADs',
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const count of versions) table.push([count, ...(await measure(fillStore, count))]);
  process.stdout.write(`${table.toString()}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(fillStore, count) {
  const data = path.join(folder, String(count));
  const first = await startLocalCloud(root, data);
  const bucket = { Bucket: `size-${first.account.appid}`, Region: 'ap-guangzhou' };
  const sdk = sdkOf(first);
  await sdk.putBucket(bucket);
  await sdk.putBucketVersioning({ ...bucket, VersioningConfiguration: { Status: 'Enabled' } });
  await first.stop();

  const bar = new SingleBar({ format: '{bar} {value}/{total} versions', noTTYOutput: false });
  bar.start(count, 0);
  await fillStore(path.join(data, 'cos'), bucket.Bucket, count, (done) => bar.update(done + 1));
  bar.stop();
  // What the last start had to sort is not part of this one.
  await (await startLocalCloud(root, data)).stop();

  const begin = process.hrtime.bigint();
  const running = await startLocalCloud(root, data);
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  const readMb = readMbOf(running.child.pid);
  const rss = () => rssMbOf([running.child.pid]).toFixed(0);
  const atRest = rss();
  const again = sdkOf(running);
  let [KeyMarker, VersionIdMarker] = ['', ''];
  for (let page = 0; page < 200; page += 1) {
    const listed = await again.listObjectVersions({ ...bucket, MaxKeys: 1000, KeyMarker, VersionIdMarker });
    // Where there are fewer pages, the same ones again: as much work.
    const more = listed.IsTruncated === 'true';
    [KeyMarker, VersionIdMarker] = more ? [listed.NextKeyMarker, listed.NextVersionIdMarker] : ['', ''];
  }
  const afterPages = rss();
  for (let i = 0; i < 2_000; i += 1) {
    // All over the bucket.
    const place = Math.floor(((i * 7919) % 2_000) * (count / 10 / 2_000));
    await again.headObject({ ...bucket, Key: `objects/${String(place).padStart(9, '0')}` });
  }
  const afterHeads = rss();
  await running.stop();
  return [seconds.toFixed(2), readMb.toFixed(1), atRest, afterPages, afterHeads];
}

function sdkOf({ port, account }) {
  const at = `127.0.0.1:${port}`;
  return new COS({
    SecretId: account.secretId,
    SecretKey: account.secretKey,
    Protocol: 'http:',
    Ip: at,
    ServiceDomain: at,
  });
}
