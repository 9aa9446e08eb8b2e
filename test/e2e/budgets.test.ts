import type COS from 'cos-nodejs-sdk-v5';
import type { LocalCloud } from '../../infra/local/cloud';
import type { BucketRef } from '../../lib/domain/rule';
import { recordFor } from '../support/world';
import { type FaultPlan, noFaults } from '../../infra/local/faults/fault-plan';
import { listVersions, makeOld, quiet, startCloud, versionedBucket } from '../support/local';

/**
 * What each path costs in requests to COS, by the local cloud's own account of them. Rules and versioning states are
 * read once per instance and config lifetime, which is long here, so that they are known before anything is counted.
 */
let cloud: LocalCloud;
let sdk: COS;
let source: BucketRef;
let destination: BucketRef;

const writes = new Set(['PutObject', 'PutObjectCopy', 'DeleteObject']);

beforeAll(async () => {
  const started = await startCloud({ configLifetimeSeconds: 3600 });
  ({ cloud, sdk } = started);
  source = await versionedBucket(sdk, { bucket: `budget-${cloud.account.appid}`, region: 'ap-guangzhou' });
  destination = await versionedBucket(sdk, {
    bucket: `budget-copy-${cloud.account.appid}`,
    region: 'ap-shanghai',
  });
  await started.api('POST', `/v1/buckets/${source.bucket}/rules`, { destination });
  // Rules are known to the instance before anything is counted.
  await costOf(() => sdk.putObject({ ...at('warm'), Body: 'x' }));
  await costOf(() => sdk.deleteObject(at('warm')));
});
afterAll(() => cloud.close());

const at = (key: string) => ({ Bucket: source.bucket, Region: source.region, Key: key });

interface Cost {
  /** Names of the API calls that the function made. */
  readonly calls: readonly string[];
  readonly writes: number;
  readonly ruleReads: number;
}

async function costOf(act: () => Promise<unknown>, caller = 'replicate'): Promise<Cost> {
  cloud.cos.requests.reset();
  await act();
  await quiet(cloud);
  const made = cloud.cos.requests.list().filter((request) => request.caller === caller);
  const ofRules = made.filter(
    (request) => request.bucket === cloud.stateBucket && request.key?.startsWith('rules/'),
  );
  const others = made.filter((request) => !ofRules.includes(request));
  const calls = others.map((request) => request.api).sort();
  return { calls, writes: calls.filter((call) => writes.has(call)).length, ruleReads: ofRules.length };
}

const redeliver = (key: string) =>
  cloud.scf.invoke('replicate', { Records: [recordFor(key, Date.now(), source)] });

test('a new key: at most 6, one of them a write', async () => {
  const cost = await costOf(() => sdk.putObject({ ...at('new'), Body: 'x' }));
  expect(cost.calls.length).toBeLessThanOrEqual(6);
  expect(cost).toMatchObject({ writes: 1, ruleReads: 0 });
});

test('an overwrite: at most 6, one of them a write', async () => {
  await costOf(() => sdk.putObject({ ...at('over'), Body: 'x' }));
  const cost = await costOf(() => sdk.putObject({ ...at('over'), Body: 'y' }));
  expect(cost.calls.length).toBeLessThanOrEqual(6);
  expect(cost).toMatchObject({ writes: 1, ruleReads: 0 });
});

test('a delete marker: at most 9, with its record', async () => {
  await costOf(() => sdk.putObject({ ...at('gone'), Body: 'x' }));
  const cost = await costOf(() => sdk.deleteObject(at('gone')));
  expect(cost.calls.length).toBeLessThanOrEqual(9);
  expect(cost.calls.filter((call) => call === 'DeleteObject')).toHaveLength(1);
});

test('a doubled create: at most 4 reads, no write', async () => {
  await costOf(() => sdk.putObject({ ...at('twice'), Body: 'x' }));
  const cost = await costOf(() => redeliver('twice'));
  expect(cost.calls.length).toBeGreaterThan(0);
  expect(cost.calls.length).toBeLessThanOrEqual(4);
  expect(cost.writes).toBe(0);
});

test('a doubled delete: at most 5 reads, no write', async () => {
  await costOf(() => sdk.putObject({ ...at('deleted'), Body: 'x' }));
  await costOf(() => sdk.deleteObject(at('deleted')));
  const cost = await costOf(() => redeliver('deleted'));
  expect(cost.calls.length).toBeGreaterThan(0);
  expect(cost.calls.length).toBeLessThanOrEqual(5);
  expect(cost.writes).toBe(0);
});

test('tags: at most 1 more', async () => {
  const Tagging = 'team=storage&kind=test';
  const cost = await costOf(() =>
    sdk.putObject({ ...at('tagged'), Body: 'x', Headers: { 'x-cos-tagging': Tagging } }),
  );
  expect(cost.calls.length).toBeLessThanOrEqual(7);
  expect(cost).toMatchObject({ writes: 1, ruleReads: 0 });
  const { Tags } = await sdk.getObjectTagging({
    Bucket: destination.bucket,
    Region: destination.region,
    Key: 'tagged',
  });
  expect(Tags.map(({ Key, Value }) => `${Key}=${Value}`).sort()).toEqual(['kind=test', 'team=storage']);
});

const lost: FaultPlan['events'][number] = { probability: 1, skip: 0, match: {}, fault: { kind: 'lost' } };

/** Writes of which no event tells. */
async function unheard(act: () => Promise<unknown>): Promise<void> {
  cloud.network.setPlan({ seed: '1', requests: [], events: [lost] });
  await act();
  await quiet(cloud);
  cloud.network.setPlan(noFaults);
}

test('a lease, where several versions are missing at once: at most 3 more', async () => {
  await costOf(() => sdk.putObject({ ...at('busy'), Body: '0' }));
  await unheard(async () => {
    for (const body of ['1', '2']) await sdk.putObject({ ...at('busy'), Body: body });
  });
  const cost = await costOf(() => redeliver('busy'));
  const ofLeases = cloud.cos.requests
    .list()
    .filter((request) => request.caller === 'replicate' && request.key?.startsWith('leases/'));
  // Taken, the destination looked at again, released.
  expect(ofLeases.map((request) => request.api)).toEqual(['PutObject', 'DeleteObject']);
  const copies = cost.calls.filter((call) => call === 'PutObjectCopy');
  expect(copies).toHaveLength(2);
  // Six for the first version, two for the other one, three for the lease.
  expect(cost.calls.length).toBeLessThanOrEqual(6 + 2 + 3);
});

test('a walk of the timer that finds nothing different: two listings per thousand entries', async () => {
  const walk = () => cloud.scf.invoke('reconcile', { Type: 'Timer' });
  await walk();
  const cost = await costOf(walk, 'reconcile');
  const entries = (await listVersions(sdk, source)).length;
  expect(entries).toBeGreaterThan(10);
  expect(cost.writes).toBe(1); // How far the walk came.
  // Looked at is only what listings cannot tell: keys with a delete marker that no ended walk has compared yet.
  const marked = ['warm', 'gone', 'deleted'];
  const heads = cloud.cos.requests
    .list()
    .filter((request) => request.caller === 'reconcile' && request.api === 'HeadObject');
  expect(heads.map((request) => request.key).filter((key) => !marked.includes(key ?? ''))).toEqual([]);
  // Each key that is looked at is listed on both sides as well.
  const looked = new Set(heads.map((request) => request.key)).size;
  const listings = cost.calls.filter((call) => call === 'GetBucketObjectVersions');
  expect(listings.length).toBeGreaterThanOrEqual(2);
  expect(listings.length).toBeLessThanOrEqual(2 * Math.ceil(entries / 1000) + 2 * looked);
});

test('a further destination: at most 3 more', async () => {
  const { apiFor } = await import('../support/local');
  const many = await versionedBucket(sdk, { bucket: `fan-${cloud.account.appid}`, region: 'ap-guangzhou' });
  for (const region of ['ap-shanghai', 'ap-beijing']) {
    const bucket = `fan-copy-${region}-${cloud.account.appid}`;
    const to = await versionedBucket(sdk, { bucket, region });
    await apiFor(cloud)('POST', `/v1/buckets/${many.bucket}/rules`, { destination: to });
  }
  const put = (key: string) =>
    sdk.putObject({ Bucket: many.bucket, Region: many.region, Key: key, Body: 'x' });
  await costOf(() => put('warm'));
  const cost = await costOf(() => put('new'));
  expect(cost).toMatchObject({ writes: 2, ruleReads: 0 });
  expect(cost.calls.length).toBeLessThanOrEqual(9);
});

test('rules are read once for each config lifetime that an instance is at work', async () => {
  const lifetimeSeconds = 1;
  const own = await startCloud({ configLifetimeSeconds: lifetimeSeconds });
  try {
    const from = await versionedBucket(own.sdk, {
      bucket: `fresh-${own.cloud.account.appid}`,
      region: 'ap-guangzhou',
    });
    const to = await versionedBucket(own.sdk, {
      bucket: `fresh-copy-${own.cloud.account.appid}`,
      region: 'ap-shanghai',
    });
    await own.api('POST', `/v1/buckets/${from.bucket}/rules`, { destination: to });
    await makeOld(own.sdk, own.cloud, from.bucket);
    const put = async (Key: string): Promise<void> => {
      await own.sdk.putObject({ Bucket: from.bucket, Region: from.region, Key, Body: 'x' });
      await quiet(own.cloud);
    };
    await put('first');
    own.cloud.cos.requests.reset();
    const begin = Date.now();
    for (let i = 0; i < 12; i += 1) {
      await put(`next ${i}`);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    const lifetimes = Math.ceil((Date.now() - begin) / 1000 / lifetimeSeconds);
    const reads = own.cloud.cos.requests
      .list()
      .filter(({ caller, key }) => caller === 'replicate' && key?.startsWith('rules/'));
    expect(reads.length).toBeGreaterThan(0);
    expect(reads.length).toBeLessThanOrEqual(lifetimes + 1);
  } finally {
    await own.cloud.close();
  }
});

test('no byte of an object passes through a function', async () => {
  const body = 'x'.repeat(200_000);
  cloud.cos.requests.reset();
  await sdk.putObject({ ...at('large'), Body: body });
  await quiet(cloud);
  const made = cloud.cos.requests.list().filter((request) => request.caller === 'replicate');
  expect(made.map((request) => request.api)).toContain('PutObjectCopy');
  const ofObjects = made.filter((request) => request.bucket !== cloud.stateBucket);
  expect(ofObjects.every((request) => request.requestBytes === 0)).toBe(true);
  expect(Math.max(...ofObjects.map((request) => request.responseBytes))).toBeLessThan(10_000);
});
