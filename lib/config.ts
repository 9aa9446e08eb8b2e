import { z } from 'zod';
import type { CosCredentials } from './adapters/cos/client';
import type { BucketRef } from './domain/rule';

/** What a deployed function is told by its environment. This file is the only reader of it. */
export interface Config {
  readonly region: string;
  readonly stateBucket: BucketRef;
  readonly configLifetimeMs: number;
  readonly rulesSettleMs: number;
  readonly singleCopyBytesMax: number;
  readonly requestTimeoutMs: number;
  readonly leaseMs: number;
  readonly deleteSettlesMs: number;
  readonly clockToleranceMs: number;
}

const environmentSchema = z.object({
  TENCENTCLOUD_REGION: z.string().min(1),
  /** The account's state bucket, with its APPID. */
  STATE_BUCKET: z.string().regex(/-\d+$/, 'must be a bucket name with its APPID'),
  STATE_REGION: z.string().min(1),
  /**
   * How old the rules may be that a running function acts on. What the timer looked at under old ones counts as compared
   * once it is a quarter of an hour old.
   */
  CONFIG_LIFETIME_SECONDS: z.coerce.number().min(1).max(600).default(15),
  /**
   * How long COS may let two creators of one document both succeed. A change waits for it up to twice, and again with
   * each other change that it meets, and its function has a minute.
   */
  RULES_SETTLE_MS: z.coerce.number().int().min(0).max(10_000).default(2_000),
  /** Larger objects are left in the backlog. */
  SINGLE_COPY_MAX_MB: z.coerce
    .number()
    .int()
    .min(1)
    .max(5 * 1024)
    .default(512),
  /** How long the key of a worker that died is left alone. If not above the clock tolerance, leases cost two reads more. */
  LEASE_SECONDS: z.coerce.number().min(1).max(900).default(60),
  /**
   * A delete whose answer never came has happened by then, or never will; and its function is over. Two minutes, or as
   * long as a request may take.
   */
  DELETE_SETTLES_SECONDS: z.coerce.number().min(1).max(3600).optional(),
  /** The clocks of two regions, or of a function and COS, may differ by this much. */
  CLOCK_TOLERANCE_SECONDS: z.coerce.number().min(1).max(600).default(30),
  REQUEST_TIMEOUT_SECONDS: z.coerce.number().min(1).max(900).default(120),
});

const listOfNames = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  );

const apiSchema = z.object({
  API_MASTER_SECRET: z.string().min(32, 'must have at least 32 characters'),
  /** Credentials of older generations are refused. */
  API_GENERATION_MIN: z.coerce.number().int().min(1).default(1),
  /** Requests a second of one credential at one instance; for a moment, five times as many. */
  API_REQUESTS_PER_SECOND: z.coerce.number().min(0.1).max(10_000).default(20),
  /** Buckets that have this deployment's triggers, separated by commas; empty: not known here. */
  DEPLOYED_SOURCES: listOfNames,
  /** Buckets that this deployment's role may write to, separated by commas; empty: not known here. */
  DEPLOYED_DESTINATIONS: listOfNames,
  /** Origins of pages that may call the API, separated by commas; empty: none. */
  API_CORS_ORIGINS: listOfNames,
});

export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const read = parse(environmentSchema, environment);
  return {
    region: read.TENCENTCLOUD_REGION,
    stateBucket: { bucket: read.STATE_BUCKET, region: read.STATE_REGION },
    configLifetimeMs: read.CONFIG_LIFETIME_SECONDS * 1000,
    rulesSettleMs: read.RULES_SETTLE_MS,
    singleCopyBytesMax: read.SINGLE_COPY_MAX_MB * 1024 ** 2,
    requestTimeoutMs: read.REQUEST_TIMEOUT_SECONDS * 1000,
    leaseMs: read.LEASE_SECONDS * 1000,
    // A delete may be answered as late as any request.
    deleteSettlesMs: (read.DELETE_SETTLES_SECONDS ?? Math.max(120, read.REQUEST_TIMEOUT_SECONDS)) * 1000,
    clockToleranceMs: read.CLOCK_TOLERANCE_SECONDS * 1000,
  };
}

/** The rule API's own part; without a master secret it does not start. */
export function readApiConfig(environment: NodeJS.ProcessEnv = process.env) {
  const read = parse(apiSchema, environment);
  return {
    masterSecret: read.API_MASTER_SECRET,
    generationMin: read.API_GENERATION_MIN,
    rate: { perSecond: read.API_REQUESTS_PER_SECOND, burst: 5 * read.API_REQUESTS_PER_SECOND },
    corsOrigins: read.API_CORS_ORIGINS,
    deployed: {
      ...(read.DEPLOYED_SOURCES.length > 0 ? { sources: new Set(read.DEPLOYED_SOURCES) } : {}),
      ...(read.DEPLOYED_DESTINATIONS.length > 0 ? { destinations: new Set(read.DEPLOYED_DESTINATIONS) } : {}),
    },
  };
}

/** The role's temporary keys, which SCF renews under a running instance: read them for every request. */
export function readCredentials(environment: NodeJS.ProcessEnv = process.env): CosCredentials {
  const { TENCENTCLOUD_SECRETID, TENCENTCLOUD_SECRETKEY, TENCENTCLOUD_SESSIONTOKEN } = environment;
  if (!TENCENTCLOUD_SECRETID || !TENCENTCLOUD_SECRETKEY) {
    throw new Error(
      'The function has no TENCENTCLOUD_SECRETID and TENCENTCLOUD_SECRETKEY: give it an execution role.',
    );
  }
  return {
    secretId: TENCENTCLOUD_SECRETID,
    secretKey: TENCENTCLOUD_SECRETKEY,
    token: TENCENTCLOUD_SESSIONTOKEN,
  };
}

function parse<Shape extends z.ZodType>(schema: Shape, environment: NodeJS.ProcessEnv): z.output<Shape> {
  // A variable that is empty is none: as a number it would be 0.
  const given = Object.entries(environment).filter(([, value]) => value !== '');
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`The function's environment is incomplete. ${wrong.join('; ')}.`);
}
