import type { Accounts, Caller } from './accounts';
import * as bucketApi from './api/bucket';
import { copyObject } from './api/copy';
import { listObjects, listVersions } from './api/listing';
import * as objectApi from './api/object';
import { getService } from './api/list-buckets';
import { deleteTagging, getTagging, putTagging } from './api/tagging';
import { CosError, notImplemented } from './cos-error';
import { type BucketExchange, type Exchange, type ObjectExchange, param } from './exchange';
import { refuseUnsupported } from './object-headers';
import { checkSignature, checkTimes, percentDecoded, readSignature, sameText } from './signature';
import type { ObjectStore } from './store/object-store';
import { type Target, targetOf } from './target';

/** Sub-resources that COS has; those without an operation below answer NotImplemented by their name. */
const subresources = (
  'versioning versions tagging acl replication lifecycle policy cors location uploads uploadId delete restore append ' +
  'symlink website inventory logging accelerate domain domaincertificate encryption origin intelligenttiering ' +
  'object-lock notification referer select torrent ci-process x-cos-process imageMogr2 imageInfo list-type tagkey ' +
  'tagvalue create-time range'
).split(' ');

/** Parameters that may be without a value; another one of that form is a sub-resource that is not known here. */
const valuesOptional =
  /^(prefix|delimiter|encoding-type|marker|key-marker|version-id-marker|max-keys|versionid|region|sign|response-.*|q-.*|x-cos-.*)$/i;

type BucketOperation = (exchange: BucketExchange) => Promise<void>;
type ObjectOperation = (exchange: ObjectExchange) => Promise<void>;

/** Method and sub-resource, with the name that CAM gives the action. */
const bucketOperations: Readonly<Record<string, readonly [string, BucketOperation]>> = {
  HEAD: ['HeadBucket', bucketApi.headBucket],
  GET: ['GetBucket', listObjects],
  DELETE: ['DeleteBucket', bucketApi.deleteBucket],
  'GET versions': ['GetBucketObjectVersions', listVersions],
  'GET versioning': ['GetBucketVersioning', bucketApi.getVersioning],
  'PUT versioning': ['PutBucketVersioning', bucketApi.putVersioning],
};

const objectOperations: Readonly<Record<string, readonly [string, ObjectOperation]>> = {
  PUT: ['PutObject', objectApi.putObject],
  'PUT copy': ['PutObjectCopy', copyObject],
  GET: ['GetObject', objectApi.getObject],
  HEAD: ['HeadObject', objectApi.headObject],
  DELETE: ['DeleteObject', objectApi.deleteObject],
  'GET tagging': ['GetObjectTagging', getTagging],
  'PUT tagging': ['PutObjectTagging', putTagging],
  'DELETE tagging': ['DeleteObjectTagging', deleteTagging],
};

/** Finds out who asks for what, whether they may, and does it. Fails with a CosError. */
export async function dispatch(exchange: Exchange, store: ObjectStore, accounts: Accounts): Promise<void> {
  // The SDK's `ServiceDomain` keeps the address as the host: only GET Service is asked for there.
  const target = targetOf(exchange.headers['host'] ?? '') ?? { kind: 'service', region: undefined };
  const subresource = subresourceOf(exchange);
  if (target.kind === 'service') {
    exchange.seen.api = 'GetService';
    if (exchange.method !== 'GET' || exchange.path !== '/') throw new CosError('MethodNotAllowed');
    if (subresource !== undefined) throw notImplemented(`?${subresource} of GET Service`);
    return getService(exchange, store, callerOf(exchange, accounts), target.region);
  }
  const rawKey = exchange.path.slice(1);
  if (rawKey === '') return dispatchBucket(exchange, store, accounts, target, subresource);

  const isCopy =
    exchange.method === 'PUT' && exchange.headers['x-cos-copy-source'] !== undefined && !subresource;
  const name = [exchange.method, isCopy ? 'copy' : subresource]
    .filter((part) => part !== undefined)
    .join(' ');
  const [api, operation] = operationOf(objectOperations, exchange, name, subresource, 'object');
  exchange.seen.api = api;
  const key = checkedKey(rawKey);
  const bucket = await allowedBucket(exchange, store, accounts, target);
  return operation({ ...exchange, ...bucket, key });
}

function subresourceOf(exchange: Exchange): string | undefined {
  const known = subresources.find((name) => param(exchange, name) !== undefined);
  if (known !== undefined) return known;
  // COS routes by the first parameter.
  const [name, value] = exchange.query[0] ?? [];
  return value === '' && name !== undefined && !valuesOptional.test(name) ? name : undefined;
}

async function dispatchBucket(
  exchange: Exchange,
  store: ObjectStore,
  accounts: Accounts,
  target: Extract<Target, { kind: 'bucket' }>,
  subresource: string | undefined,
): Promise<void> {
  if (exchange.method === 'PUT' && subresource === undefined) {
    exchange.seen.api = 'PutBucket';
    return bucketApi.putBucket(exchange, store, callerOf(exchange, accounts), target);
  }
  const name = [exchange.method, subresource].filter((part) => part !== undefined).join(' ');
  const [api, operation] = operationOf(bucketOperations, exchange, name, subresource, 'bucket');
  exchange.seen.api = api;
  return operation({ ...exchange, ...(await allowedBucket(exchange, store, accounts, target)) });
}

function operationOf<Operation>(
  operations: Readonly<Record<string, readonly [string, Operation]>>,
  exchange: Exchange,
  name: string,
  subresource: string | undefined,
  of: 'bucket' | 'object',
): readonly [string, Operation] {
  const found = operations[name];
  if (found) return found;
  const what = subresource === undefined ? '' : ` ?${subresource}`;
  exchange.seen.api = `${exchange.method}${what}`;
  throw notImplemented(`${exchange.method}${what} of ${of === 'bucket' ? 'a bucket' : 'an object'}`);
}

/** The caller, proved by the signature. */
function callerOf(exchange: Exchange, accounts: Accounts): Caller {
  const fields = readSignature(exchange);
  if (!fields) throw new CosError('AccessDenied');
  const caller = accounts.byKey(fields.secretId);
  exchange.seen.caller = caller.name;
  checkTimes(fields, exchange.nowMs);
  checkSignature(exchange, fields, caller.secretKey);
  const token = exchange.headers['x-cos-security-token'] ?? param(exchange, 'x-cos-security-token') ?? '';
  if (caller.token === undefined) {
    if (token !== '') throw new CosError('InvalidAccessKeyId', 'A permanent key has no token.');
    return caller;
  }
  if (!sameText(token, caller.token.value))
    throw new CosError('InvalidAccessKeyId', 'The token does not belong to this key.');
  if (caller.token.expiresAtMs <= exchange.nowMs) throw new CosError('ExpiredToken');
  return caller;
}

/** The bucket, if it is there and the caller's account owns it. A wrong region's host knows no such bucket (inferred). */
async function allowedBucket(
  exchange: Exchange,
  store: ObjectStore,
  accounts: Accounts,
  target: Extract<Target, { kind: 'bucket' }>,
): Promise<Pick<BucketExchange, 'store' | 'caller' | 'bucket'>> {
  const caller = callerOf(exchange, accounts);
  refuseUnsupported(exchange);
  const bucket = await store.index.bucket(target.bucket);
  if (!bucket || bucket.region !== target.region) throw new CosError('NoSuchBucket');
  if (bucket.appid !== caller.account.appid) throw new CosError('AccessDenied');
  return { store, caller, bucket };
}

const keyBytesMax = 850;

function checkedKey(rawKey: string): string {
  const bytes = percentDecoded(rawKey);
  if (bytes.length > keyBytesMax) throw new CosError('KeyTooLong');
  const key = bytes.toString();
  // eslint-disable-next-line no-control-regex -- COS refuses exactly these
  if (/^[/\\]/.test(key) || /[\u0018-\u001b]/.test(key)) throw new CosError('InvalidURI');
  if (!Buffer.from(key).equals(bytes)) throw new CosError('InvalidURI', 'The key is not UTF-8.');
  return key;
}
