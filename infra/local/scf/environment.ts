import path from 'node:path';
import type { RoleKey, ScfFunction } from './scf-function';

const functionVersion = '$LATEST';
const namespace = 'default';
const runtime = 'Nodejs20.19';

/**
 * The whole environment of an instance: the user's variables and those that SCF documents, nothing of the host.
 * https://www.tencentcloud.com/document/product/583/32748
 */
export function instanceEnvironment(scf: ScfFunction, key: RoleKey): Record<string, string> {
  return {
    ...scf.environment,
    TENCENTCLOUD_RUNENV: 'SCF',
    TENCENTCLOUD_REGION: scf.region,
    TENCENTCLOUD_APPID: scf.appid,
    TENCENTCLOUD_UIN: scf.uin,
    TENCENTCLOUD_TZ: 'UTC',
    ...roleKeyEnvironment(key),
    SCF_FUNCTIONNAME: scf.name,
    SCF_FUNCTIONVERSION: functionVersion,
    SCF_NAMESPACE: namespace,
    SCF_RUNTIME: runtime,
    SCF_ASYNC_RUN_ENABLE: '0',
    USER_CODE_ROOT: path.dirname(scf.bundle),
    // SCF's machines run in UTC; this one may not. A user's own TZ wins there too.
    TZ: scf.environment.TZ ?? 'UTC',
  };
}

/** The three variables that change while an instance lives: SCF replaces the role's key before it expires. */
export function roleKeyEnvironment(key: RoleKey): Record<string, string> {
  return {
    TENCENTCLOUD_SECRETID: key.secretId,
    TENCENTCLOUD_SECRETKEY: key.secretKey,
    TENCENTCLOUD_SESSIONTOKEN: key.token,
  };
}

/** The fields of the handler's second argument that are the same for every event of a function. */
export interface ContextBase {
  readonly memory_limit_in_mb: number;
  readonly time_limit_in_ms: number;
  readonly environment: string;
  readonly environ: string;
  readonly function_version: string;
  readonly function_name: string;
  readonly namespace: string;
  readonly tencentcloud_region: string;
  readonly tencentcloud_appid: string;
  readonly tencentcloud_uin: string;
}

/** What every invocation of a function is told about it. https://www.tencentcloud.com/document/product/583/46770 */
export function contextBase(scf: ScfFunction): ContextBase {
  const variables = { SCF_NAMESPACE: namespace, ...scf.environment };
  return {
    memory_limit_in_mb: scf.memoryMb,
    time_limit_in_ms: scf.timeoutSeconds * 1000,
    environment: JSON.stringify(variables),
    environ: Object.entries(variables)
      .map(([name, value]) => `${name}=${value}`)
      .join(';'),
    function_version: functionVersion,
    function_name: scf.name,
    namespace,
    tencentcloud_region: scf.region,
    tencentcloud_appid: scf.appid,
    tencentcloud_uin: scf.uin,
  };
}
