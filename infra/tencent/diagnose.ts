import type { Buckets } from './buckets';
import type { CallCloud } from './cloud-api';
import { DeployError } from './deploy-error';
import { type Deployment, destinationsOf } from './deployment';
import { environmentOf, findFunction } from './functions';
import { planTriggers } from './trigger-plan';
import { listTriggers } from './triggers';
import { roleExists } from './role';

export interface Finding {
  readonly verdict: 'ok' | 'problem' | 'unknown';
  /** A sentence, and for a problem what to do. */
  readonly text: string;
}

/** Looks at everything that a deployment rests on and changes nothing. Each check stands alone. */
export async function diagnose(
  deployment: Deployment,
  appid: string,
  call: CallCloud,
  buckets: Buckets,
): Promise<readonly Finding[]> {
  const checks: (() => Promise<readonly Finding[]>)[] = [
    async () => [ok(`The credentials are of the account ${appid}, and this clock is right enough to sign.`)],
    () => checkBuckets(deployment, buckets),
    async () => [
      (await roleExists(call, deployment.roleName))
        ? ok(`The role ${deployment.roleName} is there.`)
        : problem(`The role ${deployment.roleName} is missing: sls deploy makes it.`),
    ],
    ...deployment.functions.map((wanted) => () => checkFunction(deployment, wanted, call)),
    async () => openQuestions(),
  ];
  const findings: Finding[] = [];
  for (const check of checks) {
    try {
      findings.push(...(await check()));
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      findings.push(problem(error.message));
    }
  }
  return findings;
}

async function checkBuckets(deployment: Deployment, buckets: Buckets): Promise<readonly Finding[]> {
  const { region, sources, stateBucket } = deployment;
  const findings: Finding[] = [];
  for (const bucket of [
    ...sources.map((source) => ({ bucket: source.bucket, region })),
    ...destinationsOf(sources),
  ]) {
    const head = await buckets.head(bucket);
    const versioning = head === 'found' ? await buckets.versioning(bucket) : undefined;
    if (head !== 'found')
      findings.push(problem(`The bucket ${bucket.bucket} in ${bucket.region} is ${head}.`));
    else if (versioning === 'Enabled') findings.push(ok(`${bucket.bucket} is versioned.`));
    else findings.push(problem(`Versioning of ${bucket.bucket} is ${versioning}: switch it on.`));
  }
  const state = await buckets.head(stateBucket);
  if (state === 'missing') findings.push(problem(`The state bucket is missing: sls deploy makes it.`));
  else if (state === 'denied') findings.push(problem(`The state bucket ${stateBucket.bucket} is denied.`));
  else if ((await buckets.versioning(stateBucket)) === 'Unversioned')
    findings.push(ok('The state bucket is not versioned.'));
  else findings.push(problem('The state bucket is or was versioned: name another one.'));
  return findings;
}

async function checkFunction(
  { region, runtime, roleName }: Deployment,
  wanted: Deployment['functions'][number],
  call: CallCloud,
): Promise<readonly Finding[]> {
  const found = await findFunction(call, wanted.name);
  if (!found) return [problem(`The function ${wanted.name} is missing: sls deploy makes it.`)];
  const findings: Finding[] = [];
  if (found.Status !== 'Active') findings.push(problem(`${wanted.name} is ${found.Status}.`));
  if (found.Runtime !== runtime)
    findings.push(problem(`${wanted.name} runs on ${found.Runtime}, not on ${runtime}.`));
  if (found.Role !== roleName) findings.push(problem(`${wanted.name} has the role ${found.Role || 'none'}.`));
  const differing = Object.entries(wanted.environment).filter(
    ([name, value]) => environmentOf(found)[name] !== value,
  );
  for (const [name] of differing) findings.push(problem(`${wanted.name} has another ${name}: deploy again.`));
  const steps = planTriggers(wanted.triggers, await listTriggers(call, wanted.name), region);
  if (steps.length > 0)
    findings.push(
      problem(`${wanted.name}: ${steps.length} triggers are not as they should be: deploy again.`),
    );
  return findings.length > 0 ? findings : [ok(`${wanted.name} is as it should be.`)];
}

/** What nobody outside can know, said so that it is verified on a real account and not believed. */
function openQuestions(): readonly Finding[] {
  return [
    unknown(
      'Whether another function is bound to a source: SCF lists triggers by function only. A deploy is refused then.',
    ),
    unknown(
      'Whether string_like "?*" on cos:versionid denies deletes of versions: docs/deploy.md says how to try it.',
    ),
    unknown('Whether this region takes the runtime: only the first deploy shows it, and says so.'),
  ];
}

const ok = (text: string): Finding => ({ verdict: 'ok', text });
const problem = (text: string): Finding => ({ verdict: 'problem', text });
const unknown = (text: string): Finding => ({ verdict: 'unknown', text });
