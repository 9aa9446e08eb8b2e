import { readFileSync } from 'node:fs';
import path from 'node:path';
import { deriveSecret } from '../../lib/app/api/credential';
import { type Buckets, bucketsOf, openCos } from '../tencent/buckets';
import { type CallCloud, cloudSender, createCloudApi } from '../tencent/cloud-api';
import { type DeployCredentials, readCredentials } from '../tencent/credentials';
import { deploy } from '../tencent/deploy';
import { DeployError } from '../tencent/deploy-error';
import { type Deployment, destinationsOf } from '../tencent/deployment';
import { diagnose } from '../tencent/diagnose';
import { countProblems, type Finding } from '../tencent/finding';
import { packFunction } from '../tencent/function-zip';
import { environmentOf, findFunction } from '../tencent/functions';
import { functionUrl, info } from '../tencent/info';
import { planLab } from '../tencent/probe/lab';
import { probe } from '../tencent/probe/probe';
import { remove } from '../tencent/remove';
import type { OslsLog, Serverless } from './osls';
import { deploymentOf, type FunctionSettings, readReplication, type ReplicationSettings } from './settings';
import { silenceUpstream, takeHooksAway } from './upstream-guards';
import { customProperties, functionEvents, functionProperties, providerSchema } from './yml-schema';

const masterSecretVariable = 'REPLICATION_MASTER_SECRET';
const masterSecretCharsMin = 32;
const domains = { china: 'tencentcloudapi.com', international: 'intl.tencentcloudapi.com' } as const;

/** What a command works on, once the settings are valid and the credentials known. */
interface Session {
  readonly deployment: Deployment;
  readonly appid: string;
  readonly call: CallCloud;
  readonly buckets: Buckets;
  readonly credentials: DeployCredentials;
}

/**
 * The companion of `serverless-tencent-scf`: listed before it, it leaves it the name of the provider and does the work of
 * deploy, info, remove and diagnose itself.
 */
export class CosReplication {
  readonly hooks: Readonly<Record<string, () => unknown>>;
  readonly commands = {
    credential: {
      usage: 'Print the header with which the rule API is asked',
      lifecycleEvents: ['credential'],
      options: {
        id: { usage: 'For example admin.write.1', required: true, type: 'string' },
      },
    },
    // The framework has a doctor of its own, for its configuration.
    diagnose: {
      usage: 'Check what a deployment needs, and what is in its way',
      lifecycleEvents: ['diagnose'],
      options: {
        probe: {
          usage:
            'Ask the platform what is only documented or unknown, in two buckets made for it and deleted',
          type: 'boolean',
        },
      },
    },
  };

  constructor(
    private readonly serverless: Serverless,
    private readonly options: { readonly id?: string; readonly probe?: boolean },
    private readonly output: OslsLog,
  ) {
    silenceUpstream(serverless.serviceDir);
    const schema = serverless.configSchemaHandler;
    schema.defineProvider('tencent', providerSchema);
    schema.defineFunctionProperties('tencent', functionProperties);
    for (const [name, event] of Object.entries(functionEvents))
      schema.defineFunctionEvent('tencent', name, event);
    schema.defineCustomProperties(customProperties);
    this.hooks = {
      initialize: () => takeHooksAway(serverless.pluginManager.hooks, (error) => this.shown(error)),
      'before:package:createDeploymentArtifacts': () => this.usePackedFunctions(),
      'before:deploy:deploy': this.command(() => this.checkSettings()),
      'deploy:deploy': this.command(() => this.deploy()),
      'info:info': this.command(() => this.info()),
      'remove:remove': this.command(() => this.remove()),
      'credential:credential': this.command(() => this.credential()),
      'diagnose:diagnose': this.command(() => this.diagnose()),
    };
  }

  private command(run: () => Promise<void> | void): () => Promise<void> {
    return async () => {
      try {
        await run();
      } catch (error) {
        throw error instanceof DeployError ? this.shown(error) : error;
      }
    };
  }

  /** The framework shows its own errors as a sentence, all others with a stack and a request to report them. */
  private shown({ message, code }: DeployError): Error {
    return new this.serverless.classes.Error(message, code);
  }

  private get stage(): string {
    return this.serverless.service.provider.stage;
  }

  private get stack(): string {
    return `${this.serverless.service.service}-${this.stage}`;
  }

  private replication(): ReplicationSettings {
    return readReplication(this.serverless.service.custom?.replication, this.stage);
  }

  /** Before anything is packed or asked: every problem of the settings. */
  private checkSettings(): void {
    this.replication();
  }

  /** The framework must not pack the folder: each function is one file that the build has made. */
  private usePackedFunctions(): void {
    for (const [key, settings] of Object.entries(this.serverless.service.functions))
      settings.package = { individually: true, artifact: this.bundleOf(key) };
  }

  private bundleOf(key: string): string {
    return path.join(this.serverless.serviceDir, 'dist', 'functions', `${key}.js`);
  }

  private async open(): Promise<Session> {
    const replication = this.replication();
    const credentials = readCredentials(process.env, replication.credentialsFile);
    const { region, site } = replication;
    const call = createCloudApi(cloudSender({ credentials, region, domain: domains[site] }));
    const { AppId } = await call<{ AppId: number }>('cam', 'GetUserAppId');
    const appid = String(AppId);
    checkOwner(replication, appid);
    const functions = this.serverless.service.functions as Readonly<Record<string, FunctionSettings>>;
    const deployment = deploymentOf({
      stack: this.stack,
      replication,
      functions,
      zipOf: (key) => packFunction(`${key}.js`, readFileSync(this.bundleOf(key))),
      masterSecret: await this.masterSecret(call),
    });
    return { deployment, appid, call, buckets: bucketsOf(openCos(credentials)), credentials };
  }

  /** The shell's, else the one that is deployed. `''` if there is neither. */
  private async masterSecret(call: CallCloud): Promise<string> {
    const given = process.env[masterSecretVariable];
    if (given !== undefined && given !== '') return given;
    const found = await findFunction(call, `${this.stack}-rules`);
    return (found && environmentOf(found).API_MASTER_SECRET) ?? '';
  }

  private async deploy(): Promise<void> {
    const { deployment, appid, call, buckets } = await this.open();
    const secrets = deployment.functions.flatMap(({ environment }) => environment.API_MASTER_SECRET ?? []);
    if (secrets.some((secret) => secret.length < masterSecretCharsMin)) {
      const message = `Set ${masterSecretVariable} to ${masterSecretCharsMin} characters or more, once (openssl rand -hex 32), and keep it: the rule API's credentials are derived from it. Later deploys keep what is deployed.`;
      throw new DeployError('SETTINGS_INVALID', message);
    }
    const changes = await deploy(deployment, appid, { call, buckets, say: (line) => this.say(line) });
    this.say(changes === 0 ? 'Nothing had to be changed.' : `${changes} changes.`);
    const url = await functionUrl(call, `${this.stack}-rules`);
    if (url !== undefined) this.say(`Rule API: ${url}`);
  }

  private async info(): Promise<void> {
    const { deployment, call, buckets } = await this.open();
    for (const line of await info(deployment, call, buckets)) this.say(line);
  }

  private async remove(): Promise<void> {
    const { deployment, call } = await this.open();
    const changes = await remove(deployment, { call, say: (line) => this.say(line) });
    this.say(changes === 0 ? 'There was nothing to remove.' : `${changes} things removed.`);
    const { bucket } = deployment.stateBucket;
    this.say(
      `All buckets and what is in them stay, also ${bucket} with the rules: a later deploy goes on with them.`,
    );
  }

  private async diagnose(): Promise<void> {
    const session = await this.open();
    const { deployment, appid, call, buckets } = session;
    const findings = await diagnose(deployment, appid, call, buckets);
    for (const finding of findings) this.show(finding);
    const problems = countProblems(findings) + (this.options.probe ? await this.probe(session) : 0);
    if (problems > 0) throw new DeployError('SETTINGS_INVALID', `Found ${problems} problems.`);
    if (!this.options.probe)
      this.say('"sls diagnose --probe" also asks the platform what is only documented or unknown.');
  }

  private async probe({ deployment, appid, call, credentials }: Session): Promise<number> {
    const interrupted = new AbortController();
    const stop = (): void => {
      this.say('Stopping; the buckets go first.');
      interrupted.abort();
    };
    process.once('SIGINT', stop);
    try {
      const { region } = deployment;
      const farRegion = destinationsOf(deployment.sources)[0]?.region ?? region;
      const lab = planLab(openCos(credentials), { appid, nearRegion: region, farRegion });
      return await probe(
        { lab, call, appid, cosFor: openCos },
        { say: (line) => this.say(line), show: (each) => this.show(each), signal: interrupted.signal },
      );
    } finally {
      process.off('SIGINT', stop);
    }
  }

  private show({ verdict, text }: Finding): void {
    this.say(`${verdict.padEnd(7)} ${text}`);
  }

  private async credential(): Promise<void> {
    const { deployment } = await this.open();
    const [secret] = deployment.functions.flatMap(({ environment }) => environment.API_MASTER_SECRET ?? []);
    const { id } = this.options;
    if (!secret || id === undefined) {
      const message = `Nothing is deployed, and ${masterSecretVariable} is not set: there is no secret to derive from.`;
      throw new DeployError('SETTINGS_INVALID', message);
    }
    this.say(`Authorization: Bearer ${id}:${deriveSecret(secret, id)}`);
  }

  private say(line: string): void {
    this.output.writeText(line);
  }
}

/** A bucket of another account would only be refused by COS later, with less of a reason. */
function checkOwner({ sources, stateBucket }: ReplicationSettings, appid: string): void {
  const all = sources.flatMap(({ bucket, destinations }) => [
    bucket,
    ...destinations.map((each) => each.bucket),
  ]);
  const foreign = [...all, stateBucket.bucket].filter((bucket) => !bucket.endsWith(`-${appid}`));
  if (foreign.length === 0) return;
  const message = `The credentials are of the account ${appid}; of another account are: ${foreign.join(', ')}. All buckets must be of one account.`;
  throw new DeployError('SETTINGS_INVALID', message);
}
