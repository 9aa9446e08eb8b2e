import { environmentProblems, eventAgeMsMax, retriesMax, secondsPerInvocationMax } from './limits';

/** The temporary key of a function's execution role, as SCF puts it into the environment. */
export interface RoleKey {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token: string;
  readonly expiresAtMs: number;
}

/** One event function of the local SCF, with what CreateFunction would say about it. */
export interface ScfFunction {
  readonly name: string;
  /** Absolute path of the built CommonJS file. */
  readonly bundle: string;
  /** `<file>.<export>`, as SCF writes it: `replicate.main_handler` for `replicate.js`. */
  readonly handler: string;
  readonly region: string;
  readonly appid: string;
  readonly uin: string;
  /** The user's variables; those of the platform are added by the host. */
  readonly environment: Readonly<Record<string, string>>;
  /** 1 to 900. */
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** How many events are worked on at once: one instance works on one. */
  readonly maxInstances: number;
  /** A fresh key of the execution role: asked for each new instance, and again shortly before the last expires. */
  readonly roleKey: () => RoleKey;
  readonly retry: AsyncRetry;
}

/** What happens to an asynchronous event whose handler threw, timed out or crashed. */
export interface AsyncRetry {
  /** Further tries after the first; SCF's default is 2. */
  readonly attempts: number;
  /** SCF waits a minute or two; here a setting. */
  readonly delayMs: number;
  /** An event that is older is not tried any more, whether it was ever tried or not. SCF's MsgTTL. */
  readonly ageMaxMs: number;
}

/** Refuses what SCF would refuse at CreateFunction, with every problem in one sentence each. */
export function checkScfFunction(scf: ScfFunction): void {
  const file = scf.bundle.replace(/^.*[/\\]/, '').replace(/\.c?js$/, '');
  const [handlerFile, handlerExport, ...rest] = scf.handler.split('.');
  const problems: string[] = [];
  if (!/^[A-Za-z][\w-]{0,59}$/.test(scf.name)) problems.push('its name is not one that SCF accepts');
  if (handlerFile !== file || !handlerExport || rest.length > 0) {
    problems.push(`its handler "${scf.handler}" does not name an export of the file "${file}"`);
  }
  if (!(scf.timeoutSeconds > 0 && scf.timeoutSeconds <= secondsPerInvocationMax)) {
    problems.push(`its timeout is not within 1 to ${secondsPerInvocationMax} seconds`);
  }
  if (!(scf.memoryMb >= 64)) problems.push('its memory is below 64 MB');
  if (!(Number.isInteger(scf.maxInstances) && scf.maxInstances >= 1))
    problems.push('it may have no instance');
  if (!(scf.retry.attempts >= 0 && scf.retry.attempts <= retriesMax))
    problems.push(`its events cannot be tried ${scf.retry.attempts} more times`);
  if (!(scf.retry.ageMaxMs > 0 && scf.retry.ageMaxMs <= eventAgeMsMax))
    problems.push('its events cannot be kept for so long');
  problems.push(...environmentProblems(scf.environment));
  if (problems.length > 0)
    throw new Error(`The function "${scf.name}" cannot be hosted: ${problems.join('; ')}.`);
}
