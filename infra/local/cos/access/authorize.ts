import type { Account, Caller } from '../accounts';
import { CosError } from '../cos-error';
import { type Exchange, param } from '../exchange';
import type { StoredBucket } from '../store/entry';
import { type Acl, aclAllows, type Permission } from './acl';
import { type Attempt, parsePolicy, type Principal, verdictOf } from './policy';

/** What is asked for, and all that may allow it. */
export interface Access {
  readonly caller: Caller | undefined;
  readonly action: string;
  readonly bucket: StoredBucket;
  readonly key: string;
  /** This and the object's own ACL are read only if nothing else allows. */
  readonly bucketPolicy: () => Promise<string | undefined>;
  readonly objectAcl: () => Promise<Acl | undefined>;
}

/**
 * Policies of the user and of the bucket, where deny wins, then the ACLs. The owner's own key may do everything
 * (inferred: also what a bucket policy denies). Fails with AccessDenied.
 */
export async function authorize(exchange: Exchange, access: Access): Promise<void> {
  const { caller, action, bucket, key } = access;
  const owned = caller?.account.appid === bucket.appid;
  if (owned && caller.policies === undefined) return;
  const attempt: Attempt = {
    action,
    region: bucket.region,
    appid: bucket.appid,
    bucket: bucket.name,
    key,
    conditions: conditionsOf(exchange),
  };
  const principal: Principal = caller ? { owner: caller.account.uin, user: caller.uin } : 'anonymous';
  const verdicts = (caller?.policies ?? []).map((policy) => verdictOf(policy, attempt));
  const bucketPolicy = parsePolicy((await access.bucketPolicy()) ?? '') ?? [];
  const fromBucket = verdictOf(bucketPolicy, attempt, principal);
  if (verdicts.includes('deny') || fromBucket === 'deny') throw new CosError('AccessDenied');
  if (fromBucket === 'allow' || (owned && verdicts.includes('allow'))) return;

  const permission = aclPermissionOf(action);
  const who = principal === 'anonymous' ? undefined : principal;
  if (permission && key === '' && aclAllows(bucket.acl, permission.onBucket, who)) return;
  if (permission && key !== '') {
    // An object without an ACL has its bucket's; writing is the bucket's to allow.
    const own = permission.onObject === undefined ? undefined : await access.objectAcl();
    const needed = own === undefined ? permission.onBucket : permission.onObject;
    if (needed && aclAllows(own ?? bucket.acl, needed, who)) return;
  }
  throw new CosError('AccessDenied');
}

/** GET Service, PUT Bucket: no bucket is there to allow anything. Fails with AccessDenied. */
export function authorizeAccount(
  exchange: Exchange,
  caller: Caller | undefined,
  action: string,
  place: { readonly region: string; readonly bucket: string },
): Account {
  if (!caller) throw new CosError('AccessDenied');
  const { account, policies } = caller;
  if (policies === undefined) return account;
  const attempt = { action, ...place, appid: account.appid, key: '', conditions: conditionsOf(exchange) };
  const verdicts = policies.map((policy) => verdictOf(policy, attempt));
  if (verdicts.includes('deny') || !verdicts.includes('allow')) throw new CosError('AccessDenied');
  return account;
}

interface AclPermission {
  readonly onBucket: Permission;
  readonly onObject?: Permission;
}

/** What an ACL must grant. Source: https://www.tencentcloud.com/document/product/436/30583 */
function aclPermissionOf(action: string): AclPermission | undefined {
  return permissions.find(([actions]) => actions.test(action))?.[1];
}

const permissions: readonly (readonly [RegExp, AclPermission])[] = [
  [/^(Get|Head)Object$/, { onBucket: 'READ', onObject: 'READ' }],
  [/^GetObjectACL$/, { onBucket: 'READ_ACP', onObject: 'READ_ACP' }],
  [/^PutObjectACL$/, { onBucket: 'WRITE_ACP', onObject: 'WRITE_ACP' }],
  [/^(HeadBucket|GetBucket|GetBucketObjectVersions|ListMultipartUploads)$/, { onBucket: 'READ' }],
  [/^GetBucketACL$/, { onBucket: 'READ_ACP' }],
  [/^PutBucketACL$/, { onBucket: 'WRITE_ACP' }],
  [
    /^(PutObject|PutObjectCopy|PostObject|AppendObject|DeleteObject|DeleteMultipleObjects)$/,
    { onBucket: 'WRITE' },
  ],
  [/^(InitiateMultipartUpload|UploadPart|UploadPartCopy|CompleteMultipartUpload)$/, { onBucket: 'WRITE' }],
  [/^(AbortMultipartUpload|ListParts)$/, { onBucket: 'WRITE' }],
];

/** Source: https://www.tencentcloud.com/document/product/436/71307 */
function conditionsOf(exchange: Exchange): Readonly<Record<string, string>> {
  const conditions: Record<string, string> = { 'qcs:ip': exchange.request.socket.remoteAddress ?? '' };
  for (const name of ['versionId', 'prefix', 'delimiter', 'max-keys', 'response-content-type']) {
    const value = param(exchange, name);
    if (value !== undefined) conditions[`cos:${name.toLowerCase()}`] = value;
  }
  for (const [name, value] of Object.entries(exchange.headers))
    if (/^(x-cos-.*|content-type|content-length)$/.test(name)) conditions[`cos:${name}`] = value;
  conditions['cos:secure-transport'] = String('encrypted' in exchange.request.socket);
  return conditions;
}
