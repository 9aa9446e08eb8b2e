import type { Account } from '../accounts';
import { aclOfHeaders } from '../access/acl';
import { CosError, notImplemented } from '../cos-error';
import { type BucketExchange, type Exchange, reply, replyXml } from '../exchange';
import { refuseUnsupported } from '../object-headers';
import { readDocument } from '../read-body';
import type { ObjectStore } from '../store/object-store';
import type { Target } from '../target';
import { document, node, parseDocument, within } from '../xml';

const hostCharactersMax = 60;

/** PUT Bucket. Source: https://www.tencentcloud.com/document/product/436/7738 */
export async function putBucket(
  exchange: Exchange,
  store: ObjectStore,
  account: Account,
  target: Extract<Target, { kind: 'bucket' }>,
): Promise<void> {
  const { bucket: name, appid, region } = target;
  if (appid !== account.appid) throw new CosError('AccessDenied');
  refuseUnsupported(exchange);
  if (`${name}.cos.${region}.myqcloud.com`.length > hostCharactersMax || name.endsWith(`--${appid}`)) {
    throw new CosError('InvalidBucketName');
  }
  const acl = aclOfHeaders(exchange.headers);
  const body = await readDocument(exchange);
  const multiZone = body.trim() !== '' && wantsMultiZone(body);
  if ((await bucketsOf(store, appid)) >= bucketsMax) throw new CosError('TooManyBuckets');
  await store.createBucket({
    name,
    region,
    appid,
    versioning: 'never',
    createdMs: exchange.nowMs,
    multiZone,
    ...(acl ? { acl } : {}),
  });
  reply(exchange, 200, { Location: `/${name}` });
}

const bucketsMax = 200;

async function bucketsOf(store: ObjectStore, appid: string): Promise<number> {
  let count = 0;
  for await (const bucket of store.index.buckets()) count += Number(bucket.appid === appid);
  return count;
}

function wantsMultiZone(body: string): boolean {
  const parsed = parseDocument(body, []);
  if (!parsed) throw new CosError('MalformedXML');
  if (within(parsed, 'CreateBucketConfiguration', 'BucketArchConfig') !== undefined)
    throw notImplemented('BucketArchConfig');
  return within(parsed, 'CreateBucketConfiguration', 'BucketAZConfig') === 'MAZ';
}

/** HEAD Bucket. Source: https://www.tencentcloud.com/document/product/436/7735 */
export async function headBucket(exchange: BucketExchange): Promise<void> {
  const { region, multiZone } = exchange.bucket;
  reply(exchange, 200, {
    'x-cos-bucket-region': region,
    'x-cos-bucket-az-type': multiZone ? 'MAZ' : undefined,
  });
}

/** GET Bucket location. Source: https://www.tencentcloud.com/document/product/436/8275 */
export async function getLocation(exchange: BucketExchange): Promise<void> {
  // With `cos.` in front, as the sample has it.
  replyXml(exchange, 200, document(node('LocationConstraint', `cos.${exchange.bucket.region}`)));
}

/** DELETE Bucket. Source: https://www.tencentcloud.com/document/product/436/7732 */
export async function deleteBucket(exchange: BucketExchange): Promise<void> {
  await exchange.store.removeBucket(exchange.bucket.name);
  reply(exchange, 204);
}

/** GET Bucket versioning. Source: https://www.tencentcloud.com/document/product/436/19888 */
export async function getVersioning(exchange: BucketExchange): Promise<void> {
  const { versioning } = exchange.bucket;
  const status = versioning === 'never' ? [] : [node('Status', versioning)];
  replyXml(exchange, 200, document(node('VersioningConfiguration', status)));
}

/** PUT Bucket versioning. Source: https://www.tencentcloud.com/document/product/436/19889 */
export async function putVersioning(exchange: BucketExchange): Promise<void> {
  const status = within(parseDocument(await readDocument(exchange), []), 'VersioningConfiguration', 'Status');
  if (status !== 'Enabled' && status !== 'Suspended') throw new CosError('MalformedXML');
  // Documented of a source of replication; the code is inferred from its description.
  const replicates = (await exchange.store.index.document(exchange.bucket.name, 'replication')) !== undefined;
  if (status === 'Suspended' && replicates) throw new CosError('InvalidBucketState');
  await exchange.store.changeBucket(exchange.bucket.name, { versioning: status });
  reply(exchange, 200);
}
