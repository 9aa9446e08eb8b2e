import { createHash } from 'node:crypto';
import COS from 'cos-nodejs-sdk-v5';
import type { LocalCloud } from '../../../infra/local/cloud';
import { signatureOf } from '../../../lib/app/api/cos-signature';
import { deriveSecret } from '../../../lib/app/api/credential';
import type { BucketRef } from '../../../lib/domain/rule';
import { setVersioning, startCloud, versionedBucket } from '../../support/local';

/** Buckets of every kind that a rule may name, in a local cloud whose rule API answers without waiting for COS to settle. */
export async function startRuleApi(settings: Parameters<typeof startCloud>[0] = {}) {
  const started = await startCloud({
    rulesSettleMs: 0,
    environment: { API_REQUESTS_PER_SECOND: '10000' },
    ...settings,
  });
  const { cloud, sdk } = started;
  const named = (name: string, region: string): BucketRef => ({
    bucket: `${name}-${cloud.account.appid}`,
    region,
  });
  const source = await versionedBucket(sdk, named('source', 'ap-guangzhou'));
  const destination = await versionedBucket(sdk, named('copy', 'ap-shanghai'));
  const other = await versionedBucket(sdk, named('other', 'ap-guangzhou'));
  const third = await versionedBucket(sdk, named('third', 'ap-beijing'));
  const ring = await versionedBucket(sdk, named('ring', 'ap-chengdu'));
  const near = await versionedBucket(sdk, named('near', 'ap-guangzhou'));
  const plain = named('plain', 'ap-shanghai');
  await sdk.putBucket({ Bucket: plain.bucket, Region: plain.region });
  const paused = await versionedBucket(sdk, named('paused', 'ap-shanghai'));
  await setVersioning(sdk, paused, 'Suspended');
  const zones = named('zones', 'ap-shanghai');
  await sdk.putBucket({
    Bucket: zones.bucket,
    Region: zones.region,
    BucketAZConfig: 'MAZ',
  } as COS.PutBucketParams);
  await setVersioning(sdk, zones, 'Enabled');
  return { ...started, named, source, destination, other, third, ring, near, plain, paused, zones };
}

export type RuleApi = Awaited<ReturnType<typeof startRuleApi>>;

export function bearerOf(cloud: LocalCloud, id = 'test.write.1', secret?: string): string {
  return `Bearer ${id}:${secret ?? deriveSecret(cloud.masterSecret, id)}`;
}

export const apiUrl = (cloud: LocalCloud): string => `http://127.0.0.1:${cloud.port}/function/rules`;

/** The unmodified SDK, toward the rule API instead of COS. */
export function nativeSdk(cloud: LocalCloud, id = 'test.write.1'): COS {
  return new COS({
    SecretId: id,
    SecretKey: deriveSecret(cloud.masterSecret, id),
    Protocol: 'http:',
    Domain: `127.0.0.1:${cloud.port}/function/rules/native/{Bucket}/{Region}`,
  });
}

export interface NativeCall {
  readonly method?: string;
  readonly bucket?: string;
  readonly region?: string;
  readonly query?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly id?: string;
  readonly secret?: string;
  /** Seconds that the signature begins from now. */
  readonly startsIn?: number;
  readonly lastsFor?: number;
}

/** A request in COS's own form, signed by hand, so that anything about it can be wrong. */
export async function native(cloud: LocalCloud, source: BucketRef, call: NativeCall) {
  const { method = 'PUT', body, id = 'test.write.1', startsIn = -5, lastsFor = 600 } = call;
  const { bucket = source.bucket, region = source.region, query = 'replication=' } = call;
  const start = Math.floor(Date.now() / 1000) + startsIn;
  const span = `${start};${start + lastsFor}`;
  const signature = signatureOf(
    { method, path: '/', query: [], headers: {} },
    { keyTime: span, signTime: span, headerList: [], paramList: [] },
    call.secret ?? deriveSecret(cloud.masterSecret, id),
  );
  const authorization =
    `q-sign-algorithm=sha1&q-ak=${id}&q-sign-time=${span}&q-key-time=${span}` +
    `&q-header-list=&q-url-param-list=&q-signature=${signature}`;
  const response = await fetch(`${apiUrl(cloud)}/native/${bucket}/${region}/?${query}`, {
    method,
    headers: { authorization, 'content-type': 'application/xml', ...call.headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const [, code = ''] = /<Code>([^<]*)<\/Code>/.exec(text) ?? [];
  const [, message = ''] = /<Message>([^<]*)<\/Message>/.exec(text) ?? [];
  return { status: response.status, code, message, text, headers: response.headers };
}

export const md5 = (text: string): string => createHash('md5').update(text).digest('base64');

/** A replication configuration of one rule, any part of which may be replaced. */
export function configuration(destination: BucketRef, more: Partial<Record<string, string>> = {}): string {
  const { role = '<Role>qcs::cam::uin/1:uin/1</Role>', rules } = more;
  return `<ReplicationConfiguration>${role}${rules ?? rule(destination, more)}</ReplicationConfiguration>`;
}

export function rule(destination: BucketRef, more: Partial<Record<string, string>> = {}): string {
  const { id = '', status = '<Status>Enabled</Status>', prefix = '<Prefix></Prefix>', extra = '' } = more;
  const { storageClass = '', bucket = `qcs::cos:${destination.region}::${destination.bucket}` } = more;
  const target = `<Destination><Bucket>${bucket}</Bucket>${storageClass}</Destination>`;
  return `<Rule>${id}${status}${prefix}${target}${extra}</Rule>`;
}
