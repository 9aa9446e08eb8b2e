import type { BucketRef } from '../../lib/domain/rule';
import type { Buckets } from './buckets';
import type { CallCloud } from './cloud-api';
import { type Deployment, destinationsOf } from './deployment';
import { findFunction } from './functions';
import { readDesc } from './trigger-plan';
import { listTriggers } from './triggers';

/** What stands in the account, a line each. */
export async function info(
  deployment: Deployment,
  call: CallCloud,
  buckets: Buckets,
): Promise<readonly string[]> {
  const { region, sources, stateBucket } = deployment;
  const lines = [`stack ${deployment.stack} in ${region}`];
  for (const { name } of deployment.functions) {
    const found = await findFunction(call, name);
    if (!found) {
      lines.push(`function ${name}: not deployed`);
      continue;
    }
    lines.push(
      `function ${name}: ${found.Status}, ${found.Runtime}, ${found.MemorySize} MB, ${found.Timeout} s`,
    );
    for (const trigger of await listTriggers(call, name)) {
      const desc = readDesc(trigger);
      const off = trigger.Enable === 1 ? '' : ' (switched off)';
      if (trigger.Type === 'http') lines.push(`  URL ${desc.NetConfig?.ExtranetUrl ?? 'unknown'}${off}`);
      else if (trigger.Type === 'timer') lines.push(`  timer ${desc.cron ?? trigger.TriggerDesc}${off}`);
      else
        lines.push(
          `  ${desc.event ?? ''} of ${trigger.TriggerName}, prefix "${desc.filter?.Prefix ?? ''}"${off}`,
        );
    }
  }
  const shown = async (role: string, bucket: BucketRef): Promise<string> => {
    const found = await buckets.head(bucket);
    const state = found === 'found' ? `versioning ${await buckets.versioning(bucket)}` : found;
    return `${role} ${bucket.bucket} in ${bucket.region}: ${state}`;
  };
  const hasState = (await buckets.head(stateBucket)) === 'found';
  for (const { bucket } of sources) {
    const source = { bucket, region };
    const rules = hasState ? await buckets.ruleCount(stateBucket, source) : 0;
    lines.push(`${await shown('source', source)}, rules: ${rules}`);
  }
  for (const bucket of destinationsOf(sources)) lines.push(await shown('destination', bucket));
  lines.push(await shown('state', stateBucket));
  return lines;
}

/** The rule API's address; `undefined`: not deployed. */
export async function functionUrl(call: CallCloud, functionName: string): Promise<string | undefined> {
  const triggers = await listTriggers(call, functionName);
  const http = triggers.find(({ Type }) => Type === 'http');
  return http && readDesc(http).NetConfig?.ExtranetUrl;
}
