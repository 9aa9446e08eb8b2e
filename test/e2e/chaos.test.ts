import type COS from 'cos-nodejs-sdk-v5';
import fc from 'fast-check';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCloud } from '../../infra/local/cloud';
import { systemDigests } from '../../lib/adapters/system';
import type { BucketRef } from '../../lib/domain/rule';
import { parseAttempts } from '../../lib/domain/marker-attempt';
import { decodeStamp } from '../../lib/domain/stamp';
import { recordFor } from '../support/world';
import { listVersions, quiet, startCloud, versionedBucket } from '../support/local';

/**
 * Many writers, few keys, events shuffled and doubled, processes killed in the middle of their work: what stands at
 * the destination in the end must tell the same story as the source.
 */
const keys = ['a', 'b', 'c', 'd', 'e'];
const operations = 200;
/** How long work of the dead is left alone, on one machine with one clock. */
const leaseSeconds = 2;
const environment = {
  LEASE_SECONDS: String(leaseSeconds),
  DELETE_SETTLES_SECONDS: '1',
  CLOCK_TOLERANCE_SECONDS: '1',
};

/** A busy machine takes its time. */
const patienceMs = 180_000;

let cloud: LocalCloud;
let sdk: COS;
let source: BucketRef;
let destination: BucketRef;

beforeAll(async () => {
  const started = await startCloud({ environment });
  ({ cloud, sdk } = started);
  source = await versionedBucket(sdk, { bucket: `chaos-${cloud.account.appid}`, region: 'ap-guangzhou' });
  destination = await versionedBucket(sdk, {
    bucket: `chaos-copy-${cloud.account.appid}`,
    region: 'ap-shanghai',
  });
  await started.api('POST', `/v1/buckets/${source.bucket}/rules`, { destination });
});
afterAll(() => cloud.close());

test(
  'after 200 concurrent overwrites and deletes of 5 keys both sides tell the same story',
  async () => {
    const at = (key: string) => ({ Bucket: source.bucket, Region: source.region, Key: key });
    const writes = Array.from({ length: operations }, async (_, i) => {
      const key = keys[i % keys.length] as string;
      // Spread, so that functions run, and die, while writes go on.
      await sleep(10 * Math.floor(i / 4));
      if (i % 7 === 6) await sdk.deleteObject(at(key));
      else await sdk.putObject({ ...at(key), Body: `body ${i}` });
    });
    const doubled = fc.sample(fc.shuffledSubarray([...keys, ...keys], { minLength: 10 }), {
      numRuns: 8,
      seed: 7,
    });
    const noise = doubled.map(async (order, i) => {
      await sleep(60 * i);
      const records = order.map((key) => recordFor(key, Date.now(), source));
      cloud.scf.enqueue('replicate', { Records: records });
      cloud.scf.enqueue('replicate', { Records: records.toReversed() });
    });
    let killed = 0;
    const killer = (async () => {
      for (let i = 0; i < 4; i += 1) {
        await sleep(150);
        killed += cloud.scf.crash('replicate');
      }
    })();
    await Promise.all([...writes, ...noise, killer]);
    expect(killed).toBeGreaterThan(0);

    await quiet(cloud);
    // What the platform gave up is found by the timer, once the leases of the dead have expired.
    await sleep(leaseSeconds * 1000 + 100);
    for (let run = 0; run < 3; run += 1) {
      expect(await cloud.scf.invoke('reconcile', { Type: 'Timer' })).toMatchObject({ ok: true });
    }
    for (const key of keys) await expectSameStory(key);
  },
  patienceMs,
);

type Told = { readonly id: string; readonly marker: boolean };

async function expectSameStory(key: string): Promise<void> {
  const original = (await listVersions(sdk, source))
    .filter((listed) => listed.key === key)
    .map(({ entry }): Told => ({ id: entry.versionId, marker: entry.kind === 'deleteMarker' }))
    .reverse();
  const replicas = await replicasOf(key);
  expect(original.length).toBeGreaterThan(20);

  // A marker whose record was never closed stands for the one that is due, or repeats one.
  const told: string[] = [];
  for (const replica of replicas) {
    const due = original[told.length];
    const id = replica.id === 'unknown' && due?.marker ? due.id : replica.id;
    if (id !== 'unknown' && !told.includes(id)) told.push(id);
  }
  expect({ key, told }).toEqual({ key, told: original.map(({ id }) => id) });
  const [last, newest] = [replicas.at(-1), original.at(-1)];
  const shown = (entry: Told | undefined) => (entry?.marker ? 'deleted' : entry?.id);
  expect({ key, shown: shown(last) }).toEqual({ key, shown: shown(newest) });
}

/** What each entry at the destination stands for, oldest first. */
async function replicasOf(key: string): Promise<readonly Told[]> {
  const digest = systemDigests.sha256;
  const folder = `markers/${destination.bucket}/${digest(key)}/`;
  const state = { Bucket: cloud.stateBucket, Region: cloud.region };
  const names = (await sdk.getBucket({ ...state, Prefix: folder })).Contents.map(({ Key }) =>
    Key.slice(folder.length),
  );
  const written = new Map(parseAttempts(names).map((attempt) => [attempt.written, attempt.source]));
  const listed = (await listVersions(sdk, destination)).filter((entry) => entry.key === key).reverse();
  return Promise.all(
    listed.map(async ({ entry }): Promise<Told> => {
      if (entry.kind === 'deleteMarker')
        return { id: written.get(entry.versionId) ?? 'unknown', marker: true };
      const at = {
        Bucket: destination.bucket,
        Region: destination.region,
        Key: key,
        VersionId: entry.versionId,
      };
      const head = await sdk.headObject(at);
      const text = String(head.headers?.['x-cos-meta-crr-stamp']);
      const stamp = decodeStamp(text, { bucket: destination.bucket, key }, digest);
      return { id: stamp?.source ?? 'no stamp', marker: false };
    }),
  );
}
