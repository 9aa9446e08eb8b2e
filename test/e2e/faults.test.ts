import type { LocalCloud } from '../../infra/local/cloud';
import { parseFaultPlan } from '../../infra/local/faults/fault-plan';
import { parseNetworkSettings } from '../../infra/local/network/network-settings';
import type { BucketRef } from '../../lib/domain/rule';
import { eventually, listVersions, quiet, seenHistory, startCloud, versionedBucket } from '../support/local';

/**
 * The main job while requests fail in every way that a fault plan knows, and events are lost, doubled and late. Then
 * the faults stop, the timer runs, and both sides must tell the same.
 */
const leaseSeconds = 1;
/** A busy machine takes its time. */
const patienceMs = 180_000;
const keys = Array.from({ length: 12 }, (_, n) => `key ${n}`);

const plan = {
  seed: '8',
  requests: [
    {
      name: 'lost reply',
      match: { operations: ['PUT object copy'], caller: 'function' },
      probability: 0.15,
      fault: { kind: 'reset', when: 'afterEffect' },
    },
    {
      name: 'inside a 200',
      match: { operations: ['PUT object copy'], caller: 'function' },
      probability: 0.1,
      fault: { kind: 'errorInside200', code: 'InternalError' },
    },
    {
      name: 'conflict',
      match: { operations: ['DELETE object', 'PUT object copy'], caller: 'function' },
      probability: 0.1,
      fault: { kind: 'error', status: 409, code: 'PathConflict' },
    },
    {
      name: 'stale listing',
      match: { operations: ['GET bucket versions'], caller: 'replicate' },
      probability: 0.2,
      fault: { kind: 'staleListing', lagMs: 1500 },
    },
    {
      name: 'gateway',
      match: { operations: ['GET *', 'HEAD *'], caller: 'function' },
      probability: 0.05,
      fault: { kind: 'error', status: 502, code: 'Bad Gateway', requestId: false },
    },
  ],
  events: [
    { name: 'lost', probability: 0.1, fault: { kind: 'lost' } },
    { name: 'doubled', probability: 0.1, fault: { kind: 'doubled', delayMs: 40 } },
    { name: 'late', probability: 0.2, fault: { kind: 'delayed', delayMs: 60 } },
  ],
};
const distance = { links: [{ between: ['ap-guangzhou', 'ap-shanghai'], roundTripMs: 3 }] };

let started: Awaited<ReturnType<typeof startCloud>>;
let cloud: LocalCloud;
beforeAll(async () => {
  started = await startCloud({
    environment: {
      LEASE_SECONDS: String(leaseSeconds),
      DELETE_SETTLES_SECONDS: '1',
      CLOCK_TOLERANCE_SECONDS: '1',
    },
  });
  ({ cloud } = started);
});
afterAll(() => cloud.close());

test(
  'what was written under faults is replicated once they have stopped',
  async () => {
    const { sdk, api } = started;
    const bucket = (side: string, region: string) =>
      versionedBucket(sdk, { bucket: `${side}-${cloud.account.appid}`, region });
    const source = await bucket('faulty', 'ap-guangzhou');
    const destination = await bucket('faulty-copy', 'ap-shanghai');
    expect(await api('POST', `/v1/buckets/${source.bucket}/rules`, { destination })).toMatchObject({
      status: 201,
    });

    const [faults, network] = [parseFaultPlan(plan), parseNetworkSettings(distance)];
    if (!faults.ok || !network.ok) throw new Error('the plan is wrong');
    cloud.network.setPlan(faults.value);
    cloud.network.setSettings(network.value);
    const at = (Key: string) => ({ Bucket: source.bucket, Region: source.region, Key });
    await Promise.all(
      keys.map(async (key, place) => {
        for (const n of [1, 2, 3]) await sdk.putObject({ ...at(key), Body: `${key} ${n}` });
        if (place % 2 === 1) await sdk.deleteObject(at(key));
      }),
    );
    await quiet(cloud);
    const { requests, events } = cloud.network.faults().counts();
    const never = [...requests, ...events].filter(({ happened }) => happened === 0).map(({ name }) => name);
    expect(never).toEqual([]);

    cloud.network.setPlan({ seed: '', requests: [], events: [] });
    await new Promise((resolve) => setTimeout(resolve, leaseSeconds * 1000 + 100));
    for (let run = 0; run < 3; run += 1)
      expect(await cloud.scf.invoke('reconcile', { Type: 'Timer' })).toMatchObject({ ok: true });

    for (const key of keys) {
      const told = async (ref: typeof source) =>
        (await seenHistory(sdk, ref, key)).map(({ body }) => body ?? '(deleted)');
      const [original, replicas] = [await told(source), await told(destination)];
      // A reply that was lost may have left a version twice.
      const first = replicas.filter((body, place) => replicas.indexOf(body) === place);
      expect({ key, first, top: replicas.at(-1) }).toEqual({ key, first: original, top: original.at(-1) });
    }
    expect((await listVersions(sdk, source)).length).toBe(keys.length * 3 + keys.length / 2);
  },
  patienceMs,
);

test(
  '12: an object that is overwritten while its copy is under way arrives whole, the old version and the new one',
  async () => {
    const { sdk, api } = started;
    const bucket = (side: string, region: string) =>
      versionedBucket(sdk, { bucket: `${side}-${cloud.account.appid}`, region });
    const source = await bucket('torn', 'ap-guangzhou');
    const destination = await bucket('torn-copy', 'ap-shanghai');
    await api('POST', `/v1/buckets/${source.bucket}/rules`, { destination });
    const network = parseNetworkSettings({
      links: [{ between: ['ap-guangzhou', 'ap-shanghai'], roundTripMs: 300 }],
    });
    if (!network.ok) throw new Error('the distance is wrong');
    cloud.network.setSettings(network.value);

    const bodies = ['old '.repeat(10_000), 'new'.repeat(20_000)];
    const answered = (api: string, caller: string, ref: BucketRef, key: string) =>
      cloud.cos.requests
        .list()
        .flatMap((made, place) =>
          made.api === api && made.caller === caller && made.bucket === ref.bucket && made.key === key
            ? [place]
            : [],
        );
    /** Whether the second write was answered after the look and before the first copy. */
    const overwriteInTime = async (key: string): Promise<boolean> => {
      cloud.cos.requests.reset();
      const at = { Bucket: source.bucket, Region: source.region, Key: key };
      await sdk.putObject({ ...at, Body: bodies[0] ?? '' });
      await eventually(
        async () => answered('HeadObject', 'replicate', destination, key).length,
        (looks) => looks > 0,
      );
      await sdk.putObject({ ...at, Body: bodies[1] ?? '' });
      const copies = answered('PutObjectCopy', 'replicate', destination, key).length;
      await quiet(cloud);
      return copies === 0;
    };
    // A busy machine may be too late.
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const key = `overwritten ${attempt}`;
      if (!(await overwriteInTime(key))) continue;
      expect((await seenHistory(sdk, destination, key)).map(({ body }) => body)).toEqual(bodies);
      return;
    }
    throw new Error('no copy was under way for long enough');
  },
  patienceMs,
);
