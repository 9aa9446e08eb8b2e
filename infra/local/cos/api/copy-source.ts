import { authorize } from '../access/authorize';
import { checkConditions, conditionsOf } from '../conditions';
import { CosError } from '../cos-error';
import type { ObjectExchange } from '../exchange';
import { isReadable } from '../object-headers';
import { percentDecoded } from '../signature';
import { shownVersionId, type StoredBucket, type StoredVersion } from '../store/entry';
import { targetOf } from '../target';

/** What is copied, and where it lies. */
export interface CopySource {
  readonly version: StoredVersion;
  readonly bucket: StoredBucket;
  /** What the answer says, if the request named a version. */
  readonly versionId: string | undefined;
}

/**
 * The source that `x-cos-copy-source` names, its conditions checked:
 * `<bucket>.cos.<region>.myqcloud.com/<key, percent-encoded>[?versionId=<id>]`, or as S3 has it, `[/]<bucket>/<key>`. That
 * COS takes this one too, for a bucket of the same region, is inferred from clients that send it there.
 */
export async function copySourceOf(exchange: ObjectExchange): Promise<CopySource> {
  const { store, headers, caller } = exchange;
  const { place, key, versionId } = parseCopySource(headers['x-cos-copy-source'] ?? '');
  const target = targetOf(place);
  const named = bucketName.test(place) ? { bucket: place, region: exchange.bucket.region } : undefined;
  const source = target?.kind === 'bucket' ? target : named;
  if (source === undefined) throw new CosError('InvalidCopySource');

  const bucket = await store.index.bucket(source.bucket);
  if (!bucket || bucket.region !== source.region) throw new CosError('NoSuchBucket');
  const entry = await store.find(bucket, key, versionId);
  await authorize(exchange, {
    caller,
    action: 'GetObject',
    bucket,
    key,
    bucketPolicy: async () => (await store.index.document(bucket.name, 'policy'))?.text,
    objectAcl: async () => (entry?.kind === 'version' ? entry.acl : undefined),
  });
  if (entry?.kind === 'deleteMarker' && versionId !== undefined)
    throw new CosError('InvalidArgument', 'The copy source is a delete marker.');
  if (entry?.kind !== 'version')
    throw new CosError(versionId === undefined || entry ? 'NoSuchKey' : 'NoSuchVersion');
  if (checkConditions(entry, conditionsOf(headers, 'x-cos-copy-source-')) === 'notModified')
    throw new CosError('PreconditionFailed');
  if (!isReadable(entry, exchange.nowMs)) throw new CosError('InvalidObjectState');
  return {
    version: entry,
    bucket,
    versionId: versionId === undefined ? undefined : shownVersionId(bucket, entry),
  };
}

const bucketName = /^[a-z0-9][a-z0-9-]*-\d+$/;

/** Fails with InvalidCopySource. */
function parseCopySource(header: string): { place: string; key: string; versionId: string | undefined } {
  const [, place = '', path = '', query = ''] =
    /^(?:https?:\/\/|\/)?([^/?]+)\/([^?]*)(?:\?(.*))?$/.exec(header) ?? [];
  const [, versionId] = /^versionId=([\w+/=.%-]{1,128})$/i.exec(query) ?? [];
  const key = percentDecoded(path).toString();
  if (key === '' || (query !== '' && versionId === undefined)) throw new CosError('InvalidCopySource');
  return {
    place,
    key,
    versionId: versionId === undefined ? undefined : percentDecoded(versionId).toString(),
  };
}
