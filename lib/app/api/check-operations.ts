import { z } from '@hono/zod-openapi';
import { pairConflicts } from '../../domain/rule-conflicts';
import { previewChange, type PreviewPorts } from '../rule-preview';
import { checkPairs } from '../preconditions';
import { deploymentProblems } from '../deployed-buckets';
import { probeDestination } from '../probe';
import { RequestRefused } from '../request-refused';
import type { RuleService } from '../rules';
import type { DestinationProbe, Entropy } from '../ports';
import { bearer, body, bucketParams, json, refusals, ruleParams } from './describe';
import { jsonBody, type Operation, param } from './environment';
import { parseSettings, problemsOf } from './rule-schema';
import {
  bucketSchema,
  preconditionsSchema,
  previewAnswerSchema,
  previewSchema,
  probeSchema,
  regionSchema,
} from './schemas';

export interface CheckPorts extends PreviewPorts {
  readonly region: string;
  readonly entropy: Entropy;
  readonly probe: DestinationProbe;
}

const security = bearer;

/** Questions before and after a change, which change no rule. */
export function checkOperations(rules: RuleService, ports: CheckPorts): readonly Operation[] {
  return [
    {
      role: 'read',
      route: {
        method: 'post',
        path: '/v1/buckets/{bucket}/preview',
        summary: 'Preview a change: what it would be refused for, and which keys it would cover from when on',
        security,
        request: { params: bucketParams, body: body('PreviewRequest') },
        responses: { 200: json('Nothing was changed.', previewAnswerSchema), ...refusals(413, 415) },
      },
      run: async (ask) => {
        const request = previewSchema.safeParse(await jsonBody(ask));
        if (!request.success) throw new RequestRefused(400, problemsOf(request.error));
        const { id, keys } = request.data;
        const settings = parseSettings(request.data.settings);
        const ruleSet = await rules.list(param(ask, 'bucket'));
        if (settings.ok)
          return ask.json(await previewChange(ports, ruleSet, { id, keys, settings: settings.value }));
        const inside = settings.problems.map((one) => ({ ...one, path: `/settings${one.path}` }));
        throw new RequestRefused(400, inside);
      },
    },
    {
      role: 'read',
      route: {
        method: 'get',
        path: '/v1/buckets/{bucket}/preconditions',
        summary: 'Check whether a bucket can be replicated to another',
        security,
        request: {
          params: bucketParams,
          query: z.object({ bucket: bucketSchema, region: regionSchema }),
        },
        responses: { 200: json('What stands in the way; nothing: ok.', preconditionsSchema), ...refusals() },
      },
      run: async (ask) => {
        const source = { bucket: param(ask, 'bucket'), region: ports.region };
        const destination = { bucket: ask.req.query('bucket') ?? '', region: ask.req.query('region') ?? '' };
        const { ofSource, ofDestinations } = await checkPairs(ports.directory, source, [destination]);
        const problems = [
          ...deploymentProblems(ports.deployed, source, destination),
          ...pairConflicts(source, destination),
          ...ofSource,
          ...ofDestinations.flat(),
        ];
        return ask.json({ ok: problems.length === 0, problems });
      },
    },
    {
      role: 'write',
      route: {
        method: 'post',
        path: '/v1/buckets/{bucket}/rules/{id}/probe',
        summary: 'Write, read and mark one small object at the destination of a rule',
        description:
          'Under the prefix .cos-serverless-replication/, which no rule replicates. Its version stays.',
        security,
        request: { params: ruleParams },
        responses: { 200: json('What became of each step.', probeSchema), ...refusals() },
      },
      run: async (ask) => {
        const { rule } = await rules.get(param(ask, 'bucket'), param(ask, 'id'));
        return ask.json(await probeDestination(ports.probe, ports.entropy, rule.destination));
      },
    },
  ];
}
