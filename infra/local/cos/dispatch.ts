import { authorize, authorizeAccount } from './access/authorize';
import { callerOf } from './access/authenticate';
import type { Accounts } from './accounts';
import { putBucket } from './api/bucket';
import { getService } from './api/list-buckets';
import { allowOrigin, preflight } from './api/preflight';
import { CosError, notImplemented } from './cos-error';
import {
  type BucketExchange,
  type Exchange,
  type Operation,
  type Operations,
  param,
  versionIdOf,
} from './exchange';
import { refuseUnsupported } from './object-headers';
import { checkedKey } from './object-key';
import { bucketOperations, objectOperations } from './operations';
import { percentDecoded } from './signature';
import type { ObjectStore } from './store/object-store';
import { type Target, targetOf } from './target';

/** Sub-resources that COS has; those without an operation answer NotImplemented by their name. */
const subresources = (
  'versioning versions tagging acl replication lifecycle policy cors location uploads uploadId delete restore append ' +
  'symlink website inventory logging accelerate domain domaincertificate encryption origin intelligenttiering ' +
  'object-lock notification referer select torrent ci-process x-cos-process imageMogr2 imageInfo list-type tagkey ' +
  'tagvalue create-time range'
).split(' ');

/** Parameters that may be without a value; another one of that form is a sub-resource that is not known here. */
const valuesOptional =
  /^(prefix|delimiter|encoding-type|marker|.*-marker|max-.*|versionid|region|position|partnumber|sign|response-.*|q-.*|x-cos-.*)$/i;

type BucketTarget = Extract<Target, { kind: 'bucket' }>;

/** Finds out who asks for what, whether they may, and does it. Fails with a CosError. */
export type Dispatch = (exchange: Exchange) => Promise<void>;

export function createDispatch(store: ObjectStore, accounts: Accounts): Dispatch {
  const ofBucket = bucketOperations(accounts);

  return async (received) => {
    const { dialect } = received;
    const exchange = dialect ? { ...received, ...dialect.inCosNames() } : received;
    // The SDK's `ServiceDomain` keeps the address as the host: only GET Service is asked for there.
    const target = targetOf(exchange.headers['host'] ?? '') ?? { kind: 'service', region: undefined };
    if (target.kind === 'service') return serveService(exchange, store, accounts, target.region);
    if (exchange.method === 'OPTIONS') {
      exchange.seen.api = 'OptionsObject';
      return preflight(exchange, store, target.bucket);
    }
    await allowOrigin(exchange, store, target.bucket);
    const subresource = subresourceOf(exchange);
    const rawKey = exchange.path.slice(1);
    if (rawKey === '') {
      if (exchange.method === 'PUT' && subresource === undefined) {
        exchange.seen.api = 'PutBucket';
        const place = { region: target.region, bucket: target.bucket };
        const account = authorizeAccount(exchange, callerOf(exchange, accounts), 'PutBucket', place);
        return putBucket(exchange, store, account, target);
      }
      const operation = operationOf(
        { ...ofBucket, ...dialect?.bucketOperations },
        exchange,
        subresource,
        'a bucket',
      );
      return operation.run(await admitted(exchange, operation, target, ''));
    }
    const operation = operationOf(
      { ...objectOperations, ...dialect?.objectOperations },
      exchange,
      subresource,
      'an object',
    );
    const key = checkedKey(percentDecoded(rawKey));
    return operation.run({ ...(await admitted(exchange, operation, target, key)), key });
  };

  /** The bucket, if it is there and the caller may. A wrong region's host knows no such bucket (inferred). */
  async function admitted(
    exchange: Exchange,
    { action, open }: Operation<never>,
    target: BucketTarget,
    key: string,
  ): Promise<BucketExchange> {
    const caller = open ? undefined : callerOf(exchange, accounts);
    refuseUnsupported(exchange);
    const bucket = await store.index.bucket(target.bucket);
    if (!bucket || bucket.region !== target.region) throw new CosError('NoSuchBucket');
    const owner = accounts.list.find((account) => account.appid === bucket.appid);
    if (!open) {
      await authorize(exchange, {
        caller,
        action,
        bucket,
        key,
        bucketPolicy: async () => (await store.index.document(bucket.name, 'policy'))?.text,
        objectAcl: async () => {
          const entry = await store.find(bucket, key, versionIdOf(exchange));
          return entry?.kind === 'version' ? entry.acl : undefined;
        },
      });
    }
    return { ...exchange, store, caller, bucket, ownerUin: owner?.uin ?? '' };
  }
}

async function serveService(
  exchange: Exchange,
  store: ObjectStore,
  accounts: Accounts,
  region: string | undefined,
): Promise<void> {
  exchange.seen.api = 'GetService';
  if (exchange.method !== 'GET' || exchange.path !== '/') throw new CosError('MethodNotAllowed');
  const subresource = subresourceOf(exchange);
  if (subresource !== undefined) throw notImplemented(`?${subresource} of GET Service`);
  const place = { region: region ?? '', bucket: '' };
  const account = authorizeAccount(exchange, callerOf(exchange, accounts), 'GetService', place);
  return getService(exchange, store, account, region);
}

function subresourceOf(exchange: Exchange): string | undefined {
  const known = subresources.find((name) => param(exchange, name) !== undefined);
  if (known !== undefined) return known;
  // COS routes by the first parameter.
  const [name, value] = exchange.query[0] ?? [];
  return value === '' && name !== undefined && !valuesOptional.test(name) ? name : undefined;
}

function operationOf<For>(
  operations: Operations<For>,
  exchange: Exchange,
  subresource: string | undefined,
  of: 'a bucket' | 'an object',
): Operation<For> {
  const { method, headers } = exchange;
  const copies = method === 'PUT' && headers['x-cos-copy-source'] !== undefined;
  const mayCopy = copies && (subresource === undefined || subresource === 'uploadId');
  const words = [method, subresource, mayCopy ? 'copy' : undefined].filter((word) => word !== undefined);
  const found = operations[words.join(' ')];
  const what = subresource === undefined ? method : `${method} ?${subresource}`;
  exchange.seen.api = found?.action ?? what;
  if (!found) throw notImplemented(`${what} of ${of}`);
  return found;
}
