import type { Buckets } from './buckets';
import type { CallCloud } from './cloud-api';
import { checkAccountLimits } from './account-limits';
import { DeployError } from './deploy-error';
import { type Deployment, destinationsOf } from './deployment';
import { type Finding, ok, problem } from './finding';
import { environmentOf, findFunction } from './functions';
import { planTriggers, triggerName } from './trigger-plan';
import { listTriggers } from './triggers';
import { roleProblems } from './role';
import { rolePolicy } from './role-policy';

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
    async () => {
      const policy = rolePolicy(deployment, appid);
      const problems = await roleProblems(call, deployment.roleName, policy);
      return problems.length > 0
        ? problems.map(problem)
        : [ok(`The role ${deployment.roleName} may do what it should, no more.`)];
    },
    ...deployment.functions.map((wanted) => () => checkFunction(deployment, wanted, call)),
    () => checkOthers(deployment, call),
    () => checkAccountLimits(deployment, call),
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

const functionsPageSize = 100;
const functionPagesMax = 10;

/** COS shows no triggers of a bucket to a function's owner, so every function of the region is asked for its own. */
async function checkOthers(
  { region, sources, functions }: Deployment,
  call: CallCloud,
): Promise<readonly Finding[]> {
  const own = new Set(functions.map(({ name }) => name));
  const watched = new Set(
    sources.map(({ bucket, prefix }) => triggerName({ type: 'cos', bucket, prefix, event: '' }, region)),
  );
  const findings: Finding[] = [];
  for (let page = 0; page < functionPagesMax; page += 1) {
    const { Functions, TotalCount } = await call<{
      Functions: readonly { readonly FunctionName: string }[];
      TotalCount: number;
    }>('scf', 'ListFunctions', { Offset: page * functionsPageSize, Limit: functionsPageSize });
    for (const { FunctionName } of Functions) {
      if (own.has(FunctionName)) continue;
      const rivals = (await listTriggers(call, FunctionName)).filter(
        ({ Type, TriggerName }) => Type === 'cos' && watched.has(TriggerName),
      );
      for (const { TriggerName, TriggerDesc } of rivals)
        findings.push(
          problem(
            `The function ${FunctionName} is bound to a source, ${TriggerName} ${TriggerDesc}: where events and prefixes meet, COS refuses ours.`,
          ),
        );
    }
    if ((page + 1) * functionsPageSize >= TotalCount) break;
  }
  return findings.length > 0
    ? findings
    : [ok('No other function of the default namespace is bound to a source.')];
}
