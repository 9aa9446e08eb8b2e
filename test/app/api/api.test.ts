import { createApi } from '../../../lib/app/api/api';
import { deriveSecret } from '../../../lib/app/api/credential';
import { createWorld, destination, source } from '../../support/world';

const masterSecret = 'a master secret of more than 32 characters';
const bearer = (id: string, secret = deriveSecret(masterSecret, id)) => ({
  authorization: `Bearer ${id}:${secret}`,
});

function createClient() {
  const world = createWorld();
  const { cos } = world;
  cos.createBucket({ bucket: 'near-1250000000', region: source.region });
  cos.createBucket({ bucket: 'plain-1250000000', region: 'ap-shanghai' }, { versioning: 'Unversioned' });
  cos.createBucket({ bucket: 'paused-1250000000', region: 'ap-shanghai' }, { versioning: 'Suspended' });
  cos.createBucket({ bucket: 'theirs-1250000001', region: 'ap-shanghai' }, { account: 'other' });
  const api = createApi({ rules: world.rules, log: world.ports.log, masterSecret, generationMin: 2 });
  const send = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = bearer('a.write.2'),
  ) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const init = body === undefined ? {} : { body: text };
    const sent = { 'content-type': 'application/json', ...headers };
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
    prefix: '',
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
    prefix: 'a/',
  });
  expect(patched.body).toMatchObject({
    prefix: 'a/',
    destination: { ...destination, storageClass: 'STANDARD_IA' },
  });
  const cleared = await send('PATCH', `${rules}/r`, { destination: { storageClass: null } });
  expect(cleared.body).toMatchObject({ prefix: 'a/', destination });
  expect((await send('PUT', `${rules}/r`, { destination })).body).toMatchObject({ prefix: '' });

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
  ['a class that does not fit', { ...destination, storageClass: 'MAZ_STANDARD' }, ['StorageClassMismatch']],
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
    prefix: '/a',
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
    '/prefix',
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
  expect(refused.body).toMatchObject({ problems: [{ code: 'RevisionConflict' }] });
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
