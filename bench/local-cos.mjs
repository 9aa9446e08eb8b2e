// The local COS beside other object stores on a laptop, under one load: the AWS SDK, in the S3 dialect, over loopback.
//   npm run bench:cos [-- --requests 3000] [--concurrency 16] [--only ours,s3rver,radosgw]
// s3rver comes from npm into node_modules/.cache when it is first asked for; Ceph's radosgw runs if Debian's packages
// radosgw, ceph-mon and ceph-osd are installed. CPU is that of the server's processes, as Linux counts it.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CopyObjectCommand, CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { cpuSecondsOf, rssMbOf } from './support/processes.mjs';
import { startOurs } from './support/ours.mjs';
import { startRadosgw } from './support/radosgw.mjs';
import { startS3rver } from './support/s3rver.mjs';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const stores = { ours: startOurs, s3rver: startS3rver, radosgw: startRadosgw };

const whole = (text) => {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number of at least 1.');
};
const names = (text) => {
  const list = text.split(',');
  if (list.every((name) => name in stores)) return list;
  throw new InvalidArgumentError(`Choose from ${Object.keys(stores).join(', ')}.`);
};
const options = new Command('npm run bench:cos --')
  .description('Small PUTs and copies: requests a second, and CPU a request, beside other object stores.')
  .option('--requests <n>', 'of each kind, at each store', whole, 3000)
  .option('--concurrency <n>', 'requests at once', whole, 16)
  .option('--only <names>', 'some of ours,s3rver,radosgw', names, Object.keys(stores))
  .parse()
  .opts();

/** Runs `count` calls, some at once. Returns seconds. */
async function load(count, run) {
  let next = 0;
  const begin = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: options.concurrency }, async () => {
      while (next < count) await run(next++);
    }),
  );
  return Number(process.hrtime.bigint() - begin) / 1e9;
}

const table = new Table({
  head: ['store', 'durable', 'request', 'per second', 'server CPU ms each', 'server RSS MB'],
  style: { head: [], border: [] },
});
const body = Buffer.alloc(1024, 'x');

for (const name of options.only) {
  process.stderr.write(`${name} ...\n`);
  const store = await stores[name](root);
  if (typeof store === 'string') {
    table.push([name, store, '-', '-', '-', '-']);
    continue;
  }
  try {
    const s3 = new S3Client({ maxAttempts: 1, ...store.client });
    const Bucket = store.bucket;
    await s3.send(new CreateBucketCommand({ Bucket }));
    await load(200, (i) => s3.send(new PutObjectCommand({ Bucket, Key: `warm/${i}`, Body: body })));
    const kinds = {
      'PUT 1 KiB': (i) => new PutObjectCommand({ Bucket, Key: `put/${i}`, Body: body }),
      copy: (i) =>
        new CopyObjectCommand({ Bucket, Key: `copy/${i}`, CopySource: `${Bucket}/warm/${i % 200}` }),
    };
    for (const [kind, commandOf] of Object.entries(kinds)) {
      const before = cpuSecondsOf(store.pids());
      const seconds = await load(options.requests, (i) => s3.send(commandOf(i)));
      const cpu = cpuSecondsOf(store.pids()) - before;
      table.push([
        name,
        store.durability,
        kind,
        (options.requests / seconds).toFixed(0),
        ((1000 * cpu) / options.requests).toFixed(2),
        rssMbOf(store.pids()).toFixed(0),
      ]);
    }
    s3.destroy();
  } finally {
    await store.stop();
  }
}
process.stdout.write(`${table.toString()}\n`);
