import type { BucketRef } from '../../lib/domain/rule';
import type { Buckets, LifecycleRule } from './buckets';
import { DeployError } from './deploy-error';
import { type Deployment, destinationsOf } from './deployment';

/**
 * Checks every bucket before anything is made; versioning is switched on only where the user asked for it. Returns what
 * was changed, a sentence each.
 */
export async function ensureBuckets(
  buckets: Buckets,
  deployment: Pick<Deployment, 'region' | 'sources' | 'stateBucket' | 'enableVersioning'>,
): Promise<readonly string[]> {
  const { region, sources, stateBucket, enableVersioning } = deployment;
  const replicated = [...sources.map(({ bucket }) => ({ bucket, region })), ...destinationsOf(sources)];
  const unversioned: BucketRef[] = [];
  for (const bucket of replicated) {
    const found = await buckets.head(bucket);
    if (found !== 'found') throw unusable(bucket, found);
    if ((await buckets.versioning(bucket)) !== 'Enabled') unversioned.push(bucket);
  }
  if (unversioned.length > 0 && !enableVersioning) {
    const names = unversioned.map(({ bucket }) => bucket).join(', ');
    const message = `Replication needs versioning, which is not on for: ${names}. Switch it on in the console, or set enableVersioning: true (it can be suspended later, never taken back; old versions cost storage).`;
    throw new DeployError('BUCKET_UNUSABLE', message);
  }
  const done = await ensureStateBucket(buckets, stateBucket);
  for (const bucket of unversioned) {
    await buckets.enableVersioning(bucket);
    done.push(`switched on versioning of ${bucket.bucket}`);
  }
  return done;
}

function unusable({ bucket, region }: BucketRef, why: 'missing' | 'denied'): DeployError {
  return new DeployError(
    'BUCKET_UNUSABLE',
    why === 'missing'
      ? `There is no bucket ${bucket} in ${region}. Check its name, with its APPID, and its region.`
      : `The key that deploys may not look at the bucket ${bucket} in ${region}, or it is another account's.`,
  );
}

/** What may go by itself. Records of delete markers, rules and the backlog never do. */
const lifecycleRules: readonly LifecycleRule[] = [
  {
    ID: 'cos-replication-metrics',
    Status: 'Enabled',
    Filter: { Prefix: 'metrics/' },
    Expiration: { Days: 30 },
  },
];

async function ensureStateBucket(buckets: Buckets, bucket: BucketRef): Promise<string[]> {
  const done: string[] = [];
  const found = await buckets.head(bucket);
  if (found === 'denied') throw unusable(bucket, found);
  if (found === 'missing') {
    await buckets.create(bucket);
    done.push(`created the state bucket ${bucket.bucket}`);
  }
  const versioning = await buckets.versioning(bucket);
  if (versioning !== 'Unversioned') {
    const message = `The state bucket ${bucket.bucket} has versioning ${versioning}: documents that are made once would pile up, and "create if absent" means something else there. Versioning cannot be taken back: name another bucket.`;
    throw new DeployError('STATE_BUCKET_VERSIONED', message);
  }
  const rules = await buckets.lifecycle(bucket);
  const missing = lifecycleRules.filter(({ ID }) => !rules.some((rule) => rule.ID === ID));
  if (missing.length > 0) {
    await buckets.setLifecycle(bucket, [...rules, ...missing]);
    done.push(`set lifecycle rules of ${bucket.bucket}`);
  }
  return done;
}
