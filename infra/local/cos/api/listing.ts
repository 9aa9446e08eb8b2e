import { CosError } from '../cos-error';
import { versionIdMicros } from '../../../../lib/domain/version-id';
import { type BucketExchange, param, replyXml } from '../exchange';
import {
  lastModifiedMs,
  shownVersionId,
  type StoredBucket,
  type StoredEntry,
  type StoredVersion,
} from '../store/entry';
import { storageTierOf } from '../object-headers';
import * as names from '../store/index-keys';
import { document, node, type XmlNode } from '../xml';
import { ownerNode } from './identity';
import { commonPrefix, type Item, listItems } from './list-items';
import { shownNames, wholeNumberParam } from './list-params';

const itemsMax = 1000;

function readRequest(exchange: BucketExchange) {
  const { listedUntilMs } = exchange.circumstances;
  return {
    untilMicros: listedUntilMs === undefined ? undefined : BigInt(listedUntilMs) * 1000n,
    prefix: param(exchange, 'prefix') ?? '',
    delimiter: param(exchange, 'delimiter') ?? '',
    limit: Math.min(wholeNumberParam(exchange, 'max-keys') ?? itemsMax, itemsMax),
    ...shownNames(exchange),
  };
}

/** GET Bucket (List Objects). Source: https://www.tencentcloud.com/document/product/436/7734 */
export async function listObjects(exchange: BucketExchange): Promise<void> {
  const marker = param(exchange, 'marker') ?? '';
  const page = await readObjectsPage(exchange, marker);
  const { shown, next } = page;
  const xml = node('ListBucketResult', [
    ...page.head,
    node('Marker', shown(marker)),
    next === undefined ? undefined : node('NextMarker', shown(next)),
    ...page.commonPrefixes,
    ...page.contents(ownerNode(exchange.bucket.appid)),
  ]);
  replyXml(exchange, 200, document(xml));
}

/** What every form of an object listing says, after a key or a common prefix. */
export async function readObjectsPage(exchange: BucketExchange, after: string) {
  const { bucket, store } = exchange;
  const { prefix, delimiter, limit, untilMicros, shown, encodingNode } = readRequest(exchange);
  const { items, truncated } = await listItems(store.index, {
    bucket: bucket.name,
    prefix,
    delimiter,
    from: afterMarker(bucket.name, after, prefix, delimiter),
    within: undefined,
    limit,
    versions: false,
    untilMicros,
  });
  return {
    shown,
    /** What the next page is after; `undefined`: this is the last. */
    next: truncated ? (items.at(-1)?.name ?? '') : undefined,
    count: items.length,
    head: [
      encodingNode,
      node('Name', bucket.name),
      node('Prefix', shown(prefix)),
      node('MaxKeys', String(limit)),
      delimiter === '' ? undefined : node('Delimiter', shown(delimiter)),
      node('IsTruncated', String(truncated)),
    ],
    commonPrefixes: commonPrefixNodes(items, shown),
    contents: (owner: XmlNode | undefined): readonly XmlNode[] =>
      items.flatMap(({ name, entry }) =>
        entry?.kind === 'version'
          ? [node('Contents', [node('Key', shown(name)), ...versionNodes(entry), owner])]
          : [],
      ),
  };
}

/** GET Bucket Object versions. Source: https://www.tencentcloud.com/document/product/436/31551 */
export async function listVersions(exchange: BucketExchange): Promise<void> {
  const { bucket, store } = exchange;
  const { prefix, delimiter, limit, untilMicros, shown, encodingNode } = readRequest(exchange);
  const keyMarker = param(exchange, 'key-marker') ?? '';
  const versionMarker = param(exchange, 'version-id-marker') ?? '';
  if (versionMarker !== '' && keyMarker === '')
    throw new CosError('InvalidArgument', 'A version-id-marker needs its key-marker.');
  const place = versionMarker === '' ? undefined : await placeAfter(exchange, keyMarker, versionMarker);
  const { items, truncated } = await listItems(store.index, {
    bucket: bucket.name,
    prefix,
    delimiter,
    from: place?.from ?? afterMarker(bucket.name, keyMarker, prefix, delimiter),
    within: place?.within,
    limit,
    versions: true,
    untilMicros,
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
    truncated
      ? node('NextVersionIdMarker', last?.entry ? shownVersionId(bucket, last.entry) : '')
      : undefined,
    delimiter === '' ? undefined : node('Delimiter', shown(delimiter)),
    ...commonPrefixNodes(items, shown),
    ...items.flatMap(({ name, entry, latest }) =>
      entry ? [entryNode(bucket, shown(name), entry, latest, owner)] : [],
    ),
  ]);
  replyXml(exchange, 200, document(xml));
}

/** Right after one entry. An id tells its place by itself, so that the entry may have been deleted since the page before. */
async function placeAfter(
  { store, bucket }: BucketExchange,
  key: string,
  versionId: string,
): Promise<{ from: Buffer; within: string | undefined }> {
  const found = versionId === 'null' ? await store.find(bucket, key, versionId) : undefined;
  const micros = found ? BigInt(found.micros) : versionIdMicros(versionId);
  if (micros === undefined) return { from: names.afterKey(bucket.name, key), within: undefined };
  const newest = await store.index.newest(bucket.name, key);
  // What follows is the newest if all before it was deleted meanwhile.
  const shownBefore = newest !== undefined && BigInt(newest.micros) >= micros;
  return {
    from: Buffer.concat([names.entryName(bucket.name, key, micros), Buffer.from([0])]),
    within: shownBefore ? key : undefined,
  };
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

function entryNode(
  bucket: StoredBucket,
  key: string,
  entry: StoredEntry,
  latest: boolean,
  owner: XmlNode,
): XmlNode {
  const versionId = shownVersionId(bucket, entry);
  const identity = [node('Key', key), node('VersionId', versionId), node('IsLatest', String(latest))];
  if (entry.kind === 'deleteMarker') {
    return node('DeleteMarker', [...identity, node('LastModified', timeOf(entry)), owner]);
  }
  return node('Version', [...identity, ...versionNodes(entry), owner]);
}

function versionNodes(entry: StoredVersion): readonly (XmlNode | undefined)[] {
  const tier = storageTierOf(entry);
  return [
    node('LastModified', timeOf(entry)),
    node('ETag', `"${entry.etag}"`),
    node('Size', String(entry.size)),
    node('StorageClass', entry.storageClass),
    tier && node('StorageTier', tier),
  ];
}

function timeOf(entry: StoredEntry): string {
  return new Date(lastModifiedMs(entry)).toISOString();
}
