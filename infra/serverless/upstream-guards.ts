import { createRequire } from 'node:module';
import { DeployError } from '../tencent/deploy-error';

/**
 * Every defect of `serverless-tencent-scf` that a deployment must not meet, with what guards against it. The guards know
 * one version; another is refused rather than trusted.
 */
export const upstreamVersion = '0.1.36';

/** The hooks of osls, by event. */
export type Hooks = Record<string, { readonly pluginName: string; readonly hook: unknown }[]>;

export interface UpstreamDefect {
  readonly defect: string;
  readonly guard: 'silenced while it loads' | 'its commands are taken away' | 'replaced by npm overrides';
  /** The test that fails without the guard: its file below test/, and its name. */
  readonly provedBy: readonly [file: string, name: string];
}

const guardTests = 'infra/serverless/upstream-guards.test.ts';
const settingsTests = 'infra/serverless/settings.test.ts';
const deployTests = 'infra/tencent/deploy.test.ts';
const lifeCycle = [
  'e2e/deploy.test.ts',
  'deploys, updates, does nothing, shows and removes; and what is deployed replicates',
] as const;

export const upstreamDefects: readonly UpstreamDefect[] = [
  {
    defect:
      'telemetry over plain http while it loads, without an error handler: a DNS failure ends every command',
    guard: 'silenced while it loads',
    provedBy: [guardTests, 'upstream loads without opening a connection'],
  },
  {
    defect: 'a real-name check over plain http at a service that was switched off, which ends the process',
    guard: 'silenced while it loads',
    provedBy: [guardTests, 'its real-name check and its login are refused instead of asked'],
  },
  {
    defect: 'a login by QR code over plain http where credentials are missing, which ends with exit code 0',
    guard: 'silenced while it loads',
    provedBy: ['e2e/deploy-failures.long.ts', 'missing credentials'],
  },
  {
    defect:
      'triggers are looked up by name and type, but all of a bucket share a name: an update deletes the wrong one',
    guard: 'its commands are taken away',
    provedBy: [deployTests, 'a bucket that is added or removed leaves the triggers of the others alone'],
  },
  {
    defect: 'triggers that are no longer in the yml stay',
    guard: 'its commands are taken away',
    provedBy: [
      deployTests,
      'five buckets can be exchanged for five others, though a function takes ten triggers',
    ],
  },
  {
    defect: 'a timer is made anew by every deploy',
    guard: 'its commands are taken away',
    provedBy: lifeCycle,
  },
  {
    defect: "one function's variables leak into all the others",
    guard: 'its commands are taken away',
    provedBy: [settingsTests, 'only the function with a URL is told the master secret'],
  },
  {
    defect: 'credentials come only from a file, without a token',
    guard: 'its commands are taken away',
    provedBy: ['e2e/deploy-failures.long.ts', 'an expired token'],
  },
  {
    defect: 'it makes the platform role by itself and swallows errors; it deletes tags of others',
    guard: 'its commands are taken away',
    provedBy: [guardTests, 'nothing of upstream runs in any command, and those that were only its own fail'],
  },
  {
    defect: 'a failed remove exits with 0',
    guard: 'its commands are taken away',
    provedBy: ['e2e/deploy-failures.long.ts', 'a failed remove, and commands that are not ours'],
  },
  {
    defect:
      'package.individually crashes it; it knows no Function URL; it signs with v1; it has no international endpoint',
    guard: 'its commands are taken away',
    provedBy: lifeCycle,
  },
  {
    defect: 'its dependency tree carries known advisories',
    guard: 'replaced by npm overrides',
    provedBy: [guardTests, 'what has known advisories in its tree is another package, or newer'],
  },
];

/** Before upstream is loaded: nothing of it may open a connection or end the process. */
export function silenceUpstream(serviceDir: string): void {
  const fromService = createRequire(`${serviceDir}/package.json`);
  const { version } = fromService('serverless-tencent-scf/package.json') as { version: string };
  if (version !== upstreamVersion) {
    const message = `serverless-tencent-scf is ${version}; its defects are known and guarded for ${upstreamVersion} only. Install that version.`;
    throw new DeployError('UPSTREAM_UNKNOWN', message);
  }
  const fromUpstream = createRequire(fromService.resolve('serverless-tencent-scf/package.json'));
  const tools = fromUpstream('serverless-tencent-tools') as UpstreamTools;
  const Login = fromUpstream('tencent-login') as { prototype: Record<'login' | 'flush', unknown> };
  tools.Others.DataReport.DataReport.prototype.report = () => undefined;
  tools.Account.GetUserAuthInfo.prototype.isAuth = refuse;
  Login.prototype.login = refuse;
  Login.prototype.flush = refuse;
}

interface UpstreamTools {
  readonly Others: { readonly DataReport: { readonly DataReport: { prototype: { report: unknown } } } };
  readonly Account: { readonly GetUserAuthInfo: { prototype: { isAuth: unknown } } };
}

function refuse(): never {
  throw new DeployError(
    'CREDENTIALS_MISSING',
    'serverless-tencent-scf wanted to log in by itself, which a deployment never does.',
  );
}

const upstreamPlugin = /^Tencent[A-Z]/;

/** What upstream adds to the command line and what this deployment does not do. */
const foreignCommands = [
  'invoke:invoke',
  'logs:logs',
  'metrics:metrics',
  'rollback:rollback',
  'deploy:function:deploy',
  'deploy:list:log',
  'deploy:list:functions:log',
];

/** After upstream is loaded: it stays the provider, and does nothing. Its commands say so, and fail. */
export function takeHooksAway(hooks: Hooks, shown: (error: DeployError) => Error): void {
  for (const [event, entries] of Object.entries(hooks))
    hooks[event] = entries.filter(({ pluginName }) => !upstreamPlugin.test(pluginName));
  for (const event of foreignCommands) {
    const command = event.split(':').slice(0, -1).join(' ');
    const hook = (): never => {
      const message = `"sls ${command}" is not part of this deployment; use the console of SCF, or "sls deploy", "sls info", "sls diagnose", "sls remove".`;
      throw shown(new DeployError('SETTINGS_INVALID', message));
    };
    (hooks[event] ??= []).push({ pluginName: 'CosReplication', hook });
  }
}
