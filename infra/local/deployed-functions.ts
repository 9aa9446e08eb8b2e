import { mkdirSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { unzipSync } from 'fflate';
import type { RegisteredFunction } from './control-plane/function-registry';
import type { ScfHost } from './scf/host';
import type { RoleKey, ScfFunction } from './scf/scf-function';
import { startTimers } from './scf/timer-trigger';

export interface DeployedFunctionsSettings {
  readonly account: { readonly appid: string; readonly uin: string };
  /** Code is unpacked here. */
  readonly dir: string;
  readonly host: Pick<ScfHost, 'put' | 'take' | 'enqueue'>;
  /** A key of the function's execution role. */
  readonly roleKey: (functionName: string, role: string) => RoleKey;
  readonly retryDelayMs: number;
  readonly onProblem: (error: unknown) => void;
}

/** Runs what was deployed over the control plane: from its zip, with its settings, its triggers and its role. */
export interface DeployedFunctions {
  /** Told of each change; `undefined`: the function is gone. */
  readonly changed: (name: string, scf: RegisteredFunction | undefined) => void;
  /** Those that have a URL. */
  readonly withUrl: () => readonly Pick<ScfFunction, 'name' | 'appid' | 'region'>[];
  readonly stop: () => void;
}

interface Running {
  readonly registered: RegisteredFunction;
  readonly stopTimers: () => void;
}

/** A laptop's share of what an account may run at once. */
const maxInstancesDefault = 4;

export function createDeployedFunctions(settings: DeployedFunctionsSettings): DeployedFunctions {
  const { account, dir, host, onProblem } = settings;
  const running = new Map<string, Running>();

  const stopTimers = (name: string): void => running.get(name)?.stopTimers();
  const fire = (name: string, event: object): void => {
    if (!host.enqueue(name, event))
      onProblem(new Error(`The queue of "${name}" is full: a timer event was dropped.`));
  };
  const hosted = (registered: RegisteredFunction): ScfFunction => ({
    name: registered.name,
    bundle: unpack(registered, dir),
    handler: registered.handler,
    region: registered.region,
    ...account,
    environment: registered.environment,
    timeoutSeconds: registered.timeoutSeconds,
    memoryMb: registered.memoryMb,
    maxInstances:
      registered.reservedMemoryMb === undefined
        ? maxInstancesDefault
        : Math.max(1, Math.floor(registered.reservedMemoryMb / registered.memoryMb)),
    roleKey: () => settings.roleKey(registered.name, registered.role),
    retry: {
      attempts: registered.retryNum,
      delayMs: settings.retryDelayMs,
      ageMaxMs: registered.messageTtlSeconds * 1000,
    },
  });

  return {
    changed: (name, registered) => {
      const before = running.get(name)?.registered;
      if (!registered) {
        stopTimers(name);
        running.delete(name);
        host.take(name);
        return;
      }
      // Code in a bucket is not fetched: such a function stands in the registry and does not run.
      if (registered.code.zipFile === '') return;
      if (!before || isOther(before, registered)) host.put(hosted(registered));
      stopTimers(name);
      const timers = startTimers(timersOf(registered), fire);
      running.set(name, { registered, stopTimers: timers.stop });
    },
    withUrl: () =>
      [...running.values()]
        .filter(({ registered }) => registered.triggers.some(({ type }) => type === 'http'))
        .map(({ registered: { name, region } }) => ({ name, region, appid: account.appid })),
    stop: () => {
      for (const name of running.keys()) stopTimers(name);
    },
  };
}

/** A change of triggers alone leaves the instances warm, as it does on SCF. */
function isOther(one: RegisteredFunction, other: RegisteredFunction): boolean {
  const { triggers: _one, modifiedAtMs: _before, ...rest } = one;
  const { triggers: _other, modifiedAtMs: _after, ...otherRest } = other;
  return JSON.stringify(rest) !== JSON.stringify(otherRest);
}

function timersOf({ name, triggers }: RegisteredFunction) {
  return triggers
    .filter(({ type, enable }) => type === 'timer' && enable)
    .map(({ triggerName, triggerDesc, customArgument }) => ({
      functionName: name,
      triggerName,
      cron: (JSON.parse(triggerDesc) as { cron: string }).cron,
      message: customArgument,
    }));
}

/** Returns the file of the handler. Fails if the zip cannot be read, or does not hold it. */
export function unpack(
  { name, handler, code }: Pick<RegisteredFunction, 'name' | 'handler' | 'code'>,
  dir: string,
): string {
  const zip = Buffer.from(code.zipFile, 'base64');
  const files = unzipSync(zip);
  const bundle = `${handler.split('.')[0]}.js`;
  if (!files[bundle]) throw new Error(`The code of ${name} holds no ${bundle} at its root.`);
  // A folder for each code: instances of the last one may still read theirs.
  const folder = path.join(dir, name, createHash('sha256').update(zip).digest('hex').slice(0, 16));
  for (const [file, content] of Object.entries(files)) {
    const target = path.join(folder, file);
    if (!target.startsWith(`${folder}${path.sep}`)) throw new Error(`The code of ${name} holds ${file}.`);
    if (file.endsWith('/')) continue;
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
  return path.join(folder, bundle);
}
