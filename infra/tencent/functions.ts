import { type CallCloud, sleep } from './cloud-api';
import type { Deployment, WantedFunction } from './deployment';
import { DeployError } from './deploy-error';
import { codeHash } from './function-zip';

/** GetFunction, as far as a deployment looks. https://cloud.tencent.com/document/api/583/18584 */
export interface ListedFunction {
  readonly Status: string;
  readonly StatusDesc?: string;
  readonly Runtime: string;
  readonly Handler: string;
  readonly Description: string;
  readonly MemorySize: number;
  readonly Timeout: number;
  readonly Role: string;
  readonly Environment?: { readonly Variables?: readonly { readonly Key: string; readonly Value: string }[] };
}

export interface Polling {
  readonly pause: (ms: number) => Promise<void>;
  readonly pauseMs: number;
  readonly looksMax: number;
}

/** A function is changed within seconds; two minutes are more than anybody has seen. */
export const pollingDefault: Polling = { pause: sleep, pauseMs: 500, looksMax: 240 };

/** `undefined`: there is none of this name. */
export async function findFunction(call: CallCloud, name: string): Promise<ListedFunction | undefined> {
  try {
    return await call<ListedFunction>('scf', 'GetFunction', { FunctionName: name });
  } catch (error) {
    if (error instanceof DeployError && error.cloudCode.startsWith('ResourceNotFound')) return undefined;
    throw error;
  }
}

/** Makes one function what is wanted, without its triggers. Returns what was changed, a sentence each. */
export async function ensureFunction(
  call: CallCloud,
  deployment: Pick<Deployment, 'runtime' | 'roleName'>,
  wanted: WantedFunction,
  polling = pollingDefault,
): Promise<readonly string[]> {
  const { name } = wanted;
  const done: string[] = [];
  let found = await findFunction(call, name);
  if (found?.Status === 'CreateFailed') {
    // It holds nothing and can never become Active.
    await call('scf', 'DeleteFunction', { FunctionName: name });
    found = undefined;
  }
  if (!found) {
    await call('scf', 'CreateFunction', {
      FunctionName: name,
      Runtime: deployment.runtime,
      Handler: wanted.handler,
      Code: { ZipFile: wanted.zip.toString('base64') },
      ...configurationOf(deployment, wanted),
    }).catch((error: unknown) => {
      throw asRuntimeRefusal(error, deployment.runtime);
    });
    await untilActive(call, name, polling);
    done.push(`created the function ${name}`);
  } else {
    checkRuntime(name, found, deployment.runtime);
    // After a failed update it never becomes Active by itself; another update may be what mends it.
    const isBroken = found.Status.endsWith('Failed');
    if (!isBroken && found.Status !== 'Active') found = await untilActive(call, name, polling);
    // The description names the code and is written after it: a deploy that ended between the two goes on here.
    if (isBroken || codeOf(found) !== codeHash(wanted.zip) || found.Handler !== wanted.handler) {
      await call('scf', 'UpdateFunctionCode', {
        FunctionName: name,
        Handler: wanted.handler,
        ZipFile: wanted.zip.toString('base64'),
      });
      await untilActive(call, name, polling);
      done.push(`updated the code of ${name}`);
    }
    if (!isConfigured(found, deployment, wanted)) {
      await call('scf', 'UpdateFunctionConfiguration', {
        FunctionName: name,
        ...configurationOf(deployment, wanted),
      });
      await untilActive(call, name, polling);
      done.push(`updated the settings of ${name}`);
    }
  }
  done.push(...(await ensureRetries(call, wanted)), ...(await ensureConcurrency(call, wanted)));
  return done;
}

/** The user's variables of a deployed function. */
export function environmentOf(found: ListedFunction): Readonly<Record<string, string>> {
  return Object.fromEntries((found.Environment?.Variables ?? []).map(({ Key, Value }) => [Key, Value]));
}

/** SCF refuses changes meanwhile. Fails with FUNCTION_STUCK or FUNCTION_FAILED. */
export async function untilActive(
  call: CallCloud,
  name: string,
  { pause, pauseMs, looksMax }: Polling,
): Promise<ListedFunction> {
  let status = '';
  for (let look = 0; look < looksMax; look += 1) {
    const found = await findFunction(call, name);
    status = found?.Status ?? 'missing';
    if (found?.Status === 'Active') return found;
    if (status.endsWith('Failed')) {
      const message = `The function ${name} is ${status}: ${found?.StatusDesc ?? ''}. Deploy again; if it stays, delete the function in the console first.`;
      throw new DeployError('FUNCTION_FAILED', message);
    }
    await pause(pauseMs);
  }
  const seconds = Math.round((pauseMs * looksMax) / 1000);
  const message = `The function ${name} is still ${status} after ${seconds} seconds. Nothing is half done: deploy again once the console shows it as normal.`;
  throw new DeployError('FUNCTION_STUCK', message);
}

export function checkRuntime(name: string, found: ListedFunction, runtime: string): void {
  if (found.Runtime === runtime) return;
  const message = `The function ${name} runs on ${found.Runtime}, and SCF cannot change that to ${runtime}. Set runtime: ${found.Runtime}, or run "sls remove" and deploy again (rules and data stay).`;
  throw new DeployError('RUNTIME_REFUSED', message);
}

function configurationOf({ roleName }: Pick<Deployment, 'roleName'>, wanted: WantedFunction) {
  return {
    Description: descriptionOf(wanted),
    MemorySize: wanted.memoryMb,
    Timeout: wanted.timeoutSeconds,
    Role: roleName,
    Environment: { Variables: Object.entries(wanted.environment).map(([Key, Value]) => ({ Key, Value })) },
  };
}

function isConfigured(
  found: ListedFunction,
  { roleName }: Pick<Deployment, 'roleName'>,
  wanted: WantedFunction,
): boolean {
  const sorted = (variables: Readonly<Record<string, string>>): string =>
    JSON.stringify(Object.entries(variables).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  return (
    found.Description === descriptionOf(wanted) &&
    found.MemorySize === wanted.memoryMb &&
    found.Timeout === wanted.timeoutSeconds &&
    found.Role === roleName &&
    sorted(environmentOf(found)) === sorted(wanted.environment)
  );
}

/** SCF says nowhere which code a function has, so its description does. */
function descriptionOf({ key, zip }: Pick<WantedFunction, 'key' | 'zip'>): string {
  return `COS replication: ${key}. Code ${codeHash(zip)}.`;
}

function codeOf({ Description }: ListedFunction): string | undefined {
  return /Code ([0-9a-f]{32})\./.exec(Description)?.[1];
}

/** https://cloud.tencent.com/document/api/583/68897 */
async function ensureRetries(call: CallCloud, wanted: WantedFunction): Promise<readonly string[]> {
  const { AsyncTriggerConfig } = await call<{
    AsyncTriggerConfig?: {
      readonly RetryConfig?: readonly { readonly RetryNum: number }[];
      readonly MsgTTL?: number;
    };
  }>('scf', 'GetFunctionEventInvokeConfig', { FunctionName: wanted.name });
  const retries = AsyncTriggerConfig?.RetryConfig?.[0]?.RetryNum;
  if (retries === wanted.retries && AsyncTriggerConfig?.MsgTTL === wanted.messageAgeSeconds) return [];
  await call('scf', 'UpdateFunctionEventInvokeConfig', {
    FunctionName: wanted.name,
    AsyncTriggerConfig: { RetryConfig: [{ RetryNum: wanted.retries }], MsgTTL: wanted.messageAgeSeconds },
  });
  return [`set the retries of ${wanted.name}`];
}

/** https://cloud.tencent.com/document/api/583/51247 */
async function ensureConcurrency(call: CallCloud, wanted: WantedFunction): Promise<readonly string[]> {
  const { ReservedMem } = await call<{ ReservedMem?: number | null }>('scf', 'GetReservedConcurrencyConfig', {
    FunctionName: wanted.name,
  });
  // Whether a function without a reservation has none, null or 0 is not documented.
  const reserved = ReservedMem || undefined;
  if (reserved === wanted.reservedMemoryMb) return [];
  if (wanted.reservedMemoryMb === undefined)
    await call('scf', 'DeleteReservedConcurrencyConfig', { FunctionName: wanted.name });
  else
    await call('scf', 'PutReservedConcurrencyConfig', {
      FunctionName: wanted.name,
      ReservedConcurrencyMem: wanted.reservedMemoryMb,
    });
  return [`set the reserved concurrency of ${wanted.name}`];
}

function asRuntimeRefusal(error: unknown, runtime: string): unknown {
  if (!(error instanceof DeployError) || !error.message.includes('Runtime')) return error;
  const message = `SCF does not take the runtime ${runtime} here (${error.message}). Set another one, for example Nodejs18.15, and deploy again.`;
  return new DeployError('RUNTIME_REFUSED', message, error.cloudCode, error);
}
