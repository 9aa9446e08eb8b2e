import { z } from '@hono/zod-openapi';
import { bucketSchema, problemsSchema, ruleIdSchema } from './schemas';

/** Parts of which the descriptions of operations are made. */
export const bucketParams = z.object({
  bucket: bucketSchema.openapi({ description: 'The source bucket.', example: 'example-1250000000' }),
});
export const ruleParams = bucketParams.extend({ id: ruleIdSchema });

export const bearer = [{ bearer: [] }];

export const ifMatch = z.object({
  'if-match': z
    .string()
    .optional()
    .openapi({ description: 'The ETag of the rules that the change was made from, as in "12"; or *.' }),
});

const etagHeader = z.object({ ETag: z.string().openapi({ description: 'The revision of the rules.' }) });

/** A JSON answer. `versioned`: with the revision of the rules as its ETag. */
export function json(description: string, schema: z.ZodType, versioned = false) {
  const content = { 'application/json': { schema } };
  return versioned ? { description, content, headers: etagHeader } : { description, content };
}

/** A body that is checked by the operation itself, so that all of its problems are reported at once. */
export function body(name: string, mediaType = 'application/json') {
  return { required: true, content: { [mediaType]: { schema: { $ref: `#/components/schemas/${name}` } } } };
}

const meanings = {
  400: 'Something is wrong with the request; all of it is said.',
  401: 'No valid credential.',
  403: 'The credential may only read.',
  404: 'There is no such rule, revision or route.',
  405: 'The route knows other methods.',
  412: 'The rules changed meanwhile; `current` is how they are.',
  413: 'The body is too large.',
  415: 'The body is not of the media type that is read.',
  428: 'The change does not say what it was made from.',
  429: 'Too many requests; Retry-After says when.',
  503: 'COS could not be reached, or the state bucket not be read.',
} as const;

/** What any operation may be refused with, and what this one may. */
export function refusals(...statuses: readonly (keyof typeof meanings)[]) {
  const all = [...new Set([400, 401, 403, 404, 429, 503, ...statuses] as const)];
  return Object.fromEntries(all.map((status) => [status, json(meanings[status], problemsSchema)]));
}

export const changeRefusals = refusals(412, 413, 415, 428);
