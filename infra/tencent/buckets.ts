import COS from 'cos-nodejs-sdk-v5';
import type { CosClient } from '../../lib/adapters/cos/client';
import { at } from '../../lib/adapters/cos/object-store';
import { createCosStateStore } from '../../lib/adapters/cos/state-store';
import { systemClock, systemEntropy } from '../../lib/adapters/system';
import { createRuleStore } from '../../lib/app/rule-store';
import type { BucketRef } from '../../lib/domain/rule';
import type { DeployCredentials } from './credentials';
import { DeployError } from './deploy-error';

export type Versioning = 'Enabled' | 'Suspended' | 'Unversioned';

/** What a deployment asks of COS itself. Fails with a DeployError. */
export interface Buckets {
  readonly head: (bucket: BucketRef) => Promise<'found' | 'missing' | 'denied'>;
  readonly create: (bucket: BucketRef) => Promise<void>;
  readonly versioning: (bucket: BucketRef) => Promise<Versioning>;
  readonly enableVersioning: (bucket: BucketRef) => Promise<void>;
  readonly lifecycle: (bucket: BucketRef) => Promise<readonly LifecycleRule[]>;
  /** How many rules a source bucket has, as the functions read them from the state bucket. */
  readonly ruleCount: (state: BucketRef, source: BucketRef) => Promise<number>;
  readonly setLifecycle: (bucket: BucketRef, rules: readonly LifecycleRule[]) => Promise<void>;
}

export interface LifecycleRule {
  readonly ID: string;
  readonly Status: string;
  readonly Filter: { readonly Prefix?: string };
  readonly Expiration?: { readonly Days?: number | string };
}

const requestTimeoutMs = 60_000;

/** COS over https, with the deployer's key. */
export function openCos({ secretId, secretKey, token }: DeployCredentials): COS {
  return new COS({
    SecretId: secretId,
    SecretKey: secretKey,
    ...(token === undefined ? {} : { SecurityToken: token }),
    Protocol: 'https:',
    Timeout: requestTimeoutMs,
    AutoSwitchHost: false,
  });
}

/** For the adapters of the functions, whose own client knows no proxy. */
export function clientOf(sdk: COS): CosClient {
  return { call: async (_api, _effect, run) => ({ data: await run(sdk), dateMs: undefined }) };
}

export function bucketsOf(sdk: COS): Buckets {
  const client = clientOf(sdk);
  return {
    // https://www.tencentcloud.com/document/product/436/7735
    head: async (bucket) => {
      try {
        await sdk.headBucket(at(bucket));
        return 'found';
      } catch (thrown) {
        const { statusCode } = thrown as { statusCode?: unknown };
        if (statusCode === 404) return 'missing';
        if (statusCode === 403) return 'denied';
        throw refusal('HeadBucket', bucket, thrown);
      }
    },
    // https://www.tencentcloud.com/document/product/436/7738
    create: (bucket) => asked('PutBucket', bucket, () => sdk.putBucket(at(bucket))).then(() => undefined),
    // https://www.tencentcloud.com/document/product/436/19888
    versioning: async (bucket) => {
      const { VersioningConfiguration } = await asked('GetBucketVersioning', bucket, () =>
        sdk.getBucketVersioning(at(bucket)),
      );
      const status: unknown = VersioningConfiguration?.Status;
      return status === 'Enabled' || status === 'Suspended' ? status : 'Unversioned';
    },
    enableVersioning: (bucket) =>
      asked('PutBucketVersioning', bucket, () =>
        sdk.putBucketVersioning({ ...at(bucket), VersioningConfiguration: { Status: 'Enabled' } }),
      ).then(() => undefined),
    ruleCount: (state, source) =>
      asked('GetObject', state, async () => {
        const store = createCosStateStore(client, state);
        const rules = createRuleStore(store, systemClock, systemEntropy, {
          settleMs: 0,
          clockToleranceMs: 0,
        });
        return (await rules.load(source)).ruleSet.rules.length;
      }),
    // https://www.tencentcloud.com/document/product/436/8278
    lifecycle: async (bucket) => {
      const { Rules } = await asked('GetBucketLifecycle', bucket, () => sdk.getBucketLifecycle(at(bucket)));
      return (Rules ?? []) as unknown as readonly LifecycleRule[];
    },
    setLifecycle: (bucket, rules) =>
      asked('PutBucketLifecycle', bucket, () =>
        sdk.putBucketLifecycle({ ...at(bucket), Rules: rules as never }),
      ).then(() => undefined),
  };
}

async function asked<Answer>(api: string, bucket: BucketRef, run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run();
  } catch (thrown) {
    throw refusal(api, bucket, thrown);
  }
}

function refusal(api: string, { bucket, region }: BucketRef, thrown: unknown): DeployError {
  const { code, statusCode, message } = thrown as { code?: string; statusCode?: number; message?: string };
  const said = `${api} of ${bucket} in ${region} failed: ${code ?? ''} ${message ?? ''}`.trim();
  if (statusCode === undefined)
    return new DeployError('API_UNREACHABLE', `${said}. Deploy again.`, '', thrown);
  if (statusCode === 403)
    return new DeployError(
      'PERMISSION_MISSING',
      `${said}. The key that deploys needs name/cos:${api} for it.`,
      code,
      thrown,
    );
  return new DeployError('BUCKET_UNUSABLE', said, code, thrown);
}
