import { z } from '@hono/zod-openapi';
import { parseStorageClass, storageClasses } from '../../domain/rule';

/** Longest key, bytes of UTF-8. Source: https://www.tencentcloud.com/document/product/436/13324 */
const keyBytesMax = 850;
/** Source: https://www.tencentcloud.com/document/product/436/35709 */
const tagsMax = 10;
const prefixesMax = 100;
/** Keys that one preview tries. */
export const previewKeysMax = 1000;

const switchSchema = z.enum(['Enabled', 'Disabled']);

/** Lone surrogates and control characters are in no key that a listing can show. */
const wellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

const keySchema = z
  .string()
  .refine((key) => Buffer.byteLength(key) <= keyBytesMax, `must be at most ${keyBytesMax} bytes of UTF-8`)
  .refine((key) => !/^[/\\]/.test(key), 'must not begin with a slash: no key of COS does')
  .refine(wellFormed, 'must be well-formed Unicode');

const storageClassSchema = z
  .string()
  .transform((text, context) => {
    const known = parseStorageClass(text);
    if (known) return known;
    context.addIssue({ code: 'custom', message: `is no storage class of COS: ${text.slice(0, 40)}` });
    return z.NEVER;
  })
  .openapi({ type: 'string', description: `In any case: ${storageClasses.join(', ')}.` });

const tagSchema = z.strictObject({
  key: z.string().min(1).max(128).refine(wellFormed, 'must be well-formed Unicode'),
  value: z.string().max(256).refine(wellFormed, 'must be well-formed Unicode').default(''),
});

export const bucketSchema = z
  .string()
  .max(60)
  .regex(/^[a-z0-9][a-z0-9-]*-\d{1,20}$/, 'must be a bucket name with its APPID, as in example-1250000000');

export const regionSchema = z
  .string()
  .max(40)
  .regex(/^[a-z]+(-[a-z0-9]+)+$/, 'must be a region, as in ap-shanghai');

export const ruleIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,255}$/, 'must be 1 to 255 letters, digits, dots, dashes or underscores');

export const destinationSchema = z.strictObject({
  bucket: bucketSchema,
  region: regionSchema,
  storageClass: storageClassSchema
    .optional()
    .openapi({ description: 'Absent: the class of each source object.' }),
});

const settingsShape = {
  status: switchSchema.default('Enabled'),
  priority: z.int().min(1).max(1000).optional().openapi({
    description:
      'All rules to one destination have one, or none; of those that match, the smallest number wins.',
  }),
  prefixes: z
    .array(keySchema)
    .min(1)
    .max(prefixesMax)
    .default([''])
    .openapi({ description: 'None lies within another; an empty one is the whole bucket.' }),
  tags: z
    .array(tagSchema)
    .max(tagsMax)
    .refine(
      (tags) => new Set(tags.map(({ key }) => key)).size === tags.length,
      'must not name a tag key twice',
    )
    .default([])
    .openapi({
      description: 'Only versions that carry all of these; then deleteMarkerReplication is Disabled.',
    }),
  destination: destinationSchema,
  deleteMarkerReplication: switchSchema.default('Enabled'),
  description: z.string().max(256).default(''),
};

export const settingsSchema = z.strictObject(settingsShape).openapi('RuleSettings');
export const newRuleSchema = z
  .strictObject({ id: ruleIdSchema.optional(), ...settingsShape })
  .openapi('NewRule');

export const previewSchema = z
  .strictObject({
    id: ruleIdSchema
      .optional()
      .openapi({ description: 'Of a rule that there is: the change is an edit of it.' }),
    settings: z.unknown().openapi({ description: 'RuleSettings, as they would be sent.' }),
    keys: z.array(keySchema).max(previewKeysMax).optional().openapi({
      description: 'Keys to try. Absent: the first hundred of the bucket.',
    }),
  })
  .openapi('PreviewRequest');

const sinceSchema = z.object({
  since: z.int().optional().openapi({ description: 'Seconds of the source bucket’s own clock, inclusive.' }),
  markersSince: z
    .int()
    .optional()
    .openapi({ description: 'The same for delete markers; absent: not replicated.' }),
});

export const ruleSchema = z
  .object({
    id: z.string(),
    status: switchSchema,
    priority: z.int().optional(),
    prefixes: z.array(z.string()),
    tags: z.array(z.object({ key: z.string(), value: z.string() })),
    destination: z.object({
      bucket: z.string(),
      region: z.string(),
      storageClass: z.enum(storageClasses).optional(),
    }),
    deleteMarkerReplication: switchSchema,
    description: z.string(),
    coverage: z
      .array(
        sinceSchema.extend({
          prefix: z.string(),
          tags: z.array(z.object({ key: z.string(), value: z.string() })).optional(),
        }),
      )
      .openapi({
        description:
          'From when on which versions are covered; the longest prefix of a key decides. Without times: another rule brings these keys there. Empty while the rule is Disabled.',
      }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Rule');

export const ruleSetSchema = z
  .object({
    bucket: z.string(),
    region: z.string(),
    revision: z.int().openapi({ description: '0: the bucket never had rules.' }),
    rules: z.array(ruleSchema),
    role: z.string().optional(),
  })
  .openapi('RuleSet');

export const revisionSchema = ruleSetSchema
  .extend({ at: z.iso.datetime(), by: z.string(), what: z.string() })
  .openapi('Revision');

export const revisionsSchema = z
  .object({
    revisions: z.array(
      z.object({ revision: z.int(), at: z.iso.datetime(), by: z.string(), what: z.string(), rules: z.int() }),
    ),
    next: z.int().optional().openapi({ description: 'Ask again with below=next for older ones.' }),
  })
  .openapi('Revisions');

export const bucketsSchema = z
  .object({ buckets: z.array(z.object({ bucket: z.string(), revision: z.int(), rules: z.int() })) })
  .openapi('Buckets');

const problemSchema = z
  .object({
    code: z.string().openapi({ description: 'Stable, for programs.' }),
    path: z
      .string()
      .openapi({ description: 'A JSON pointer into the request; empty: the request as a whole.' }),
    message: z.string(),
  })
  .openapi('Problem');

export const problemsSchema = z
  .object({
    problems: z.array(problemSchema),
    current: ruleSetSchema.optional().openapi({ description: 'With 412: the rules as they are.' }),
  })
  .openapi('Problems');

export const preconditionsSchema = z
  .object({ ok: z.boolean(), problems: z.array(problemSchema) })
  .openapi('Preconditions');

export const previewAnswerSchema = z
  .object({
    problems: z.array(problemSchema).openapi({ description: 'What the change would be refused for.' }),
    change: z.enum(['create', 'edit']),
    backlog: z.enum(['keep', 'keepCovered', 'close']),
    keys: z.array(
      z.object({
        key: z.string(),
        rule: z
          .string()
          .optional()
          .openapi({ description: 'The rule that would replicate it; absent: none.' }),
        covered: sinceSchema.optional(),
      }),
    ),
  })
  .openapi('Preview');

export const probeSchema = z
  .object({
    ok: z.boolean(),
    key: z.string(),
    steps: z.array(
      z.object({
        step: z.enum(['write', 'read', 'mark']),
        ok: z.boolean(),
        versionId: z.string().optional(),
        code: z.string().optional(),
        message: z.string().optional(),
        hint: z.string().optional(),
      }),
    ),
  })
  .openapi('Probe');

export const backlogSchema = z
  .object({
    entries: z.array(
      z.object({
        ruleId: z.string(),
        sourceBucket: z.string(),
        sourceRegion: z.string(),
        destinationBucket: z.string().optional(),
        key: z.string(),
        source: z
          .string()
          .optional()
          .openapi({ description: 'The source entry; absent: the key as a whole.' }),
        status: z.enum(['PENDING', 'FAILED']),
        code: z.string(),
        retryable: z.boolean(),
        detail: z.string(),
        hint: z.string(),
        at: z.iso.datetime(),
      }),
    ),
    next: z.string().optional().openapi({ description: 'Ask again with after=next for more.' }),
  })
  .openapi('Backlog');
