import type { Buckets } from './buckets';
import type { CallCloud } from './cloud-api';
import type { Deployment } from './deployment';
import { ensureBuckets } from './ensure-buckets';
import { checkRuntime, ensureFunction, findFunction, type Polling, pollingDefault } from './functions';
import { ensureRole } from './role';
import { rolePolicy } from './role-policy';
import { reconcileTriggers } from './triggers';

/** What a life cycle works on. */
export interface Surroundings {
  readonly call: CallCloud;
  readonly buckets: Buckets;
  /** Told of each step when it is done. */
  readonly say: (line: string) => void;
  readonly polling?: Polling;
}

/**
 * Makes the account what the deployment says, in an order in which each step leaves what works: checks, buckets, role,
 * functions, and triggers last. Returns how many things were changed; 0 if nothing had to be.
 */
export async function deploy(
  deployment: Deployment,
  appid: string,
  { call, buckets, say, polling = pollingDefault }: Surroundings,
): Promise<number> {
  let changes = 0;
  const report = (done: readonly string[]): number => {
    for (const line of done) say(line);
    changes += done.length;
    return done.length;
  };
  for (const { name } of deployment.functions) {
    const found = await findFunction(call, name);
    if (found) checkRuntime(name, found, deployment.runtime);
  }
  report(await ensureBuckets(buckets, deployment));
  report(await ensureRole(call, deployment.roleName, rolePolicy(deployment, appid)));
  for (const wanted of deployment.functions) report(await ensureFunction(call, deployment, wanted, polling));
  let rebound = 0;
  for (const wanted of deployment.functions) {
    const count = report(await reconcileTriggers(call, wanted, deployment.region));
    if (wanted.triggers.some(({ type }) => type === 'cos')) rebound += count;
  }
  // Events between the end of one trigger and the beginning of the next came to nobody.
  const reconcile = deployment.functions.find(({ key }) => key === 'reconcile');
  if (rebound > 0 && reconcile) {
    await call('scf', 'Invoke', {
      FunctionName: reconcile.name,
      InvocationType: 'Event',
      ClientContext: '{}',
    });
    say(`started ${reconcile.name}, for what came while triggers changed`);
  }
  return changes;
}
