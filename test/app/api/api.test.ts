import { type ApiSettings, createApi } from '../../../lib/app/api/api';
import { deriveSecret } from '../../../lib/app/api/credential';
import type { RuleSet } from '../../../lib/domain/rule';
import { createWorld, destination, source } from '../../support/world';

const masterSecret = 'a master secret of more than 32 characters';
const bearer = (id: string, secret = deriveSecret(masterSecret, id)) => ({
  authorization: `Bearer ${id}:${secret}`,
});

function createClient(more: Partial<ApiSettings> = {}) {
  const world = createWorld();
  const { cos } = world;
  cos.createBucket({ bucket: 'near-1250000000', region: source.region });
  cos.createBucket({ bucket: 'plain-1250000000', region: 'ap-shanghai' }, { versioning: 'Unversioned' });
  cos.createBucket({ bucket: 'paused-1250000000', region: 'ap-shanghai' }, { versioning: 'Suspended' });
  cos.createBucket({ bucket: 'theirs-1250000001', region: 'ap-shanghai' }, { account: 'other' });
  const api = createApi({
    rules: world.rules,
    checks: world.checks,
    log: world.ports.log,
    clock: world.ports.clock,
    settings: {
      masterSecret,
      generationMin: 2,
      rate: { perSecond: 1, burst: 1_000 },
      corsOrigins: [],
      ...more,
    },
  });
  const send = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = bearer('a.write.2'),
  ) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const init = body === undefined ? {} : { body: text };
    const all = { 'content-type': 'application/json', 'if-match': '*', ...headers };
    // An empty one stands for none.
    const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
    const response = await api.request(path, { method, headers: sent, ...init });
    const answer = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: answer === '' ? undefined : (JSON.parse(answer) as never),
    };
  };
  return { world, send };
}

const rules = `/v1/buckets/${source.bucket}/rules`;

test('a rule is created with every default shown, listed, edited, switched, and deleted', async () => {
  const { send } = createClient();
  const made = await send('POST', rules, { id: 'r', destination });
  expect(made.status).toBe(201);
  expect(made.headers.get('etag')).toBe('"1"');
  expect(made.body).toMatchObject({
    id: 'r',
    status: 'Enabled',
    prefixes: [''],
    tags: [],
    destination,
    deleteMarkerReplication: 'Enabled',
    description: '',
  });
  expect((await send('GET', rules)).body).toMatchObject({
    bucket: source.bucket,
    revision: 1,
    rules: [{ id: 'r' }],
  });

  const patched = await send('PATCH', `${rules}/r`, {
    destination: { storageClass: 'standard_ia' },
    prefixes: ['a/'],
  });
  expect(patched.body).toMatchObject({
    prefixes: ['a/'],
    destination: { ...destination, storageClass: 'STANDARD_IA' },
  });
  const cleared = await send('PATCH', `${rules}/r`, { destination: { storageClass: null } });
  expect(cleared.body).toMatchObject({ prefixes: ['a/'], destination });
  expect((await send('PUT', `${rules}/r`, { destination })).body).toMatchObject({ prefixes: [''] });

  expect((await send('POST', `${rules}/r/disable`)).body).toMatchObject({ status: 'Disabled', coverage: [] });
  expect((await send('POST', `${rules}/r/enable`)).body).toMatchObject({ status: 'Enabled' });
  expect((await send('GET', '/v1/buckets')).body).toEqual({
    buckets: [{ bucket: source.bucket, revision: 6, rules: 1 }],
  });
  expect((await send('DELETE', `${rules}/r`)).status).toBe(204);
  expect((await send('GET', `${rules}/r`)).body).toMatchObject({ problems: [{ code: 'RuleNotFound' }] });
  expect((await send('GET', rules)).body).toMatchObject({ revision: 7, rules: [] });
});

test.each<[string, unknown, readonly string[]]>([
  ['the same region', { bucket: 'near-1250000000', region: source.region }, ['SameRegion']],
  ['the source itself', source, ['SameBucket']],
  ['no such bucket', { bucket: 'none-1250000000', region: 'ap-shanghai' }, ['DestinationBucketMissing']],
  [
    'the right name in the wrong region',
    { ...destination, region: 'ap-beijing' },
    ['DestinationBucketMissing'],
  ],
  ['never versioned', { bucket: 'plain-1250000000', region: 'ap-shanghai' }, ['DestinationNotVersioned']],
  [
    'versioning suspended',
    { bucket: 'paused-1250000000', region: 'ap-shanghai' },
    ['DestinationNotVersioned'],
  ],
  ['the other account', { bucket: 'theirs-1250000001', region: 'ap-shanghai' }, ['OtherAccount']],
  ['a class that does not fit', { ...destination, storageClass: 'MAZ_STANDARD' }, ['MultiZoneClassMismatch']],
  ['an unknown class', { ...destination, storageClass: 'COLD' }, ['InvalidField']],
  ['no region', { bucket: destination.bucket }, ['InvalidField']],
])('a destination is refused with its own code: %s', async (_name, refused, codes) => {
  const { send, world } = createClient();
  const answer = await send('POST', rules, { destination: refused });
  expect(answer.status).toBe(400);
  const { problems } = answer.body as unknown as {
    problems: { code: string; path: string; message: string }[];
  };
  expect(problems.map((problem) => problem.code)).toEqual(codes);
  expect(
    problems.every((problem) => problem.path.startsWith('/destination') && problem.message.length > 20),
  ).toBe(true);
  expect([...world.documents.keys()]).toEqual([]);
});

test('every problem of a request is in one answer', async () => {
  const { send, world } = createClient();
  world.cos.setVersioning(source, 'Suspended');
  const shape = await send('POST', rules, {
    prefixes: ['/a'],
    priority: 0,
    extra: 1,
    destination: { bucket: 'x', region: '' },
  });
  const paths = (shape.body as unknown as { problems: { path: string }[] }).problems.map(
    (problem) => problem.path,
  );
  expect(paths.sort()).toEqual([
    '/destination/bucket',
    '/destination/region',
    '/extra',
    '/prefixes/0',
    '/priority',
  ]);
  const mixed = { extra: 1, destination: { bucket: 'near-1250000000', region: source.region } };
  const both = await send('POST', rules, mixed);
  expect(
    (both.body as unknown as { problems: { code: string }[] }).problems.map((problem) => problem.code),
  ).toEqual(['UnknownField', 'SameRegion', 'SourceNotVersioned']);
  const world2 = await send('POST', rules, {
    destination: { bucket: 'plain-1250000000', region: source.region },
  });
  const codes = (world2.body as unknown as { problems: { code: string }[] }).problems.map(
    (problem) => problem.code,
  );
  expect(codes.sort()).toEqual(['DestinationBucketMissing', 'SameRegion', 'SourceNotVersioned']);
});

test.each<[string, string, string, unknown, number, string]>([
  ['broken JSON', 'POST', rules, '{"destination":', 400, 'MalformedJson'],
  ['a list', 'POST', rules, [], 400, 'InvalidField'],
  ['null', 'POST', rules, null, 400, 'InvalidField'],
  ['too much', 'POST', rules, { description: 'x'.repeat(70_000), destination }, 413, 'BodyTooLarge'],
  ['no bucket name', 'GET', '/v1/buckets/A_B/rules', undefined, 400, 'InvalidField'],
  ['no such route', 'GET', '/v2', undefined, 404, 'NoSuchRoute'],
  ['no such rule', 'POST', `${rules}/nobody/enable`, undefined, 404, 'RuleNotFound'],
  [
    'a missing source',
    'POST',
    '/v1/buckets/gone-1250000000/rules',
    { destination },
    400,
    'SourceBucketMissing',
  ],
])('%s is refused', async (_name, method, path, body, status, code) => {
  const { send } = createClient();
  const answer = await send(method, path, body);
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({ problems: [{ code }] });
});

test('another content type is refused', async () => {
  const { send } = createClient();
  const answer = await send('POST', rules, 'a=b', { ...bearer('a.write.2'), 'content-type': 'text/plain' });
  expect(answer.status).toBe(415);
});

test.each<[string, Record<string, string>, number]>([
  ['no credential', {}, 401],
  ['a wrong secret', bearer('a.write.2', 'wrong'), 401],
  ['another credential’s secret', bearer('a.write.2', deriveSecret(masterSecret, 'b.write.2')), 401],
  ['an old generation', bearer('a.write.1'), 401],
  ['no role', bearer('a.admin.2'), 401],
  ['a reader that writes', bearer('a.read.2'), 403],
])('%s is refused', async (_name, headers, status) => {
  const { send } = createClient();
  expect((await send('POST', rules, { destination }, headers)).status).toBe(status);
});

test('a reader may read', async () => {
  const { send } = createClient();
  expect((await send('GET', rules, undefined, bearer('a.read.3'))).status).toBe(200);
});

test('a change made on an older revision is refused, and nothing changes', async () => {
  const { send } = createClient();
  await send('POST', rules, { id: 'r', destination });
  const stale = { ...bearer('a.write.2'), 'if-match': '"0"' };
  const refused = await send('PATCH', `${rules}/r`, { description: 'x' }, stale);
  expect(refused.status).toBe(412);
  expect(refused.body).toMatchObject({
    problems: [{ code: 'RevisionConflict' }],
    current: { revision: 1, rules: [{ id: 'r' }] },
  });
  expect(refused.headers.get('etag')).toBe('"1"');
  const fresh = { ...bearer('a.write.2'), 'if-match': '"1"' };
  expect((await send('PATCH', `${rules}/r`, { description: 'x' }, fresh)).status).toBe(200);
});

test('of two writers of one revision that were both told yes, one is told no', async () => {
  const { send, world } = createClient();
  const { state } = world.ports;
  // What COS was seen to do: both creators succeed, the later body stands.
  state.create = async (name, body) => {
    world.documents.set(name, body);
    return true;
  };
  const conditional = { ...bearer('a.write.2'), 'if-match': '"0"' };
  const answers = await Promise.all([
    send('POST', rules, { id: 'one', destination }, conditional),
    send('POST', rules, { id: 'two', destination }, conditional),
  ]);
  expect(answers.map((answer) => String(answer.status)).sort()).toEqual(['201', '412']);
  const winner = answers[0]?.status === 201 ? 'one' : 'two';
  expect((await send('GET', rules)).body).toMatchObject({ rules: [{ id: winner }] });
});

test('without a named revision the change of two writers is made twice, one after the other', async () => {
  const { send } = createClient();
  const other = { bucket: 'third-1250000000', region: 'ap-beijing' };
  const client = createClient();
  client.world.cos.createBucket(other);
  const answers = await Promise.all([
    client.send('POST', rules, { id: 'one', destination }),
    client.send('POST', rules, { id: 'two', destination: other }),
  ]);
  expect(answers.map((answer) => answer.status)).toEqual([201, 201]);
  expect((await client.send('GET', rules)).body).toMatchObject({ revision: 2 });
  expect((await send('GET', rules)).body).toMatchObject({ revision: 0 });
});

test('a rule whose destination is gone can still be switched off', async () => {
  const { send, world } = createClient();
  await send('POST', rules, { id: 'r', destination });
  world.cos.setVersioning(destination, 'Suspended');
  expect((await send('POST', `${rules}/r/disable`)).status).toBe(200);
  expect((await send('POST', `${rules}/r/enable`)).body).toMatchObject({
    problems: [{ code: 'DestinationNotVersioned' }],
  });
});

test('a state bucket that cannot be read is an error that says so, never an empty rule set', async () => {
  const { send, world } = createClient();
  world.ports.state.get = async () => {
    throw new Error('connection refused');
  };
  const answer = await send('GET', rules);
  expect(answer.status).toBe(503);
  expect(answer.body).toMatchObject({ problems: [{ code: 'ServiceUnavailable' }] });
});

test('a change of what is there says which revision it saw', async () => {
  const { send } = createClient();
  await send('POST', rules, { id: 'r', destination });
  const silent = { ...bearer('a.write.2'), 'if-match': '' };
  for (const [method, path] of [
    ['PUT', '/r'],
    ['PATCH', '/r'],
    ['DELETE', '/r'],
    ['POST', '/r/enable'],
    ['POST', '/r/disable'],
  ] as const) {
    const answer = await send(method, `${rules}${path}`, method === 'DELETE' ? undefined : {}, silent);
    expect([method, path, answer.status]).toEqual([method, path, 428]);
  }
});

test('who changed what is kept, and any revision can be gone back to', async () => {
  const { send, world } = createClient();
  await send('POST', rules, { id: 'r', destination, description: 'first' });
  await send('PATCH', `${rules}/r`, { description: 'second' }, bearer('b.write.2'));
  await send('DELETE', `${rules}/r`);
  const revisions = `/v1/buckets/${source.bucket}/revisions`;
  expect((await send('GET', revisions)).body).toMatchObject({
    revisions: [
      { revision: 3, by: 'a.write.2', what: 'deleted', rules: 0 },
      { revision: 2, by: 'b.write.2', what: 'edited', rules: 1 },
      { revision: 1, by: 'a.write.2', what: 'created', rules: 1 },
    ],
  });
  const page = await send('GET', `${revisions}?limit=1&below=3`);
  expect(page.body).toMatchObject({ revisions: [{ revision: 2 }], next: 2 });
  expect((await send('GET', `${revisions}/1`)).body).toMatchObject({ rules: [{ description: 'first' }] });
  expect((await send('GET', `${revisions}/4`)).body).toMatchObject({
    problems: [{ code: 'RevisionNotFound' }],
  });

  world.advance(60_000);
  const back = await send('POST', `${revisions}/2/restore`);
  expect(back.body).toMatchObject({ revision: 4, rules: [{ id: 'r', description: 'second' }] });
  // It was gone meanwhile, so it covers from now.
  const [before, after] = [1, 4].map(
    (n) => JSON.parse(world.documents.get(revisionName(n)) ?? '{}') as RuleSet,
  );
  expect(after?.rules[0]?.coverage[0]?.since).toBeGreaterThan(
    before?.rules[0]?.coverage[0]?.since ?? Infinity,
  );
  // Going back to what there is changes nothing.
  expect((await send('POST', `${revisions}/4/restore`)).body).toMatchObject({ revision: 4 });
});

const revisionName = (revision: number): string =>
  `rules/${source.bucket}/${String(revision).padStart(12, '0')}.json`;

test('a preview says what would be refused, which keys it would cover, and changes nothing', async () => {
  const { send, world } = createClient();
  await send('POST', rules, { id: 'r', destination, prefixes: ['a/'] });
  for (const key of ['a/1', 'b/1', 'c/1']) world.cos.put(source, key, {});
  const stored = new Map(world.documents);
  const preview = `/v1/buckets/${source.bucket}/preview`;
  world.advance(60_000);
  const wider = await send('POST', preview, { id: 'r', settings: { destination, prefixes: ['a/', 'b/'] } });
  expect(wider.body).toMatchObject({ problems: [], change: 'edit', backlog: 'keepCovered' });
  const { keys } = wider.body as unknown as {
    keys: { key: string; rule?: string; covered?: { since: number } }[];
  };
  expect(keys.map(({ key, rule }) => [key, rule])).toEqual([
    ['a/1', 'r'],
    ['b/1', 'r'],
    ['c/1', undefined],
  ]);
  expect(keys[1]?.covered?.since).toBeGreaterThan(keys[0]?.covered?.since ?? Infinity);

  const clash = await send('POST', preview, {
    settings: { destination, prefixes: ['a/b'] },
    keys: ['a/b/c'],
  });
  expect(clash.body).toMatchObject({ problems: [{ code: 'PrefixOverlap' }], change: 'create' });
  const broken = await send('POST', preview, { settings: { destination, nonsense: 1 } });
  expect(broken.body).toMatchObject({ problems: [{ code: 'UnknownField', path: '/settings/nonsense' }] });
  expect(new Map(world.documents)).toEqual(stored);
});

test('the preconditions of a pair are told without any rule', async () => {
  const { send } = createClient();
  const of = (pair: string) => send('GET', `/v1/buckets/${source.bucket}/preconditions?${pair}`);
  const good = await of(`bucket=${destination.bucket}&region=${destination.region}`);
  expect(good.body).toEqual({ ok: true, problems: [] });
  expect((await of(`bucket=near-1250000000&region=${source.region}`)).body).toMatchObject({
    ok: false,
    problems: [{ code: 'SameRegion' }],
  });
  expect((await of('bucket=NO&region=x')).status).toBe(400);
});

test('a probe writes, reads and marks one object, which no rule replicates', async () => {
  const { send, world } = createClient();
  await send('POST', rules, { id: 'r', destination });
  const probed = await send('POST', `${rules}/r/probe`);
  expect(probed.body).toMatchObject({
    ok: true,
    steps: [{ step: 'write' }, { step: 'read' }, { step: 'mark' }],
  });
  const { key } = probed.body as unknown as { key: string };
  expect(key).toMatch(/^\.cos-serverless-replication\/probe\//);
  expect(world.shown(destination, key)).toHaveLength(2);
  expect(world.shown(destination, key)[1]).toBe('(deleted)');

  world.cos.setVersioning(destination, 'Suspended');
  expect((await send('POST', `${rules}/r/probe`)).body).toMatchObject({
    ok: false,
    steps: [{ step: 'write', ok: false, code: 'DESTINATION_NOT_VERSIONED' }],
  });
  expect((await send('POST', `${rules}/r/probe`, undefined, bearer('a.read.2'))).status).toBe(403);
});

test('rules of other buckets are heard: two sources of one destination, and a ring', async () => {
  const { send, world } = createClient();
  const other = { bucket: 'other-1250000000', region: source.region };
  world.cos.createBucket(other);
  await send('POST', rules, { id: 'r', destination });
  const second = await send('POST', `/v1/buckets/${other.bucket}/rules`, { destination });
  expect(second.body).toMatchObject({ problems: [{ code: 'DestinationShared', path: '/prefixes/0' }] });
  expect(JSON.stringify(second.body)).toContain(`Rule r of ${source.bucket}`);
});

test('a caller that asks too often is told when to ask again, and others are not held up', async () => {
  const { send, world } = createClient({ rate: { perSecond: 2, burst: 3 } });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i += 1) statuses.push((await send('GET', rules)).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  const refused = await send('GET', rules);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(refused.body).toMatchObject({ problems: [{ code: 'TooManyRequests' }] });
  expect((await send('GET', rules, undefined, bearer('b.read.2'))).status).toBe(200);
  world.advance(500);
  expect((await send('GET', rules)).status).toBe(200);
  // Guesses share one allowance.
  const guesses = [];
  for (let i = 0; i < 4; i += 1)
    guesses.push((await send('GET', rules, undefined, bearer(`x${i}.read.2`, 'no'))).status);
  expect(guesses).toEqual([401, 401, 401, 429]);
});

test('no page may call the API unless its origin is configured', async () => {
  const headers = { ...bearer('a.read.2'), origin: 'https://console.example' };
  const closed = await createClient().send('GET', rules, undefined, headers);
  expect(closed.headers.get('access-control-allow-origin')).toBeNull();
  expect(closed.headers.get('content-security-policy')).toBe("default-src 'none'");
  expect(closed.headers.get('x-content-type-options')).toBe('nosniff');
  expect(closed.headers.get('strict-transport-security')).toContain('max-age');
  const open = createClient({ corsOrigins: ['https://console.example'] });
  const answer = await open.send('GET', rules, undefined, headers);
  expect(answer.headers.get('access-control-allow-origin')).toBe('https://console.example');
  const elsewhere = await open.send('GET', rules, undefined, { ...headers, origin: 'https://evil.example' });
  expect(elsewhere.headers.get('access-control-allow-origin')).toBeNull();
});

test('another method than a route takes is refused with those that it takes', async () => {
  const { send } = createClient();
  const answer = await send('PUT', rules, {});
  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe('GET, POST');
});
