import { CosError } from '../cos-error';
import { type BucketExchange, param, replyXml } from '../exchange';
import { encoded } from '../signature';
import { lastModifiedMs, type StoredEntry, type StoredVersion } from '../store/entry';
import * as names from '../store/index-keys';
import type { ObjectIndex } from '../store/object-index';
import { document, node, type XmlNode } from '../xml';

const itemsMax = 1000;

interface Item {
  /** A key, or a common prefix. */
  readonly name: string;
  readonly entry: StoredEntry | undefined;
  readonly latest: boolean;
}

interface ListRequest {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string;
  /** The first index name that may be listed. */
  readonly from: Buffer;
  /** The key that the first entries may go on with, which are then not its newest. */
  readonly within: string | undefined;
  readonly limit: number;
  readonly versions: boolean;
}

/**
 * Lists in index order. A common prefix is stepped over, and so are the older versions of a key with many, so that a
 * page costs what it returns.
 */
async function listItems(
  index: ObjectIndex,
  request: ListRequest,
): Promise<{ items: Item[]; truncated: boolean }> {
  const { bucket, prefix, delimiter, limit, versions } = request;
  const span = names.prefixSpan(bucket, prefix);
  const items: Item[] = [];
  let lastKey = request.within;
  let from = Buffer.compare(request.from, span.gte) > 0 ? request.from : span.gte;
  while (Buffer.compare(from, span.lt) < 0) {
    let stepTo: Buffer | undefined;
    for await (const { key, entry } of index.scan(bucket, { gte: from, lt: span.lt })) {
      const group = commonPrefix(key, prefix, delimiter);
      const latest = key !== lastKey;
      lastKey = key;
      // An object listing shows a key's newest entry, and nothing of a key whose newest is a marker.
      if (!versions && group === undefined && !(latest && entry.kind === 'version')) {
        if (latest) continue;
        stepTo = names.afterKey(bucket, key);
        break;
      }
      if (!versions && group !== undefined && entry.kind === 'deleteMarker' && latest) continue;
      if (items.length >= limit) return { items, truncated: true };
      items.push({ name: group ?? key, entry: group === undefined ? entry : undefined, latest });
      if (group !== undefined) {
        stepTo = names.afterPrefix(bucket, group);
        break;
      }
    }
    if (stepTo === undefined) break;
    from = stepTo;
  }
  return { items, truncated: false };
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

function readRequest(exchange: BucketExchange) {
  const encoding = param(exchange, 'encoding-type');
  if (encoding !== undefined && encoding !== 'url')
    throw new CosError('InvalidArgument', 'encoding-type must be url.');
  const wanted = param(exchange, 'max-keys');
  if (wanted !== undefined && !/^\d{1,9}$/.test(wanted))
    throw new CosError('InvalidArgument', 'max-keys must be a number.');
  return {
    prefix: param(exchange, 'prefix') ?? '',
    delimiter: param(exchange, 'delimiter') ?? '',
    limit: Math.min(wanted === undefined ? itemsMax : Number(wanted), itemsMax),
    shown: (text: string): string =>
      encoding === 'url' ? encoded(Buffer.from(text)).replaceAll('%2F', '/') : text,
    encodingNode: encoding === 'url' ? node('EncodingType', 'url') : undefined,
  };
}

/** GET Bucket (List Objects). Source: https://www.tencentcloud.com/document/product/436/7734 */
export async function listObjects(exchange: BucketExchange): Promise<void> {
  const { bucket, store } = exchange;
  const { prefix, delimiter, limit, shown, encodingNode } = readRequest(exchange);
  const marker = param(exchange, 'marker') ?? '';
  const { items, truncated } = await listItems(store.index, {
    bucket: bucket.name,
    prefix,
    delimiter,
    from: afterMarker(bucket.name, marker, prefix, delimiter),
    within: undefined,
    limit,
    versions: false,
  });
  const owner = ownerNode(bucket.appid);
  const xml = node('ListBucketResult', [
    encodingNode,
    node('Name', bucket.name),
    node('Prefix', shown(prefix)),
    node('Marker', shown(marker)),
    node('MaxKeys', String(limit)),
    delimiter === '' ? undefined : node('Delimiter', shown(delimiter)),
    node('IsTruncated', String(truncated)),
    truncated ? node('NextMarker', shown(items.at(-1)?.name ?? '')) : undefined,
    ...commonPrefixNodes(items, shown),
    ...items.flatMap(({ name, entry }) =>
      entry?.kind === 'version'
        ? [node('Contents', [node('Key', shown(name)), ...versionNodes(entry), owner])]
        : [],
    ),
  ]);
  replyXml(exchange, 200, document(xml));
}

/** GET Bucket Object versions. Source: https://www.tencentcloud.com/document/product/436/31551 */
export async function listVersions(exchange: BucketExchange): Promise<void> {
  const { bucket, store } = exchange;
  const { prefix, delimiter, limit, shown, encodingNode } = readRequest(exchange);
  const keyMarker = param(exchange, 'key-marker') ?? '';
  const versionMarker = param(exchange, 'version-id-marker') ?? '';
  const place = versionMarker === '' ? undefined : await placeOf(exchange, keyMarker, versionMarker);
  const { items, truncated } = await listItems(store.index, {
    bucket: bucket.name,
    prefix,
    delimiter,
    from: place ?? afterMarker(bucket.name, keyMarker, prefix, delimiter),
    within: place && keyMarker,
    limit,
    versions: true,
  });
  const last = items.at(-1);
  const owner = ownerNode(bucket.appid);
  const xml = node('ListVersionsResult', [
    encodingNode,
    node('Name', bucket.name),
    node('Prefix', shown(prefix)),
    node('KeyMarker', shown(keyMarker)),
    node('VersionIdMarker', versionMarker),
    node('MaxKeys', String(limit)),
    node('IsTruncated', String(truncated)),
    truncated ? node('NextKeyMarker', shown(last?.name ?? '')) : undefined,
    truncated ? node('NextVersionIdMarker', last?.entry?.versionId ?? '') : undefined,
    delimiter === '' ? undefined : node('Delimiter', shown(delimiter)),
    ...commonPrefixNodes(items, shown),
    ...items.flatMap(({ name, entry, latest }) =>
      entry ? [entryNode(shown(name), entry, latest, owner)] : [],
    ),
  ]);
  replyXml(exchange, 200, document(xml));
}

/** The index name right after one entry, which may have been deleted since the page before. */
async function placeOf({ store, bucket }: BucketExchange, key: string, versionId: string): Promise<Buffer> {
  for await (const entry of store.index.history(bucket.name, key)) {
    if (entry.versionId === versionId) {
      return Buffer.concat([names.entryName(bucket.name, key, BigInt(entry.micros)), Buffer.from([0])]);
    }
  }
  return names.afterKey(bucket.name, key);
}

/** Where the page after a marker begins. A marker that is a common prefix stands for everything under it. */
function afterMarker(bucket: string, marker: string, prefix: string, delimiter: string): Buffer {
  if (marker === '') return names.prefixSpan(bucket, '').gte;
  const isGroup = delimiter !== '' && commonPrefix(marker, prefix, delimiter) === marker;
  return isGroup ? names.afterPrefix(bucket, marker) : names.afterKey(bucket, marker);
}

function commonPrefixNodes(items: readonly Item[], shown: (text: string) => string): readonly XmlNode[] {
  return items
    .filter((item) => item.entry === undefined)
    .map((item) => node('CommonPrefixes', [node('Prefix', shown(item.name))]));
}

function entryNode(key: string, entry: StoredEntry, latest: boolean, owner: XmlNode): XmlNode {
  const identity = [node('Key', key), node('VersionId', entry.versionId), node('IsLatest', String(latest))];
  if (entry.kind === 'deleteMarker') {
    return node('DeleteMarker', [...identity, node('LastModified', timeOf(entry)), owner]);
  }
  return node('Version', [...identity, ...versionNodes(entry), owner]);
}

function versionNodes(entry: StoredVersion): readonly XmlNode[] {
  return [
    node('LastModified', timeOf(entry)),
    node('ETag', `"${entry.etag}"`),
    node('Size', String(entry.size)),
    node('StorageClass', entry.storageClass),
  ];
}

function timeOf(entry: StoredEntry): string {
  return new Date(lastModifiedMs(entry)).toISOString();
}

function ownerNode(appid: string): XmlNode {
  return node('Owner', [node('ID', appid), node('DisplayName', appid)]);
}
