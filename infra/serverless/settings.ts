import { z } from 'zod';
import {
  type Deployment,
  destinationsOf,
  replicatedEvents,
  sourcesMax,
  type Source,
  triggersPerFunctionMax,
  type WantedTrigger,
} from '../tencent/deployment';
import { DeployError } from '../tencent/deploy-error';

const region = z.string().regex(/^[a-z]{2,4}-[a-z]+(-\d+)?(-[a-z]+)?$/, 'is no region such as ap-guangzhou');
const bucket = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*-\d{6,}$/, 'is no bucket name with its APPID, such as photos-1250000000');
const bucketRef = z.strictObject({ bucket, region });

/** Those that a user may turn; the rest is the deployment's own. */
const settingName =
  /^(CONFIG_LIFETIME_SECONDS|RULES_SETTLE_MS|SINGLE_COPY_MAX_MB|LEASE_SECONDS|DELETE_SETTLES_SECONDS|CLOCK_TOLERANCE_SECONDS|REQUEST_TIMEOUT_SECONDS)$/;

/** One stage of replication.yml. */
const replicationSchema = z.strictObject({
  region,
  runtime: z
    .string()
    .regex(/^Nodejs\d+\.\d+$/, 'is no runtime such as Nodejs18.15')
    .default('Nodejs18.15'),
  stateBucket: bucketRef,
  sources: z
    .array(
      z.strictObject({
        bucket,
        prefix: z.string().max(850).default(''),
        destinations: z.array(bucketRef).min(1, 'names no destination'),
      }),
    )
    .min(1, 'names no source bucket')
    .max(
      sourcesMax,
      `has more than ${sourcesMax} source buckets: SCF takes ${triggersPerFunctionMax} COS triggers for a function, and each source needs ${replicatedEvents.length}`,
    ),
  enableVersioning: z.boolean().default(false),
  /** Settings of the functions; lib/config.ts reads and checks them. */
  environment: z.record(z.string().regex(settingName), z.string()).default({}),
  site: z.enum(['china', 'international']).default('china'),
  credentialsFile: z.string().optional(),
});

export type ReplicationSettings = z.output<typeof replicationSchema>;

/** Reads what the user wrote. Fails with SETTINGS_INVALID and every problem at once, each with its path. */
export function readReplication(given: unknown, stage: string): ReplicationSettings {
  if (given === undefined || given === null) {
    const message = `There are no settings for the stage "${stage}". Copy replication.example.yml to replication.yml and fill in "${stage}:".`;
    throw new DeployError('SETTINGS_INVALID', message);
  }
  const read = replicationSchema.safeParse(given);
  const problems = read.success ? pairProblems(read.data) : read.error.issues.map(issueText);
  if (problems.length > 0 || !read.success) {
    const message = `The settings of the stage "${stage}" in replication.yml are not valid: ${problems.join('; ')}.`;
    throw new DeployError('SETTINGS_INVALID', message);
  }
  return read.data;
}

function issueText(issue: { readonly path: readonly PropertyKey[]; readonly message: string }): string {
  return `${issue.path.map(String).join('.')} ${issue.message}`.trim();
}

function pairProblems({
  region: home,
  sources,
  stateBucket,
}: Pick<ReplicationSettings, 'region' | 'sources' | 'stateBucket'>): readonly string[] {
  const names = sources.map((source) => source.bucket);
  const twice = names.filter((name, place) => names.indexOf(name) !== place);
  const problems = twice.map((name) => `sources names ${name} twice`);
  for (const [place, source] of sources.entries()) {
    for (const destination of source.destinations) {
      if (destination.region === home)
        problems.push(
          `sources.${place} has the destination ${destination.bucket} in ${home}, its own region: replication is between regions`,
        );
      if (destination.bucket === stateBucket.bucket)
        problems.push(`sources.${place} has the state bucket as its destination`);
    }
    if (source.bucket === stateBucket.bucket) problems.push(`sources.${place} is the state bucket`);
  }
  return problems;
}

/** One entry of `functions` in serverless.yml, which the yml's schema has checked. */
export interface FunctionSettings {
  readonly handler: string;
  readonly memorySize: number;
  readonly timeout: number;
  readonly retries: number;
  readonly messageAgeSeconds: number;
  readonly reservedConcurrencyMb?: number;
  readonly events: readonly FunctionEvent[];
}

export type FunctionEvent =
  | { readonly cosSources: true }
  | { readonly functionUrl: true }
  | { readonly timer: { readonly name: string; readonly cron: string } };

export interface StackSettings {
  readonly stack: string;
  readonly replication: ReplicationSettings;
  readonly functions: Readonly<Record<string, FunctionSettings>>;
  readonly zipOf: (key: string) => Buffer;
  /** For the function with a URL; the others never see it. */
  readonly masterSecret: string;
}

export function deploymentOf({
  stack,
  replication,
  functions,
  zipOf,
  masterSecret,
}: StackSettings): Deployment {
  const { region: home, runtime, stateBucket, sources, enableVersioning, environment } = replication;
  return {
    stack,
    region: home,
    runtime,
    // Roles are global in an account; the same stack may be in several regions.
    roleName: `${stack}-${home}`,
    stateBucket,
    sources,
    enableVersioning,
    functions: Object.entries(functions).map(([key, settings]) => ({
      key,
      name: `${stack}-${key}`,
      handler: settings.handler,
      zip: zipOf(key),
      memoryMb: settings.memorySize,
      timeoutSeconds: settings.timeout,
      environment: {
        ...environment,
        STATE_BUCKET: stateBucket.bucket,
        STATE_REGION: stateBucket.region,
        ...(settings.events.some((event) => 'functionUrl' in event)
          ? { API_MASTER_SECRET: masterSecret, ...deployedBuckets(sources) }
          : {}),
      },
      retries: settings.retries,
      messageAgeSeconds: settings.messageAgeSeconds,
      reservedMemoryMb: settings.reservedConcurrencyMb,
      triggers: settings.events.flatMap((event) => triggersOf(event, sources)),
    })),
  };
}

/** What the rule API may name: as many as fit into the 4 KB that all variables may take. */
function deployedBuckets(sources: readonly Source[]): Readonly<Record<string, string>> {
  return {
    DEPLOYED_SOURCES: sources.map((source) => source.bucket).join(','),
    DEPLOYED_DESTINATIONS: destinationsOf(sources)
      .map((each) => each.bucket)
      .join(','),
  };
}

function triggersOf(event: FunctionEvent, sources: readonly Source[]): readonly WantedTrigger[] {
  if ('cosSources' in event)
    return sources.flatMap(({ bucket: name, prefix }) =>
      replicatedEvents.map((kind) => ({ type: 'cos' as const, bucket: name, event: kind, prefix })),
    );
  return 'timer' in event ? [{ type: 'timer', ...event.timer }] : [{ type: 'http' }];
}
