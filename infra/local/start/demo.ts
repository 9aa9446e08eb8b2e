import type COS from 'cos-nodejs-sdk-v5';
import type { LocalCloud } from '../cloud';
import { cosClient, ensureBucket } from '../cos-client';
import { LocalCloudError, messageOf } from '../local-cloud-error';
import { type ApiAccess, authorization } from './api-access';

/** One bucket to write to and one that follows it. */
export interface Demo {
  readonly sourceBucket: string;
  readonly sourceRegion: string;
  readonly destinationBucket: string;
  readonly destinationRegion: string;
}

const destinationRegion = 'ap-shanghai';

/** Makes the buckets and the rule as a user would, with the SDK and over the API. What is there is kept. */
export async function ensureDemo(cloud: LocalCloud, api: ApiAccess): Promise<Demo> {
  const demo = await ensureDemoBuckets(cloud);
  await ensureRule(api, demo).catch(failed);
  return demo;
}

export async function ensureDemoBuckets(cloud: LocalCloud): Promise<Demo> {
  const demo: Demo = {
    sourceBucket: `source-${cloud.account.appid}`,
    sourceRegion: cloud.region,
    destinationBucket: `destination-${cloud.account.appid}`,
    destinationRegion,
  };
  const cos = cosClient(cloud.port, cloud.account);
  try {
    await ensureVersionedBucket(cos, demo.sourceBucket, demo.sourceRegion);
    await ensureVersionedBucket(cos, demo.destinationBucket, demo.destinationRegion);
  } catch (error) {
    failed(error);
  }
  return demo;
}

function failed(error: unknown): never {
  const message = `The demo buckets and their rule could not be made: ${messageOf(error)}`;
  throw new LocalCloudError('SETUP_FAILED', `${message} Start with --empty to do without.`, error);
}

/** https://cloud.tencent.com/document/product/436/19889 */
async function ensureVersionedBucket(cos: COS, bucket: string, region: string): Promise<void> {
  await ensureBucket(cos, bucket, region);
  const place = { Bucket: bucket, Region: region };
  const { VersioningConfiguration } = await cos.getBucketVersioning(place);
  // A bucket that was suspended on purpose stays so.
  if (VersioningConfiguration?.Status) return;
  await cos.putBucketVersioning({ ...place, VersioningConfiguration: { Status: 'Enabled' } });
}

async function ensureRule(api: ApiAccess, demo: Demo): Promise<void> {
  const url = `${api.url}/v1/buckets/${demo.sourceBucket}/rules`;
  const headers = { Authorization: authorization(api), 'Content-Type': 'application/json' };
  const listed = await answerOf(await fetch(url, { headers }), 200);
  const rules = (listed as { rules?: unknown }).rules;
  const isOurs = (rule: { destination?: { bucket?: unknown } }): boolean =>
    rule.destination?.bucket === demo.destinationBucket;
  if (Array.isArray(rules) && rules.some(isOurs)) return;
  const body = JSON.stringify({
    status: 'Enabled',
    destination: { bucket: demo.destinationBucket, region: demo.destinationRegion },
    deleteMarkerReplication: 'Enabled',
    description: 'made by npm start',
  });
  await answerOf(await fetch(url, { method: 'POST', headers, body }), 201);
}

/** The API's answer, or its problems in one sentence. */
async function answerOf(response: Response, expected: number): Promise<object> {
  const text = await response.text();
  if (response.status !== expected) throw new Error(`the rule API answered ${response.status}: ${text}`);
  return JSON.parse(text) as object;
}
