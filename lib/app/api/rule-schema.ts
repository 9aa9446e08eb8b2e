import { z } from 'zod';
import { parseStorageClass } from '../../domain/rule';
import { type Problem, problem, type RuleSettings } from '../../domain/rule-change';

const keyBytesMax = 850;
const switchSchema = z.enum(['Enabled', 'Disabled']);

const prefixSchema = z
  .string()
  .refine(
    (prefix) => Buffer.byteLength(prefix) <= keyBytesMax,
    `must be at most ${keyBytesMax} bytes of UTF-8`,
  )
  .refine((prefix) => !/^[/\\]/.test(prefix), 'must not begin with a slash: no key of COS does')
  .refine((prefix) => !/\p{Surrogate}/u.test(prefix), 'must be well-formed Unicode');

const storageClassSchema = z.string().transform((text, context) => {
  const known = parseStorageClass(text);
  if (known) return known;
  context.addIssue({ code: 'custom', message: `is no storage class of COS: ${text.slice(0, 40)}` });
  return z.NEVER;
});

const settingsShape = {
  status: switchSchema.default('Enabled'),
  priority: z.int().min(1).max(1000).optional(),
  prefix: prefixSchema.default(''),
  destination: z.strictObject({
    bucket: z
      .string()
      .max(60)
      .regex(/^[a-z0-9][a-z0-9-]*-\d+$/, 'must be a bucket name with its APPID, as in example-1250000000'),
    region: z
      .string()
      .max(40)
      .regex(/^[a-z]+(-[a-z0-9]+)+$/, 'must be a region, as in ap-shanghai'),
    storageClass: storageClassSchema.optional(),
  }),
  deleteMarkerReplication: switchSchema.default('Enabled'),
  description: z.string().max(256).default(''),
};

const settingsSchema = z.strictObject(settingsShape);
const newRuleSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,255}$/, 'must be 1 to 255 letters, digits, dots, dashes or underscores')
    .optional(),
  ...settingsShape,
});

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
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

function problemsOf(error: z.ZodError): readonly Problem[] {
  return error.issues.flatMap((issue) => {
    const at = pointer(issue.path);
    if (issue.code !== 'unrecognized_keys') {
      return [problem('InvalidField', at, `${at === '' ? 'The body' : at}: ${issue.message}.`)];
    }
    return issue.keys.map((key) => {
      const path = `${at}${pointer([key])}`;
      return problem('UnknownField', path, `${path} is no field of a rule; check its spelling.`);
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
