import type { Deployment } from './deployment';
import type { Surroundings } from './deploy';
import { findFunction, pollingDefault, untilActive } from './functions';
import { removeRole } from './role';
import { deleteTrigger, listTriggers } from './triggers';

/** Takes away triggers, functions and the role. Buckets, what is in them, and the rules stay. */
export async function remove(
  deployment: Pick<Deployment, 'functions' | 'roleName'>,
  { call, say, polling = pollingDefault }: Omit<Surroundings, 'buckets'>,
): Promise<number> {
  let changes = 0;
  for (const { name } of deployment.functions) {
    const found = await findFunction(call, name);
    if (!found) continue;
    if (!found.Status.endsWith('Failed')) await untilActive(call, name, polling);
    // Bindings of a bucket first: whether they go with the function is documented for none.
    for (const trigger of await listTriggers(call, name)) await deleteTrigger(call, name, trigger);
    await call('scf', 'DeleteFunction', { FunctionName: name });
    say(`removed the function ${name}`);
    changes += 1;
  }
  for (const line of await removeRole(call, deployment.roleName)) {
    say(line);
    changes += 1;
  }
  return changes;
}
