import { existsSync } from 'node:fs';
import path from 'node:path';
import { LocalCloudError } from './local-cloud-error';
import type { CosTrigger } from './scf/cos-trigger';
import { eventAgeMsMax } from './scf/limits';
import type { RoleKey, ScfFunction } from './scf/scf-function';
import type { TimerTrigger } from './scf/timer-trigger';

/** The region that the functions are deployed in, and whose buckets can be sources. */
export const homeRegion = 'ap-guangzhou';

/** What `sls deploy` would make in an account: functions and what triggers them. */
export interface Deployment {
  readonly functions: readonly ScfFunction[];
  readonly cosTriggers: readonly CosTrigger[];
  readonly timers: readonly TimerTrigger[];
  /** Those that have a Function URL. */
  readonly withUrl: readonly ScfFunction[];
  readonly stateBucket: string;
}

export interface DeploymentSettings {
  /** Holds `<name>.js` for each function. */
  readonly functionsDir: string;
  /** `false`: none; they are deployed over the control plane. */
  readonly builtFunctions: boolean;
  readonly account: { readonly appid: string; readonly uin: string };
  readonly masterSecret: string;
  readonly roleKey: (functionName: string) => RoleKey;
  readonly retryDelayMs: number;
  readonly configLifetimeSeconds: number;
  readonly rulesSettleMs: number;
  /** More variables for every function, as a deployment may set them. */
  readonly environment?: Readonly<Record<string, string>>;
}

interface DeployedFunction {
  readonly name: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** A laptop's share of what an account may run at once. */
  readonly maxInstances: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly bucketEvents?: readonly string[];
  readonly cron?: string;
  readonly url?: boolean;
}

/** The one table of what is deployed. */
function deployedFunctions(settings: DeploymentSettings): readonly DeployedFunction[] {
  return [
    {
      name: 'replicate',
      timeoutSeconds: 60,
      memoryMb: 256,
      maxInstances: 4,
      bucketEvents: ['cos:ObjectCreated:*', 'cos:ObjectRemove:*'],
    },
    {
      name: 'rules',
      timeoutSeconds: 60,
      memoryMb: 256,
      maxInstances: 2,
      environment: { API_MASTER_SECRET: settings.masterSecret },
      url: true,
    },
    {
      name: 'reconcile',
      timeoutSeconds: 60,
      memoryMb: 256,
      maxInstances: 1,
      // More often than in the cloud, so that a laptop shows it at work.
      cron: '*/30 * * * * * *',
    },
  ];
}

const asyncRetries = 2;

export function deploymentOf(settings: DeploymentSettings): Deployment {
  const { account, functionsDir } = settings;
  const stateBucket = `replication-state-${account.appid}`;
  const table = settings.builtFunctions ? deployedFunctions(settings) : [];
  const environment = {
    STATE_BUCKET: stateBucket,
    STATE_REGION: homeRegion,
    CONFIG_LIFETIME_SECONDS: String(settings.configLifetimeSeconds),
    RULES_SETTLE_MS: String(settings.rulesSettleMs),
    ...settings.environment,
  };
  const functions = table.map((entry): ScfFunction => {
    const bundle = path.resolve(functionsDir, `${entry.name}.js`);
    if (!existsSync(bundle)) {
      throw new LocalCloudError(
        'BUNDLE_MISSING',
        `${bundle} is missing. Build the functions with: npm run build`,
      );
    }
    return {
      name: entry.name,
      bundle,
      handler: `${entry.name}.main_handler`,
      region: homeRegion,
      appid: account.appid,
      uin: account.uin,
      environment: { ...environment, ...entry.environment },
      timeoutSeconds: entry.timeoutSeconds,
      memoryMb: entry.memoryMb,
      maxInstances: entry.maxInstances,
      roleKey: () => settings.roleKey(entry.name),
      retry: { attempts: asyncRetries, delayMs: settings.retryDelayMs, ageMaxMs: eventAgeMsMax },
    };
  });
  const isSource = (bucket: string, region: string): boolean =>
    region === homeRegion && bucket.endsWith(`-${account.appid}`) && bucket !== stateBucket;
  return {
    functions,
    stateBucket,
    cosTriggers: table.flatMap(({ name, bucketEvents }) =>
      bucketEvents ? [{ functionName: name, bucket: isSource, events: bucketEvents }] : [],
    ),
    timers: table.flatMap(({ name, cron }) =>
      cron === undefined ? [] : [{ functionName: name, triggerName: `${name}-timer`, cron }],
    ),
    withUrl: functions.filter((_, place) => table[place]?.url === true),
  };
}
