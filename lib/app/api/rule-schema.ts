import type { z } from '@hono/zod-openapi';
import { type Problem, problem } from '../../domain/problem';
import type { RuleSettings } from '../../domain/rule';
import { newRuleSchema, settingsSchema } from './schemas';

export type Parsed<Value> =
  | { readonly ok: true; readonly value: Value }
  /** `rest`: what is sound of the body, with defaults for what is not, so that it can be examined all the same. */
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly rest: Value | undefined };

export interface NewRule {
  readonly id: string | undefined;
  readonly settings: RuleSettings;
}

/** A request body as the settings of a new rule, every default filled in. */
export function parseNewRule(body: unknown): Parsed<NewRule> {
  return parseWith(newRuleSchema, body, ({ id, ...settings }) => ({
    id,
    settings: withoutUndefined(settings),
  }));
}

/** A whole new state of a rule's settings. */
export function parseSettings(body: unknown): Parsed<RuleSettings> {
  return parseWith(settingsSchema, body, withoutUndefined);
}

function parseWith<Schema extends z.ZodType, Value>(
  schema: Schema,
  body: unknown,
  valueOf: (output: z.output<Schema>) => Value,
): Parsed<Value> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return { ok: true, value: valueOf(parsed.data) };
  const rest = schema.safeParse(withoutFields(body, parsed.error));
  return {
    ok: false,
    problems: problemsOf(parsed.error),
    rest: rest.success ? valueOf(rest.data) : undefined,
  };
}

/** A body without its top-level fields that are unknown or wrong. */
function withoutFields(body: unknown, error: z.ZodError): unknown {
  if (!isObject(body)) return body;
  const wrong = new Set(
    error.issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [String(issue.path[0])],
    ),
  );
  return Object.fromEntries(Object.entries(body).filter(([name]) => !wrong.has(name)));
}

/** JSON Merge Patch: named fields replace, `null` removes. Source: https://www.rfc-editor.org/rfc/rfc7396 */
export function mergePatch(target: unknown, patch: unknown, depth = 0): unknown {
  // What lies deeper than any setting is unknown anyway.
  if (!isObject(patch) || depth > patchDepthMax) return patch;
  // A map, so that no name means more than itself.
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value, depth + 1));
  }
  return Object.fromEntries(merged);
}

const patchDepthMax = 4;

/** What a schema has against a value. `at`: where the value stands in the request. */
export function problemsOf(error: z.ZodError, at = ''): readonly Problem[] {
  return error.issues.flatMap((issue) => {
    const path = `${at}${pointer(issue.path)}`;
    if (issue.code !== 'unrecognized_keys') {
      return [problem('InvalidField', path, `${path === '' ? 'The body' : path}: ${issue.message}.`)];
    }
    return issue.keys.map((key) => {
      const unknown = `${path}${pointer([key])}`;
      return problem('UnknownField', unknown, `${unknown} is no field of a rule; check its spelling.`);
    });
  });
}

/** RFC 6901. */
function pointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** zod leaves optional fields in as `undefined`; an absent field is absent here. */
function withoutUndefined(settings: z.output<typeof settingsSchema>): RuleSettings {
  const { priority, destination, ...rest } = settings;
  const { storageClass, ...bucket } = destination;
  return {
    ...rest,
    destination: storageClass === undefined ? bucket : { ...bucket, storageClass },
    ...(priority === undefined ? {} : { priority }),
  };
}
