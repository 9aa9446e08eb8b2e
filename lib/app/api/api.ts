import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { ReplicationError } from '../../domain/error';
import { type Problem, problem, type RuleSettings } from '../../domain/rule-change';
import type { Logger } from '../ports';
import { type ChangeRequest, type ChangeResult, RequestRefused, type RuleService } from '../rules';
import { authenticate, type Credential } from './credential';
import { mergePatch, parseNewRule, parseSettings } from './rule-schema';

export interface ApiPorts {
  readonly rules: RuleService;
  readonly log: Logger;
  readonly masterSecret: string;
  /** Credentials of older generations are refused. */
  readonly generationMin: number;
}

const bodyBytesMax = 64 * 1024;

interface Environment {
  readonly Variables: { readonly credential: Credential };
}
type Ask = Context<Environment>;
type Failure = 400 | 401 | 403 | 404 | 405 | 409 | 412 | 413 | 415 | 503;

/** The rule API: `Request -> Response`, nothing else. Refusals are `{ problems: [{ code, path, message }] }`. */
export function createApi(ports: ApiPorts): Hono<Environment> {
  const { rules } = ports;
  const api = new Hono<Environment>();

  api.use('*', async (ask, next) => {
    await next();
    ask.header('Cache-Control', 'no-store');
    ask.header('X-Content-Type-Options', 'nosniff');
  });

  api.use('*', async (ask, next) => {
    const credential = authenticate(ports.masterSecret, ports.generationMin, ask.req.header('authorization'));
    if (!credential) {
      ask.header('WWW-Authenticate', 'Bearer');
      const message =
        'Send the header "Authorization: Bearer <credential id>:<secret>" with a valid credential.';
      return refuse(ask, 401, [problem('Unauthorized', '', message)]);
    }
    if (credential.role !== 'write' && ask.req.method !== 'GET') {
      return refuse(ask, 403, [problem('Forbidden', '', `The credential ${credential.id} may only read.`)]);
    }
    ask.set('credential', credential);
    return next();
  });

  const tooLarge = (ask: Context): Response =>
    refuse(ask, 413, [problem('BodyTooLarge', '', `The body is larger than ${bodyBytesMax} bytes.`)]);
  api.use('*', bodyLimit({ maxSize: bodyBytesMax, onError: tooLarge }));

  api.get('/v1/buckets', async (ask) => {
    const sets = await rules.buckets();
    return ask.json({
      buckets: sets.map((set) => ({ bucket: set.bucket, revision: set.revision, rules: set.rules.length })),
    });
  });

  api.get('/v1/buckets/:bucket/rules', async (ask) => {
    const ruleSet = await rules.list(bucketOf(ask));
    return ask.json(ruleSet, 200, etag(ruleSet.revision));
  });

  api.post('/v1/buckets/:bucket/rules', async (ask) => {
    const parsed = parseNewRule(await jsonBody(ask));
    const id = (parsed.ok ? parsed.value : parsed.rest)?.id;
    const settings = parsed.ok
      ? { ok: true as const, value: parsed.value.settings }
      : { ...parsed, rest: parsed.rest?.settings };
    const made = await rules.create(changeOf(ask), id, settings);
    return ask.json(made.rule, 201, etag(made.ruleSet.revision));
  });

  api.get('/v1/buckets/:bucket/rules/:id', async (ask) =>
    answer(ask, await rules.get(bucketOf(ask), ask.req.param('id'))),
  );

  api.put('/v1/buckets/:bucket/rules/:id', async (ask) => {
    const body = await jsonBody(ask);
    return answer(ask, await rules.edit(changeOf(ask), ask.req.param('id'), () => parseSettings(body)));
  });

  api.patch('/v1/buckets/:bucket/rules/:id', async (ask) => {
    const patch = await jsonBody(ask);
    const edit = (before: RuleSettings) => parseSettings(mergePatch(before, patch));
    return answer(ask, await rules.edit(changeOf(ask), ask.req.param('id'), edit));
  });

  for (const [verb, status] of [
    ['enable', 'Enabled'],
    ['disable', 'Disabled'],
  ] as const) {
    api.post(`/v1/buckets/:bucket/rules/:id/${verb}`, async (ask) =>
      answer(
        ask,
        await rules.edit(changeOf(ask), ask.req.param('id'), (before) => ({
          ok: true,
          value: { ...before, status },
        })),
      ),
    );
  }

  api.delete('/v1/buckets/:bucket/rules/:id', async (ask) => {
    const ruleSet = await rules.remove(changeOf(ask), ask.req.param('id'));
    return ask.body(null, 204, etag(ruleSet.revision));
  });

  api.get('/v1/buckets/:bucket/rules/:id/backlog', async (ask) =>
    ask.json(await rules.backlog(bucketOf(ask), ask.req.param('id'), ask.req.query('after'))),
  );

  api.notFound((ask) => {
    const message = `There is no ${ask.req.method} ${ask.req.path}; the API begins with /v1/buckets/{bucket}/rules.`;
    return refuse(ask, 404, [problem('NoSuchRoute', '', message)]);
  });

  api.onError((thrown, ask) => {
    if (thrown instanceof RequestRefused) return refuse(ask, thrown.status, thrown.problems);
    const code = thrown instanceof ReplicationError ? thrown.code : 'UNEXPECTED';
    const hint =
      thrown instanceof ReplicationError ? thrown.hint : 'This is a defect; the log has its trace.';
    ports.log.error('request failed', { code, detail: thrown.message, hint, trace: thrown.stack });
    const message = `The request could not be done (${code}). ${hint}`;
    return refuse(ask, 503, [problem('ServiceUnavailable', '', message)]);
  });

  return api;
}

function answer(ask: Ask, { rule, ruleSet }: ChangeResult): Response {
  return ask.json(rule, 200, etag(ruleSet.revision));
}

function refuse(ask: Context, status: Failure, problems: readonly Problem[]): Response {
  return ask.json({ problems }, status);
}

function etag(revision: number): Record<'ETag', string> {
  return { ETag: `"${revision}"` };
}

const bucketPattern = /^[a-z0-9][a-z0-9-]{0,49}-\d{1,20}$/;

function bucketOf(ask: Ask): string {
  const bucket = ask.req.param('bucket') ?? '';
  if (bucketPattern.test(bucket)) return bucket;
  const message = `"${bucket.slice(0, 80)}" is no bucket name; write it with its APPID, as in example-1250000000.`;
  throw new RequestRefused(400, [problem('InvalidField', '', message)]);
}

function changeOf(ask: Ask): ChangeRequest {
  const bucket = bucketOf(ask);
  const author = ask.get('credential').id;
  const condition = ask.req.header('if-match');
  if (condition === undefined || condition === '*') return { bucket, author, revision: undefined };
  const [, revision] = /^"(\d{1,12})"$/.exec(condition) ?? [];
  if (revision !== undefined) return { bucket, author, revision: Number(revision) };
  const message = 'If-Match takes the ETag of the rules, as in "12".';
  throw new RequestRefused(400, [problem('InvalidField', '', message)]);
}

async function jsonBody(ask: Ask): Promise<unknown> {
  const type = ask.req.header('content-type') ?? 'application/json';
  if (!/^application\/([a-z.-]+\+)?json\b/i.test(type)) {
    const message = 'Send the body as JSON, with Content-Type: application/json.';
    throw new RequestRefused(415, [problem('UnsupportedMediaType', '', message)]);
  }
  try {
    return JSON.parse(await ask.req.text()) as unknown;
  } catch (cause) {
    const message = `The body is no JSON: ${(cause as Error).message}.`;
    throw new RequestRefused(400, [problem('MalformedJson', '', message)]);
  }
}
