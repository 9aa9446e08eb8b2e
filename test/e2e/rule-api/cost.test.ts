import { type RuleApi, startRuleApi } from './setup';

/** Requests to COS for each call of the rule API, by the local cloud's own account of them. */
let at: RuleApi;
const rules = (): string => `/v1/buckets/${at.source.bucket}/rules`;

beforeAll(async () => {
  at = await startRuleApi();
  await at.api('POST', rules(), { id: 'r', destination: at.destination });
  await makeOld();
});
afterAll(() => at.cloud.close());

/** As if the newest revision had been written a while ago: a young one is read once more each time. */
async function makeOld(): Promise<void> {
  const place = { Bucket: at.cloud.stateBucket, Region: at.cloud.region };
  const prefix = `rules/${at.source.bucket}/0`;
  const { Contents } = await at.sdk.getBucket({ ...place, Prefix: prefix });
  const Key = Contents.at(-1)?.Key ?? '';
  const document = JSON.parse((await at.sdk.getObject({ ...place, Key })).Body.toString()) as object;
  const Body = JSON.stringify({ ...document, at: '2026-01-01T00:00:00.000Z' });
  await at.sdk.putObject({ ...place, Key, Body });
  // The instance hears of it.
  await at.api('GET', rules());
}

async function costOf(method: string, path: string, body?: unknown): Promise<readonly string[]> {
  at.cloud.cos.requests.reset();
  const { status } = await at.api(method, path, body);
  expect(status).toBeLessThan(300);
  const made = at.cloud.cos.requests.list().filter(({ caller }) => caller === 'rules');
  return made.map(({ api }) => api).sort();
}

test('reading rules: one request', async () => {
  expect(await costOf('GET', rules())).toEqual(['GetObject']);
  expect(await costOf('GET', `${rules()}/r`)).toEqual(['GetObject']);
});

test('reading all buckets: a list, and one request for each', async () => {
  expect(await costOf('GET', '/v1/buckets')).toEqual(['GetBucket', 'GetObject']);
});

test('reading one revision: one request', async () => {
  expect(await costOf('GET', `/v1/buckets/${at.source.bucket}/revisions/1`)).toEqual(['GetObject']);
});

test('preconditions: four requests for the source, two for the destination', async () => {
  const { bucket, region } = at.third;
  const path = `/v1/buckets/${at.source.bucket}/preconditions?bucket=${bucket}&region=${region}`;
  expect(await costOf('GET', path)).toEqual([
    'GetBucketReplication',
    'GetBucketVersioning',
    'GetBucketVersioning',
    'GetService',
    'HeadBucket',
    'HeadBucket',
  ]);
});

test('a preview: the rules, the preconditions, the other buckets’ rules, and one page of keys', async () => {
  const cost = await costOf('POST', `/v1/buckets/${at.source.bucket}/preview`, {
    settings: { destination: at.third },
  });
  expect(cost.length).toBeLessThanOrEqual(10);
  expect(cost.filter((api) => /^(Put|Delete|Post)/.test(api))).toEqual([]);
});

test('a change: three writes, whatever the number of rules; switching off asks nothing of the buckets', async () => {
  const cost = await costOf('PATCH', `${rules()}/r`, { description: 'x' });
  // The revision, and the hint that leads to it; a new destination would be announced as well.
  expect(cost.filter((api) => api.startsWith('Put'))).toEqual(['PutObject', 'PutObject']);
  expect(cost.length).toBeLessThanOrEqual(15);
  await makeOld();
  const off = await costOf('POST', `${rules()}/r/disable`);
  expect(off.filter((api) => api.startsWith('Head') || api === 'GetService')).toEqual([]);
  expect(off.length).toBeLessThanOrEqual(9);
});
