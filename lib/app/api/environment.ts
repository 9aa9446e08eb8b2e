import type { RouteConfig } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type Problem, problem } from '../../domain/problem';
import type { RuleSet } from '../../domain/rule';
import type { ChangeRequest } from '../change-rules';
import { RequestRefused } from '../request-refused';
import type { Credential, Role } from './credential';

export interface Environment {
  readonly Variables: { readonly credential: Credential };
}
export type Ask = Context<Environment>;
export type Failure = 400 | 401 | 403 | 404 | 405 | 409 | 412 | 413 | 415 | 428 | 429 | 503;

/** One operation of the API: what the document says of it, who may ask for it, and what it does. */
export interface Operation {
  readonly role: Role;
  readonly route: RouteConfig;
  readonly run: (ask: Ask) => Promise<Response> | Response;
}

export function refuse(
  ask: Context,
  status: Failure,
  problems: readonly Problem[],
  current?: RuleSet,
): Response {
  return current === undefined
    ? ask.json({ problems }, status)
    : ask.json({ problems, current }, status, etag(current.revision));
}

export function etag(revision: number): Record<'ETag', string> {
  return { ETag: `"${revision}"` };
}

/** Bucket names and ids are checked before any operation runs. */
export function param(ask: Ask, name: string): string {
  return ask.req.param(name) ?? '';
}

/** Whose change it is, and of which revision. `must`: it changes what is there, so it has to say what it saw. */
export function changeOf(ask: Ask, must: boolean): ChangeRequest {
  const bucket = param(ask, 'bucket');
  const author = ask.get('credential').id;
  const condition = ask.req.header('if-match');
  if (condition === undefined && must) {
    const message =
      'Send If-Match with the ETag of the rules that you saw, or "If-Match: *" to change whatever is there.';
    throw new RequestRefused(428, [problem('RevisionRequired', '', message)]);
  }
  if (condition === undefined || condition.trim() === '*') return { bucket, author, revision: undefined };
  const [, revision] = /^"(\d{1,12})"$/.exec(condition.trim()) ?? [];
  if (revision !== undefined) return { bucket, author, revision: Number(revision) };
  const message = 'If-Match takes the ETag of the rules, as in "12", or *.';
  throw new RequestRefused(400, [problem('InvalidField', '', message)]);
}

export async function jsonBody(ask: Ask): Promise<unknown> {
  const type = ask.req.header('content-type') ?? 'application/json';
  if (!/^application\/([a-z.-]+\+)?json\b/i.test(type)) {
    const message = 'Send the body as JSON, with Content-Type: application/json.';
    throw new RequestRefused(415, [problem('UnsupportedMediaType', '', message)]);
  }
  try {
    return JSON.parse(await ask.req.text()) as unknown;
  } catch (cause) {
    const message = `The body is no JSON: ${(cause as Error).message.slice(0, 200)}.`;
    throw new RequestRefused(400, [problem('MalformedJson', '', message)]);
  }
}
