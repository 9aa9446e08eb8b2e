import type COS from 'cos-nodejs-sdk-v5';
import fc from 'fast-check';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCloud } from '../../infra/local/cloud';
import { parseFaultPlan } from '../../infra/local/faults/fault-plan';
import { systemDigests } from '../../lib/adapters/system';
import type { BucketRef } from '../../lib/domain/rule';
import { parseAttempts } from '../../lib/domain/marker-attempt';
import { decodeStamp } from '../../lib/domain/stamp';
import { recordFor } from '../support/world';
import { listVersions, quiet, type Seen, seenHistory, startCloud, versionedBucket } from '../support/local';

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

/** What becomes of the events of the writes themselves. */
const eventFaults = {
  seed: '7',
  events: [
    { name: 'overtaken by a few', probability: 0.3, fault: { kind: 'delayed', delayMs: 40 } },
    { name: 'overtaken by many', probability: 0.3, fault: { kind: 'delayed', delayMs: 300 } },
    { name: 'doubled at once', probability: 0.3, fault: { kind: 'doubled' } },
    { name: 'doubled later', probability: 0.3, fault: { kind: 'doubled', delayMs: 200 } },
  ],
};

/** A busy machine takes its time. */
const patienceMs = 300_000;

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
    const plan = parseFaultPlan(eventFaults);
    if (!plan.ok) throw new Error('the plan is wrong');
    cloud.network.setPlan(plan.value);
    const at = (key: string) => ({ Bucket: source.bucket, Region: source.region, Key: key });
    const writes = Array.from({ length: operations }, async (_, i) => {
      const key = keys[i % keys.length] as string;
      // Spread, so that functions run, and die, while writes go on.
      await sleep(10 * Math.floor(i / 4));
      if (i % 7 === 6) await sdk.deleteObject(at(key));
      else await sdk.putObject({ ...at(key), Body: `body ${i}` });
    });
    let killed = 0;
    const killer = (async () => {
      const untilMs = Date.now() + patienceMs;
      for (let deaths = 0; deaths < 4 && Date.now() < untilMs;) {
        await sleep(20);
        if (cloud.scf.load('replicate').atWork === 0) continue;
        killed += cloud.scf.crash('replicate');
        deaths += 1;
        await sleep(100);
      }
    })();
    await Promise.all([...writes, killer]);
    expect(killed).toBeGreaterThanOrEqual(4);
    // Whole batches of keys come once nobody is killed any more: so each of the dead had one key, and one record open.
    const shuffled = fc.shuffledSubarray([...keys, ...keys], { minLength: 10 });
    for (const order of fc.sample(shuffled, { numRuns: 8, seed: 7 })) {
      const records = order.map((key) => recordFor(key, Date.now(), source));
      cloud.scf.enqueue('replicate', { Records: records });
      cloud.scf.enqueue('replicate', { Records: records.toReversed() });
    }

    await quiet(cloud, patienceMs);
    const happened = cloud.network
      .faults()
      .counts()
      .events.map((line) => line.happened);
    expect(happened.filter((times) => times > 10)).toHaveLength(eventFaults.events.length);
    // What the platform gave up is found by the timer, once the leases of the dead have expired.
    await sleep(leaseSeconds * 1000 + 100);
    for (let run = 0; run < 3; run += 1) {
      expect(await cloud.scf.invoke('reconcile', { Type: 'Timer' })).toMatchObject({ ok: true });
    }
    let unclosed = 0;
    for (const key of keys) unclosed += await expectSameStory(key);
    expect(unclosed).toBeLessThanOrEqual(killed);
  },
  2 * patienceMs,
);

interface Told {
  /** The source entry that it is, or says it is. */
  readonly id: string;
  readonly marker: boolean;
  /** What a user gets of it. */
  readonly seen: Seen | undefined;
}

/** Returns how many markers at the destination have no closed record. */
async function expectSameStory(key: string): Promise<number> {
  const seen = await seenHistory(sdk, source, key);
  const original = (await historyOf(source, key)).map(({ entry }, place): Told => ({
    id: entry.versionId,
    marker: entry.kind === 'deleteMarker',
    seen: seen[place],
  }));
  const replicas = await replicasOf(key);
  expect(original.length).toBeGreaterThan(20);

  // A marker whose record was never closed stands for the one that is due, or repeats one.
  const told: string[] = [];
  for (const replica of replicas) {
    const due = original[told.length];
    const id = replica.id === unknown && due?.marker ? due.id : replica.id;
    if (id !== unknown && !told.includes(id)) told.push(id);
  }
  expect({ key, told }).toEqual({ key, told: original.map(({ id }) => id) });
  // What a replica says is one thing, what stands there another.
  const contents = new Map(original.map((one) => [one.id, one.seen]));
  for (const replica of replicas.filter(({ marker }) => !marker)) {
    expect({ key, ...replica }).toEqual({ key, ...replica, seen: contents.get(replica.id) });
  }
  expect({ key, top: replicas.at(-1)?.seen }).toEqual({ key, top: original.at(-1)?.seen });
  return replicas.filter(({ id }) => id === unknown).length;
}

/** A key's entries, oldest first. */
const historyOf = async (ref: BucketRef, key: string) =>
  (await listVersions(sdk, ref)).filter((listed) => listed.key === key).reverse();

const unknown = 'unknown';

/** What each entry at the destination stands for, oldest first. */
async function replicasOf(key: string): Promise<readonly Told[]> {
  const digest = systemDigests.sha256;
  const folder = `markers/${destination.bucket}/${digest(key)}/`;
  const state = { Bucket: cloud.stateBucket, Region: cloud.region };
  const names = (await sdk.getBucket({ ...state, Prefix: folder })).Contents.map(({ Key }) =>
    Key.slice(folder.length),
  );
  const written = new Map(parseAttempts(names).map((attempt) => [attempt.written, attempt.source]));
  const seen = await seenHistory(sdk, destination, key);
  return Promise.all(
    (await historyOf(destination, key)).map(async ({ entry }, place): Promise<Told> => {
      if (entry.kind === 'deleteMarker')
        return { id: written.get(entry.versionId) ?? unknown, marker: true, seen: seen[place] };
      const at = {
        Bucket: destination.bucket,
        Region: destination.region,
        Key: key,
        VersionId: entry.versionId,
      };
      const head = await sdk.headObject(at);
      const text = String(head.headers?.['x-cos-meta-crr-stamp']);
      const stamp = decodeStamp(text, { bucket: destination.bucket, key }, digest);
      return { id: stamp?.source ?? 'no stamp', marker: false, seen: seen[place] };
    }),
  );
}
