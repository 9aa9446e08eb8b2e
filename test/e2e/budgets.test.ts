import type COS from 'cos-nodejs-sdk-v5';
import type { LocalCloud } from '../../infra/local/cloud';
import type { RecordedRequest } from '../../infra/local/cos/request-log';
import type { BucketRef } from '../../lib/domain/rule';
import { recordFor } from '../support/world';
import { type FaultPlan, noFaults } from '../../infra/local/faults/fault-plan';
import { systemDigests } from '../../lib/adapters/system';
import type { LeaseDocument } from '../../lib/app/lease';
import {
  apiFor,
  listVersions,
  makeOld,
  quiet,
  rewriteRules,
  startCloud,
  versionedBucket,
} from '../support/local';
import { requestsOfWalk } from '../support/timer-walk';

/**
 * What each path costs in requests to COS, by the local cloud's own account of them. Rules and versioning states are
 * read once per instance and config lifetime, which is long here, so that they are known before anything is counted.
 */
let cloud: LocalCloud;
let sdk: COS;
let source: BucketRef;
let destination: BucketRef;

/** A busy machine takes its time. */
const patienceMs = 180_000;

const writes = new Set(['PutObject', 'PutObjectCopy', 'DeleteObject']);

beforeAll(async () => {
  const started = await startCloud({ configLifetimeSeconds: 600 });
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
afterEach(() => cloud.network.setPlan(noFaults));
afterAll(() => cloud.close());

const at = (key: string) => ({ Bucket: source.bucket, Region: source.region, Key: key });

interface Cost {
  /** Names of the API calls that the function made. */
  readonly calls: readonly string[];
  readonly writes: number;
  readonly ruleReads: number;
}

/** What a function asked of COS since the account was last reset. */
const madeBy = (caller: string) => cloud.cos.requests.list().filter((request) => request.caller === caller);

async function costOf(act: () => Promise<unknown>): Promise<Cost> {
  cloud.cos.requests.reset();
  await act();
  await quiet(cloud);
  const made = madeBy('replicate');
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
  // Nothing but its record is written beside it: opened before, closed after.
  const others = madeBy('replicate').filter(({ api }) => writes.has(api) && api !== 'DeleteObject');
  expect(others.map(({ bucket, key }) => [bucket, key?.split(/[/.]/)[0], key?.split('.')[1]])).toEqual([
    [cloud.stateBucket, 'markers', 'open'],
    [cloud.stateBucket, 'markers', 'closed'],
  ]);
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
const noTimer: FaultPlan['requests'][number] = {
  probability: 1,
  skip: 0,
  match: { caller: 'reconcile' },
  fault: { kind: 'error', when: 'beforeEffect', status: 503, code: 'ServiceUnavailable', requestId: true },
};

/** Writes of which no event tells; nor does the timer find them, until the plan has an end. */
async function unheard(act: () => Promise<unknown>): Promise<void> {
  cloud.network.setPlan({ seed: '1', requests: [noTimer], events: [lost] });
  await act();
  await quiet(cloud);
  cloud.network.setPlan({ seed: '1', requests: [noTimer], events: [] });
}

test('a lease, where several versions are missing at once: at most 4 more', async () => {
  await costOf(() => sdk.putObject({ ...at('busy'), Body: '0' }));
  await unheard(async () => {
    for (const body of ['1', '2']) await sdk.putObject({ ...at('busy'), Body: body });
  });
  const cost = await costOf(() => redeliver('busy'));
  const ofLeases = madeBy('replicate').filter(({ key }) => key?.startsWith('leases/'));
  // Taken, the destination looked at again, released, the source listed again (docs/decisions/015).
  expect(ofLeases.map((request) => request.api)).toEqual(['PutObject', 'DeleteObject']);
  const copies = cost.calls.filter((call) => call === 'PutObjectCopy');
  expect(copies).toHaveLength(2);
  // Six for the first version, two for the other one, four for the lease.
  expect(cost.calls.length).toBeLessThanOrEqual(6 + 2 + 4);
});

test('a lease that another worker holds: at most 3 more, and no write', async () => {
  await costOf(() => sdk.putObject({ ...at('taken'), Body: '0' }));
  await unheard(async () => {
    for (const body of ['1', '2']) await sdk.putObject({ ...at('taken'), Body: body });
  });
  const lease: LeaseDocument = { source, key: 'taken', untilMs: Date.now() + 3_600_000, holder: 'another' };
  const held = {
    Bucket: cloud.stateBucket,
    Region: cloud.region,
    Key: `leases/${destination.bucket}/${systemDigests.sha256('taken')}/000000.json`,
  };
  await sdk.putObject({ ...held, Body: JSON.stringify(lease) });
  const loser = await costOf(() => redeliver('taken'));
  const made = madeBy('replicate');
  const ofLeases = made.filter(({ key }) => key?.startsWith('leases/'));
  expect(ofLeases.length).toBeGreaterThan(0);
  expect(ofLeases.length).toBeLessThanOrEqual(3);
  // What the first copy needs to know, and the lease.
  expect(loser.calls.length).toBeLessThanOrEqual(5 + 3);
  expect(made.filter(({ api, status }) => writes.has(api) && status < 300)).toEqual([]);

  await sdk.deleteObject(held);
  const holder = await costOf(() => redeliver('taken'));
  expect(holder.calls.filter((call) => call === 'PutObjectCopy')).toHaveLength(2);
});

const walk = () => cloud.scf.invoke('reconcile', { Type: 'Timer' });

const costOfWalk = () => requestsOfWalk(cloud);

const listingsOf = (made: readonly RecordedRequest[]) =>
  made.filter(({ api }) => api === 'GetBucketObjectVersions');
const keysLookedAt = (made: readonly RecordedRequest[]) =>
  new Set(made.filter(({ api }) => api === 'HeadObject').map(({ key }) => key ?? ''));

test('a walk of the timer that finds nothing different: two listings per thousand entries', async () => {
  await walk();
  const made = await costOfWalk();
  const entries = (await listVersions(sdk, source)).length;
  expect(entries).toBeGreaterThan(10);
  // How far the walk came.
  expect(made.filter(({ api }) => writes.has(api))).toHaveLength(1);
  // Looked at is only what listings cannot tell: keys with a delete marker that no ended walk has compared yet.
  const marked = ['warm', 'gone', 'deleted'];
  const looked = [...keysLookedAt(made)];
  // And the sample: one key in a thousand.
  expect(looked.filter((key) => !marked.includes(key)).length).toBeLessThanOrEqual(1);
  // Each key that is looked at is listed on both sides as well.
  const listings = listingsOf(made).length;
  expect(listings).toBeGreaterThanOrEqual(2);
  expect(listings).toBeLessThanOrEqual(2 * Math.ceil(entries / 1000) + 2 * looked.length);
});

test(
  'a walk of a bucket with well over a thousand entries: two listings per thousand, and no look but at the sample',
  async () => {
    const many = await versionedBucket(sdk, {
      bucket: `many-${cloud.account.appid}`,
      region: 'ap-guangzhou',
    });
    const copies = await versionedBucket(sdk, {
      bucket: `many-copy-${cloud.account.appid}`,
      region: 'ap-shanghai',
    });
    await apiFor(cloud)('POST', `/v1/buckets/${many.bucket}/rules`, { destination: copies });
    // Copies cost less where a key has many versions.
    const versionsOf = new Map<string, number>();
    for (let i = 0; i < 20; i += 1) versionsOf.set(`single ${i}`, 1);
    for (let i = 0; i < 24; i += 1) versionsOf.set(`versions ${i}`, 45);
    await unheard(() =>
      Promise.all(
        [...versionsOf].map(async ([Key, count]) => {
          const at = { Bucket: many.bucket, Region: many.region, Key };
          for (let n = 0; n < count; n += 1) await sdk.putObject({ ...at, Body: `${Key} ${n}` });
        }),
      ),
    );
    cloud.network.setPlan(noFaults);
    // One walk, unless a busy machine ends it before its end.
    for (let run = 0; run < 5 && (await listVersions(sdk, copies)).length < 1_100; run += 1) await walk();
    const [original, replicas] = [await listVersions(sdk, many), await listVersions(sdk, copies)];
    expect([original.length, replicas.length]).toEqual([1_100, 1_100]);

    for (let run = 0; run < 2; run += 1) {
      const made = (await costOfWalk()).filter(
        ({ bucket }) => bucket === many.bucket || bucket === copies.bucket,
      );
      // One key in a thousand is looked at; so many of these are by no chance.
      const looked = keysLookedAt(made).size;
      expect(looked).toBeLessThanOrEqual(6);
      const listings = listingsOf(made).length;
      expect(listings).toBeGreaterThanOrEqual(4);
      expect(listings).toBeLessThanOrEqual(2 * Math.ceil(original.length / 1000) + 2 * looked);
      expect(made.length).toBeLessThanOrEqual(listings + 2 * looked);
      expect(made.filter(({ api }) => writes.has(api))).toEqual([]);
    }
  },
  patienceMs,
);

test('a further destination: at most 3 more', async () => {
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

test('an event under two hundred rules costs what it costs under one', async () => {
  const costUnder = async (count: number): Promise<readonly Cost[]> => {
    const from = await versionedBucket(sdk, {
      bucket: `under-${count}-${cloud.account.appid}`,
      region: 'ap-guangzhou',
    });
    const to = await versionedBucket(sdk, {
      bucket: `under-${count}-copy-${cloud.account.appid}`,
      region: 'ap-shanghai',
    });
    await apiFor(cloud)('POST', `/v1/buckets/${from.bucket}/rules`, { prefixes: ['0/'], destination: to });
    await rewriteRules(sdk, cloud, from.bucket, (document) => ({
      ...document,
      rules: document.rules.flatMap((rule) =>
        Array.from({ length: count }, (_, i) => ({
          ...rule,
          id: `rule-${i}`,
          prefixes: [`${i}/`],
          coverage: rule.coverage.map((span) => ({ ...span, prefix: `${i}/` })),
        })),
      ),
    }));
    const put = (name: string) =>
      sdk.putObject({ Bucket: from.bucket, Region: from.region, Key: `${count - 1}/${name}`, Body: 'x' });
    return [await costOf(() => put('first')), await costOf(() => put('second'))];
  };
  const [one, many] = [await costUnder(1), await costUnder(200)];
  expect(one).toMatchObject([{ writes: 1 }, { writes: 1, ruleReads: 0 }]);
  expect(many).toEqual(one);
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
  const made = madeBy('replicate');
  expect(made.map((request) => request.api)).toContain('PutObjectCopy');
  const ofObjects = made.filter((request) => request.bucket !== cloud.stateBucket);
  expect(ofObjects.every((request) => request.requestBytes === 0)).toBe(true);
  expect(Math.max(...ofObjects.map((request) => request.responseBytes))).toBeLessThan(10_000);
});
