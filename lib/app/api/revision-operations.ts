import { z } from '@hono/zod-openapi';
import type { RuleService } from '../rules';
import { bearer, bucketParams, changeRefusals, ifMatch, json, refusals } from './describe';
import { changeOf, etag, type Operation, param } from './environment';
import { revisionSchema, revisionsSchema, ruleSetSchema } from './schemas';

const security = bearer;
const revisionsPath = '/v1/buckets/{bucket}/revisions';
const revisionParams = bucketParams.extend({
  revision: z.string().regex(/^[1-9]\d{0,11}$/, 'must be a number'),
});
const revisionsPageMax = 100;

/** Who changed the rules of a bucket when, and the way back. */
export function revisionOperations(rules: RuleService): readonly Operation[] {
  return [
    {
      role: 'read',
      route: {
        method: 'get',
        path: revisionsPath,
        summary: 'List who changed the rules when, newest first',
        security,
        request: {
          params: bucketParams,
          query: z.object({
            below: z.coerce.number().int().min(1).optional(),
            limit: z.coerce.number().int().min(1).max(revisionsPageMax).default(20),
          }),
        },
        responses: { 200: json('One page.', revisionsSchema), ...refusals() },
      },
      run: async (ask) => {
        const { below, limit } = ask.req.query();
        const found = await rules.revisions(
          param(ask, 'bucket'),
          below === undefined ? undefined : Number(below),
          limit === undefined ? 20 : Number(limit),
        );
        const revisions = found.revisions.map(({ revision, at, by, what, rules: { length } }) => ({
          revision,
          at,
          by,
          what,
          rules: length,
        }));
        return ask.json({ revisions, next: found.next });
      },
    },
    {
      role: 'read',
      route: {
        method: 'get',
        path: `${revisionsPath}/{revision}`,
        summary: 'Get the rules as they were at a revision',
        security,
        request: { params: revisionParams },
        responses: { 200: json('The rules.', revisionSchema), ...refusals() },
      },
      run: async (ask) => {
        const found = await rules.revision(param(ask, 'bucket'), Number(param(ask, 'revision')));
        const { bucket, region, revision, rules: all, role, at, by, what } = found;
        return ask.json({ bucket, region, revision, rules: all, role, at, by, what });
      },
    },
    {
      role: 'write',
      route: {
        method: 'post',
        path: `${revisionsPath}/{revision}/restore`,
        summary: 'Make the rules of an old revision the newest ones',
        description:
          'They are checked as any change is. A rule that was off or gone meanwhile covers from now on.',
        security,
        request: { params: revisionParams, headers: ifMatch },
        responses: { 200: json('The rules as they are now.', ruleSetSchema, true), ...changeRefusals },
      },
      run: async (ask) => {
        const ruleSet = await rules.restore(changeOf(ask, true), Number(param(ask, 'revision')));
        return ask.json(ruleSet, 200, etag(ruleSet.revision));
      },
    },
  ];
}
