import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Environment } from './environment';
import { newRuleSchema, previewSchema, settingsSchema } from './schemas';

/** What stands in the OpenAPI document beside the operations. */
export function registerDocument(api: OpenAPIHono<Environment>): void {
  const { openAPIRegistry: registry } = api;
  registry.register('NewRule', newRuleSchema);
  registry.register('RuleSettings', settingsSchema);
  registry.register('PreviewRequest', previewSchema);
  registry.registerComponent('schemas', 'RulePatch', {
    type: 'object',
    description: 'Some fields of RuleSettings; null means the default.',
  });
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A credential as "<credential id>:<secret>".',
  });
}

export function apiDocument(api: OpenAPIHono<Environment>) {
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Rules of cos-serverless-replication',
      version: '1',
      description:
        'Manages which buckets are replicated where. Changes name the revision that they were made from: the ETag of ' +
        'what was read, sent as If-Match. COS’s own PUT, GET and DELETE ?replication are at /native/{bucket}/{region}/.',
    },
    servers: [{ url: '../', description: 'Where this document is.' }],
  });
}
