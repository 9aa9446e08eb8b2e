import type { CallCloud } from './cloud-api';
import type { WantedFunction } from './deployment';
import { DeployError } from './deploy-error';
import { type ListedTrigger, planTriggers, triggerDesc, triggerName, type TriggerStep } from './trigger-plan';

const pageSize = 100;

/** All of one function: at most 10 of each type. https://cloud.tencent.com/document/api/583/46784 */
export async function listTriggers(call: CallCloud, functionName: string): Promise<readonly ListedTrigger[]> {
  const { Triggers } = await call<{ Triggers: readonly ListedTrigger[] | null }>('scf', 'ListTriggers', {
    FunctionName: functionName,
    Offset: 0,
    Limit: pageSize,
  });
  return Triggers ?? [];
}

/** Makes the function's triggers the wanted ones. Returns what was changed, a sentence each. */
export async function reconcileTriggers(
  call: CallCloud,
  scf: Pick<WantedFunction, 'name' | 'triggers'>,
  region: string,
): Promise<readonly string[]> {
  const steps = planTriggers(scf.triggers, await listTriggers(call, scf.name), region);
  const done: string[] = [];
  for (const step of steps) done.push(await apply(call, scf.name, region, step));
  return done;
}

async function apply(call: CallCloud, name: string, region: string, step: TriggerStep): Promise<string> {
  switch (step.kind) {
    case 'delete':
      await deleteTrigger(call, name, step.listed);
      return `deleted the trigger ${said(step.listed)}`;
    case 'open':
      await call('scf', 'UpdateTriggerStatus', { ...named(name, step.listed), Enable: 'OPEN' });
      return `switched on the trigger ${said(step.listed)}`;
    case 'update':
      await call('scf', 'UpdateTrigger', {
        ...named(name, step.listed),
        TriggerDesc: triggerDesc(step.wanted),
        Enable: 'OPEN',
      });
      return `updated the ${step.wanted.type} trigger`;
    case 'create': {
      for (const listed of step.inTheWay) await deleteTrigger(call, name, listed);
      const wanted = {
        Type: step.wanted.type,
        TriggerName: triggerName(step.wanted, region),
        TriggerDesc: triggerDesc(step.wanted),
      };
      try {
        await create(call, name, wanted);
      } catch (error) {
        // The bucket's events go on as they did, until somebody has seen to what is wrong.
        for (const listed of step.inTheWay) await create(call, name, listed).catch(() => undefined);
        throw asConflict(error, wanted);
      }
      const replaced = step.inTheWay.length > 0 ? ', in place of an older one' : '';
      return `created the trigger ${said(wanted)}${replaced}`;
    }
  }
}

type Described = Pick<ListedTrigger, 'Type' | 'TriggerName' | 'TriggerDesc'>;

async function create(
  call: CallCloud,
  name: string,
  { Type, TriggerName, TriggerDesc }: Described,
): Promise<void> {
  const qualifier = Type === 'http' ? { Qualifier: '$LATEST' } : {};
  await call('scf', 'CreateTrigger', {
    FunctionName: name,
    Type,
    TriggerName,
    TriggerDesc,
    Enable: 'OPEN',
    ...qualifier,
  });
}

export async function deleteTrigger(call: CallCloud, name: string, listed: ListedTrigger): Promise<void> {
  await call('scf', 'DeleteTrigger', named(name, listed));
}

/** A COS trigger is found by its description, since all of a bucket share a name. */
function named(functionName: string, { Type, TriggerName, TriggerDesc }: ListedTrigger) {
  return {
    FunctionName: functionName,
    Type,
    TriggerName,
    ...(Type === 'cos' ? { TriggerDesc } : {}),
  };
}

function said({ Type, TriggerName, TriggerDesc }: Described): string {
  return `${Type} ${TriggerName}${Type === 'cos' ? ` ${TriggerDesc}` : ''}`.trim();
}

/** Which code SCF gives to COS's refusal is not documented; COS's own stands in the message. */
function asConflict(error: unknown, wanted: Described): unknown {
  if (!(error instanceof DeployError) || !/NotifyRule\w*Conflict|conflict/i.test(error.message)) return error;
  const message =
    `Another function is bound to the same events of the bucket: ${said(wanted)} was refused (${error.message}). ` +
    'One event of a bucket goes to one function: delete the other trigger in the console, or leave the bucket out; then deploy again.';
  return new DeployError('TRIGGER_CONFLICT', message, error.cloudCode, error);
}
