import { quiet, seenHistory } from '../../support/local';
import { requestsOfWalk } from '../../support/timer-walk';
import { type RuleApi, startRuleApi } from './setup';

/** Several prefixes and tag filters, from the rule API to the replicas. */
let at: RuleApi;
beforeAll(async () => {
  at = await startRuleApi();
});
afterAll(() => at.cloud.close());

const put = (Key: string, tagging = '') =>
  at.sdk.putObject({
    Bucket: at.source.bucket,
    Region: at.source.region,
    Key,
    Body: Key,
    ...(tagging === '' ? {} : { Headers: { 'x-cos-tagging': tagging } }),
  });
const bodies = async (ref: RuleApi['source'], key: string) =>
  (await seenHistory(at.sdk, ref, key)).map((entry) => (entry.kind === 'version' ? entry.body : '(deleted)'));

test('keys under any of the prefixes are replicated, others are not', async () => {
  const rule = { prefixes: ['a/', 'b/'], destination: at.destination };
  await at.api('POST', `/v1/buckets/${at.source.bucket}/rules`, rule);
  for (const key of ['a/1', 'b/1', 'c/1']) await put(key);
  await quiet(at.cloud);
  expect(await bodies(at.destination, 'a/1')).toEqual(['a/1']);
  expect(await bodies(at.destination, 'b/1')).toEqual(['b/1']);
  expect(await bodies(at.destination, 'c/1')).toEqual([]);

  // What no event told of, the timer finds under each of them.
  const made = await requestsOfWalk(at.cloud);
  const walked = made.filter(({ api }) => api === 'GetBucketObjectVersions');
  expect(walked.filter(({ bucket }) => bucket === at.source.bucket)).toHaveLength(2);
});

test('only versions with all tags are replicated; without the filter, those written from then on', async () => {
  const rules = `/v1/buckets/${at.source.bucket}/rules`;
  const tags = [
    { key: 'team', value: 'a b' },
    { key: 'keep', value: '' },
  ];
  const made = await at.api('POST', rules, {
    id: 'tagged',
    prefixes: ['t/'],
    tags,
    deleteMarkerReplication: 'Disabled',
    destination: at.third,
  });
  expect(made.status).toBe(201);
  await put('t/all', 'team=a%20b&keep=&more=1');
  await put('t/some', 'team=a%20b');
  await put('t/none');
  await quiet(at.cloud);
  expect(await bodies(at.third, 't/all')).toEqual(['t/all']);
  expect(await bodies(at.third, 't/some')).toEqual([]);
  expect(await bodies(at.third, 't/none')).toEqual([]);
  // Not eligible by design: nothing waits, nothing failed.
  expect((await at.api('GET', `${rules}/tagged/backlog`)).body).toMatchObject({ entries: [] });

  // The moment from which a rule covers is a whole second, and includes it.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  expect((await at.api('PATCH', `${rules}/tagged`, { tags: null })).status).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await put('t/none');
  await quiet(at.cloud);
  expect(await bodies(at.third, 't/none')).toEqual(['t/none']);
  expect(await bodies(at.third, 't/some')).toEqual([]);
});

test('the object of a probe stays where it was written', async () => {
  const rules = `/v1/buckets/${at.source.bucket}/rules`;
  await at.api('POST', rules, { id: 'probed', prefixes: ['p/'], destination: at.third });
  const probed = await at.api('POST', `${rules}/probed/probe`);
  expect(probed.body).toMatchObject({ ok: true });
  const { key } = probed.body as unknown as { key: string };
  expect(await bodies(at.third, key)).toEqual([expect.any(String), '(deleted)']);
});

test('a change is in the log with its author, and without a secret', async () => {
  const lines = at.logs.filter(({ line }) => line.includes('"rule changed"'));
  expect(lines.length).toBeGreaterThan(2);
  expect(lines.at(-1)?.line).toContain('"author":"test.write.1"');
  expect(at.logs.some(({ line }) => /Bearer|q-signature|SecretKey/i.test(line))).toBe(false);
});
