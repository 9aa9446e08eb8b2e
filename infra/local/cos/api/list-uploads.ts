import { type BucketExchange, param, replyXml } from '../exchange';
import type { StoredUpload } from '../store/entry';
import * as names from '../store/index-keys';
import { document, node } from '../xml';
import { initiatorNode, ownerNode } from './identity';
import { commonPrefix } from './list-items';
import { shownNames, wholeNumberParam } from './list-params';

const pageMax = 1000;

type Item = { readonly group: string } | { readonly upload: StoredUpload };

/** List Multipart Uploads. Source: https://www.tencentcloud.com/document/product/436/7736 */
export async function listUploads(exchange: BucketExchange): Promise<void> {
  const { bucket } = exchange;
  const { shown, encodingNode } = shownNames(exchange);
  const prefix = param(exchange, 'prefix') ?? '';
  const delimiter = param(exchange, 'delimiter') ?? '';
  const keyMarker = param(exchange, 'key-marker') ?? '';
  const idMarker = keyMarker === '' ? '' : (param(exchange, 'upload-id-marker') ?? '');
  const limit = Math.min(wholeNumberParam(exchange, 'max-uploads') ?? pageMax, pageMax);
  const from = placeAfter(bucket.name, keyMarker, idMarker, commonPrefix(keyMarker, prefix, delimiter));
  const { items, truncated } = await page(exchange, { prefix, delimiter, limit, from });
  const last = items.at(-1);
  const xml = node('ListMultipartUploadsResult', [
    node('Bucket', bucket.name),
    encodingNode,
    node('KeyMarker', shown(keyMarker)),
    node('UploadIdMarker', idMarker),
    truncated && last ? node('NextKeyMarker', shown(nameOf(last))) : undefined,
    truncated && last ? node('NextUploadIdMarker', 'upload' in last ? last.upload.uploadId : '') : undefined,
    node('MaxUploads', String(limit)),
    node('IsTruncated', String(truncated)),
    node('Prefix', shown(prefix)),
    delimiter === '' ? undefined : node('Delimiter', shown(delimiter)),
    ...items.map((item) =>
      'group' in item
        ? node('CommonPrefixes', [node('Prefix', shown(item.group))])
        : node('Upload', [
            node('Key', shown(item.upload.key)),
            node('UploadId', item.upload.uploadId),
            node('StorageClass', item.upload.storageClass),
            initiatorNode(item.upload.initiator),
            ownerNode(bucket.appid),
            node('Initiated', new Date(item.upload.initiatedMs).toISOString()),
          ]),
    ),
  ]);
  replyXml(exchange, 200, document(xml));
}

function nameOf(item: Item): string {
  return 'group' in item ? item.group : item.upload.key;
}

/** After an upload, after all of a key, or after a common prefix. */
function placeAfter(bucket: string, key: string, uploadId: string, group: string | undefined): Buffer {
  if (key === '') return names.uploadPrefixSpan(bucket, '').gte;
  if (group === key) return names.uploadPrefixSpan(bucket, key).lt;
  if (uploadId === '') return names.afterKeyOfUploads(bucket, key);
  return Buffer.concat([names.uploadName(bucket, key, uploadId), Buffer.from([0])]);
}

async function page(
  { store, bucket }: BucketExchange,
  wanted: {
    readonly prefix: string;
    readonly delimiter: string;
    readonly limit: number;
    readonly from: Buffer;
  },
): Promise<{ readonly items: readonly Item[]; readonly truncated: boolean }> {
  const { prefix, delimiter, limit } = wanted;
  const items: Item[] = [];
  if (limit === 0) return { items, truncated: false };
  const span = names.uploadPrefixSpan(bucket.name, prefix);
  let from: Buffer | undefined = Buffer.compare(wanted.from, span.gte) > 0 ? wanted.from : span.gte;
  while (from !== undefined && Buffer.compare(from, span.lt) < 0) {
    let stepTo: Buffer | undefined;
    for await (const upload of store.index.uploads({ gte: from, lt: span.lt })) {
      if (items.length >= limit) return { items, truncated: true };
      const group = commonPrefix(upload.key, prefix, delimiter);
      items.push(group === undefined ? { upload } : { group });
      if (group === undefined) continue;
      stepTo = names.uploadPrefixSpan(bucket.name, group).lt;
      break;
    }
    from = stepTo;
  }
  return { items, truncated: false };
}
