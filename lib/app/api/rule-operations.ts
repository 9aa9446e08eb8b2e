import { parseNewRule, mergePatch, parseSettings } from './rule-schema';
import { bearer, body, bucketParams, changeRefusals, ifMatch, json, refusals, ruleParams } from './describe';
import { changeOf, etag, jsonBody, type Operation, param, type Ask } from './environment';
import type { RuleSettings } from '../../domain/rule';
import type { ChangeResult, RuleService } from '../rules';
import { backlogSchema, bucketsSchema, ruleSchema, ruleSetSchema } from './schemas';
import { z } from '@hono/zod-openapi';

const security = bearer;
const rulesPath = '/v1/buckets/{bucket}/rules';
const rulePath = `${rulesPath}/{id}`;

/** Rules of a source bucket: create, list, get, replace, patch, switch, delete. */
export function ruleOperations(rules: RuleService): readonly Operation[] {
  return [
    {
      role: 'read',
      route: {
        method: 'get',
        path: '/v1/buckets',
        summary: 'List the source buckets that have, or had, rules',
        security,
        responses: { 200: json('The buckets of this region.', bucketsSchema), ...refusals() },
      },
      run: async (ask) => {
        const sets = await rules.buckets();
        const buckets = sets.map((set) => ({
          bucket: set.bucket,
          revision: set.revision,
          rules: set.rules.length,
        }));
        return ask.json({ buckets });
      },
    },
    {
      role: 'read',
      route: {
        method: 'get',
        path: rulesPath,
        summary: 'List the rules of a bucket',
        security,
        request: { params: bucketParams },
        responses: { 200: json('All rules, with every default shown.', ruleSetSchema, true), ...refusals() },
      },
      run: async (ask) => {
        const ruleSet = await rules.list(param(ask, 'bucket'));
        return ask.json(ruleSet, 200, etag(ruleSet.revision));
      },
    },
    {
      role: 'write',
      route: {
        method: 'post',
        path: rulesPath,
        summary: 'Create a rule',
        description:
          'It covers what is written from now on; keys that another rule brought to its destination are covered without a break. If-Match is optional: nothing is overwritten.',
        security,
        request: { params: bucketParams, headers: ifMatch, body: body('NewRule') },
        responses: { 201: json('The rule.', ruleSchema, true), ...changeRefusals },
      },
      run: async (ask) => {
        const parsed = parseNewRule(await jsonBody(ask));
        const id = (parsed.ok ? parsed.value : parsed.rest)?.id;
        const settings = parsed.ok
          ? { ok: true as const, value: parsed.value.settings }
          : { ...parsed, rest: parsed.rest?.settings };
        const made = await rules.create(changeOf(ask, false), id, settings);
        return ask.json(made.rule, 201, etag(made.ruleSet.revision));
      },
    },
    {
      role: 'read',
      route: {
        method: 'get',
        path: rulePath,
        summary: 'Get a rule',
        security,
        request: { params: ruleParams },
        responses: { 200: json('The rule.', ruleSchema, true), ...refusals() },
      },
      run: async (ask) => answer(ask, await rules.get(param(ask, 'bucket'), param(ask, 'id'))),
    },
    {
      role: 'write',
      route: {
        method: 'put',
        path: rulePath,
        summary: 'Replace the settings of a rule',
        description: 'What is not sent gets its default.',
        security,
        request: { params: ruleParams, headers: ifMatch, body: body('RuleSettings') },
        responses: { 200: json('The rule.', ruleSchema, true), ...changeRefusals },
      },
      run: async (ask) => {
        const change = changeOf(ask, true);
        const settings = await jsonBody(ask);
        return answer(ask, await rules.edit(change, param(ask, 'id'), () => parseSettings(settings)));
      },
    },
    {
      role: 'write',
      route: {
        method: 'patch',
        path: rulePath,
        summary: 'Change some settings of a rule',
        description: 'A JSON Merge Patch (RFC 7396): what is not sent stays, null means the default.',
        security,
        request: { params: ruleParams, headers: ifMatch, body: body('RulePatch') },
        responses: { 200: json('The rule.', ruleSchema, true), ...changeRefusals },
      },
      run: async (ask) => {
        const change = changeOf(ask, true);
        const patch = await jsonBody(ask);
        const edit = (before: RuleSettings) => parseSettings(mergePatch(before, patch));
        return answer(ask, await rules.edit(change, param(ask, 'id'), edit));
      },
    },
    switching(rules, 'enable', 'Enabled', 'Switch a rule on; it covers what is written from now on'),
    switching(rules, 'disable', 'Disabled', 'Switch a rule off; what was copied stays'),
    {
      role: 'write',
      route: {
        method: 'delete',
        path: rulePath,
        summary: 'Delete a rule; what was copied stays',
        security,
        request: { params: ruleParams, headers: ifMatch },
        responses: { 204: { description: 'It is gone.' }, ...changeRefusals },
      },
      run: async (ask) => {
        const ruleSet = await rules.remove(changeOf(ask, true), param(ask, 'id'));
        return ask.body(null, 204, etag(ruleSet.revision));
      },
    },
    {
      role: 'read',
      route: {
        method: 'get',
        path: `${rulePath}/backlog`,
        summary: 'List what a rule has not done, with the reasons',
        security,
        request: { params: ruleParams, query: z.object({ after: z.string().max(2000).optional() }) },
        responses: { 200: json('One page.', backlogSchema), ...refusals() },
      },
      run: async (ask) =>
        ask.json(await rules.backlog(param(ask, 'bucket'), param(ask, 'id'), ask.req.query('after'))),
    },
  ];
}

function switching(
  rules: RuleService,
  verb: 'enable' | 'disable',
  status: RuleSettings['status'],
  summary: string,
): Operation {
  return {
    role: 'write',
    route: {
      method: 'post',
      path: `${rulePath}/${verb}`,
      summary,
      security,
      request: { params: ruleParams, headers: ifMatch },
      responses: { 200: json('The rule.', ruleSchema, true), ...changeRefusals },
    },
    run: async (ask) =>
      answer(
        ask,
        await rules.edit(changeOf(ask, true), param(ask, 'id'), (before) => ({
          ok: true,
          value: { ...before, status },
        })),
      ),
  };
}

function answer(ask: Ask, { rule, ruleSet }: ChangeResult): Response {
  return ask.json(rule, 200, etag(ruleSet.revision));
}
