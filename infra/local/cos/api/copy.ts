import { checkConditions, conditionsOf } from '../conditions';
import { CosError } from '../cos-error';
import { forbidsOverwrite, type ObjectExchange, originOf, replyXml } from '../exchange';
import { metadataOf, storageClassOf, tagsOfHeader } from '../object-headers';
import { percentDecoded } from '../signature';
import { hasOwnId, lastModifiedMs, shownVersionId, type StoredVersion } from '../store/entry';
import { targetOf } from '../target';
import { document, node } from '../xml';
import { isArchived, mintedAtStart } from './object';

const copyBytesMax = 5 * 1024 ** 3;

/** PUT Object - Copy: shares the body, so it costs no byte. Source: https://www.tencentcloud.com/document/product/436/10881 */
export async function copyObject(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key, headers } = exchange;
  const storageClass = storageClassOf(exchange, bucket);
  const keepMetadata = directive(headers['x-cos-metadata-directive']) === 'Copy';
  const keepTags = directive(headers['x-cos-tagging-directive']) === 'Copy';
  const mintedMicros = mintedAtStart(exchange);
  const { version: source, versionId, region } = await sourceOf(exchange);
  if (checkConditions(source, conditionsOf(headers, 'x-cos-copy-source-')) === 'notModified') {
    throw new CosError('PreconditionFailed');
  }
  if (isArchived(source)) throw new CosError('InvalidObjectState');
  if (source.size > copyBytesMax) throw new CosError('EntityTooLarge');
  await exchange.circumstances.transfer?.(region, bucket.region, source.size);

  const { entry: made } = await store.write(
    bucket,
    key,
    source,
    {
      etag: source.etag,
      storageClass,
      metadata: keepMetadata ? source.metadata : metadataOf(exchange),
      tags: keepTags ? source.tags : tagsOfHeader(headers['x-cos-tagging']),
    },
    {
      event: 'cos:ObjectCreated:Copy',
      forbidOverwrite: forbidsOverwrite(exchange),
      origin: originOf(exchange),
      mintedMicros,
    },
  );
  const xml = node('CopyObjectResult', [
    node('ETag', `"${made.etag}"`),
    node('CRC64', made.crc64),
    node('LastModified', new Date(lastModifiedMs(made)).toISOString().replace(/\.\d+Z$/, 'Z')),
    hasOwnId(made) ? node('VersionId', made.versionId) : undefined,
  ]);
  replyXml(exchange, 200, document(xml), {
    'x-cos-copy-source-version-id': versionId,
  });
}

function directive(value: string | undefined): 'Copy' | 'Replaced' {
  const text = value?.toLowerCase() ?? 'copy';
  if (text === 'copy') return 'Copy';
  if (text === 'replaced') return 'Replaced';
  throw new CosError('InvalidArgument', `The directive ${value} is neither Copy nor Replaced.`);
}

/** `<bucket>.cos.<region>.myqcloud.com/<key, percent-encoded>[?versionId=<id>]` */
async function sourceOf(
  exchange: ObjectExchange,
): Promise<{ version: StoredVersion; versionId: string | undefined; region: string }> {
  const { store, caller, headers } = exchange;
  const header = (headers['x-cos-copy-source'] ?? '').replace(/^https?:\/\//, '');
  const slash = header.indexOf('/');
  const target = slash < 0 ? undefined : targetOf(header.slice(0, slash));
  if (target?.kind !== 'bucket') throw new CosError('InvalidCopySource');
  const [path = '', query = ''] = splitAtQuery(header.slice(slash + 1));
  const [, versionId] = /^versionId=([\w+/=.%-]{1,128})$/i.exec(query) ?? [];
  if (query !== '' && versionId === undefined) throw new CosError('InvalidCopySource');
  const key = percentDecoded(path).toString();
  if (key === '') throw new CosError('InvalidCopySource');

  const bucket = await store.index.bucket(target.bucket);
  if (!bucket || bucket.region !== target.region) throw new CosError('NoSuchBucket');
  if (bucket.appid !== caller.account.appid) throw new CosError('AccessDenied');
  const wanted = versionId === undefined ? undefined : percentDecoded(versionId).toString();
  const entry = await store.find(bucket, key, wanted);
  if (entry?.kind === 'version')
    return {
      version: entry,
      versionId: wanted === undefined ? undefined : shownVersionId(bucket, entry),
      region: bucket.region,
    };
  if (entry && versionId !== undefined)
    throw new CosError('InvalidArgument', 'The copy source is a delete marker.');
  throw new CosError(versionId === undefined || entry ? 'NoSuchKey' : 'NoSuchVersion');
}

function splitAtQuery(text: string): readonly string[] {
  const at = text.indexOf('?');
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
