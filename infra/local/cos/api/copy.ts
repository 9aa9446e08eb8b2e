import { aclOfHeaders } from '../access/acl';
import { CosError } from '../cos-error';
import { forbidsOverwrite, type Headers, type ObjectExchange, originOf, replyWhenDone } from '../exchange';
import { metadataOf, storageClassOf, tagsOfHeader } from '../object-headers';
import { hasOwnId, lastModifiedMs, type StoredVersion } from '../store/entry';
import { node } from '../xml';
import { copySourceOf } from './copy-source';
import { mintedAtStart } from './object';

const copyBytesMax = 5 * 1024 ** 3;

/** PUT Object - Copy: shares the body, so it costs no byte. Source: https://www.tencentcloud.com/document/product/436/10881 */
export function copyObject(exchange: ObjectExchange): Promise<void> {
  return copyWith(exchange, () => ({}));
}

/** A copy whose answer has more headers. */
export async function copyWith(
  exchange: ObjectExchange,
  headersOfMade: (made: StoredVersion) => Headers,
): Promise<void> {
  const { store, bucket, key, headers } = exchange;
  const storageClass = storageClassOf(exchange, bucket);
  const keepMetadata = directive(headers['x-cos-metadata-directive']) === 'Copy';
  const keepTags = directive(headers['x-cos-tagging-directive']) === 'Copy';
  const acl = aclOfHeaders(headers);
  const mintedMicros = mintedAtStart(exchange);
  const { version: source, versionId, bucket: from } = await copySourceOf(exchange);
  if (source.size > copyBytesMax) throw new CosError('EntityTooLarge');
  const facts = {
    etag: source.etag,
    storageClass,
    metadata: keepMetadata ? source.metadata : metadataOf(exchange),
    tags: keepTags ? source.tags : tagsOfHeader(headers['x-cos-tagging']),
    // The source's is not copied.
    acl,
  };

  const copied = async () => {
    await exchange.circumstances.transfer?.(from.region, bucket.region, source.size);
    const { entry: made } = await store.write(bucket, key, source, facts, {
      event: 'cos:ObjectCreated:Copy',
      forbidOverwrite: forbidsOverwrite(exchange),
      origin: originOf(exchange),
      mintedMicros,
      shared: true,
    });
    const root = node('CopyObjectResult', [
      node('ETag', `"${made.etag}"`),
      node('CRC64', made.crc64),
      node('LastModified', new Date(lastModifiedMs(made)).toISOString().replace(/\.\d+Z$/, 'Z')),
      hasOwnId(made) ? node('VersionId', made.versionId) : undefined,
    ]);
    return { root, headers: { 'x-cos-copy-source-version-id': versionId, ...headersOfMade(made) } };
  };
  return replyWhenDone(exchange, copied());
}

function directive(value: string | undefined): 'Copy' | 'Replaced' {
  const text = value?.toLowerCase() ?? 'copy';
  if (text === 'copy') return 'Copy';
  if (text === 'replaced') return 'Replaced';
  throw new CosError('InvalidArgument', `The directive ${value} is neither Copy nor Replaced.`);
}
