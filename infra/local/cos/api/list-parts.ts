import { type ObjectExchange, replyXml } from '../exchange';
import { document, node } from '../xml';
import { initiatorNode, ownerNode } from './identity';
import { shownNames, wholeNumberParam } from './list-params';
import { uploadIdOf } from './multipart';

const pageMax = 1000;

/** List Parts. Source: https://www.tencentcloud.com/document/product/436/7747 */
export async function listParts(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key } = exchange;
  const uploadId = uploadIdOf(exchange);
  const { shown, encodingNode } = shownNames(exchange);
  const limit = Math.min(wholeNumberParam(exchange, 'max-parts') ?? pageMax, pageMax);
  const after = wholeNumberParam(exchange, 'part-number-marker') ?? 0;
  const upload = await store.uploads.need(bucket, key, uploadId);
  const found = await store.index.parts(uploadId, after, limit + 1);
  const page = found.slice(0, limit);
  const truncated = limit > 0 && found.length > limit;
  const xml = node('ListPartsResult', [
    node('Bucket', bucket.name),
    encodingNode,
    node('Key', shown(key)),
    node('UploadId', uploadId),
    initiatorNode(upload.initiator),
    ownerNode(bucket.appid),
    node('StorageClass', upload.storageClass),
    node('PartNumberMarker', String(after)),
    truncated ? node('NextPartNumberMarker', String(page.at(-1)?.number ?? after)) : undefined,
    node('MaxParts', String(limit)),
    node('IsTruncated', String(truncated)),
    ...page.map((part) =>
      node('Part', [
        node('PartNumber', String(part.number)),
        node('LastModified', new Date(part.modifiedMs).toISOString()),
        node('ETag', `"${part.etag}"`),
        node('Size', String(part.size)),
      ]),
    ),
  ]);
  replyXml(exchange, 200, document(xml));
}
