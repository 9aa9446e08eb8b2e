import { makeOld } from '../../support/local';
import { type RuleApi, startRuleApi } from './setup';

/** Requests to COS for each call of the rule API, by the local cloud's own account of them. */
let at: RuleApi;
const rules = (): string => `/v1/buckets/${at.source.bucket}/rules`;

beforeAll(async () => {
  at = await startRuleApi();
  await at.api('POST', rules(), { id: 'r', destination: at.destination });
  await settled();
});
afterAll(() => at.cloud.close());

/** The rules are old, and the instance has heard of them. */
async function settled(): Promise<void> {
  await makeOld(at.sdk, at.cloud, at.source.bucket);
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
  await settled();
  const off = await costOf('POST', `${rules()}/r/disable`);
  expect(off.filter((api) => api.startsWith('Head') || api === 'GetService')).toEqual([]);
  expect(off.length).toBeLessThanOrEqual(9);
});
