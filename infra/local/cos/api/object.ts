import { pipeline } from 'node:stream/promises';
import { checkConditions, conditionsOf } from '../conditions';
import { CosError } from '../cos-error';
import { forbidsOverwrite, type ObjectExchange, originOf, reply, versionIdOf, writeHead } from '../exchange';
import { headersOf, metadataOf, storageClassOf, tagsOfHeader } from '../object-headers';
import { checkMd5 } from '../read-body';
import type { ReceivedBody } from '../store/bodies';
import { hasOwnId, lastModifiedMs, type StoredVersion } from '../store/entry';
import type { ObjectFacts } from '../store/object-store';

const objectBytesMax = 5 * 1024 ** 3;

/** PUT Object. Source: https://www.tencentcloud.com/document/product/436/7749 */
export async function putObject(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, headers, request } = exchange;
  const storageClass = storageClassOf(exchange, bucket);
  const metadata = metadataOf(exchange);
  const tags = tagsOfHeader(headers['x-cos-tagging']);
  const announced = headers['content-length'];
  if (announced === undefined && headers['transfer-encoding'] === undefined)
    throw new CosError('MissingContentLength');
  if (Number(announced ?? 0) > objectBytesMax) throw new CosError('EntityTooLarge');

  const mintedMicros = mintedAtStart(exchange);
  const received = await store.receive(request, objectBytesMax);
  exchange.seen.requestBytes = received.size;
  const version = await keep(exchange, received, { storageClass, metadata, tags }, mintedMicros).catch(
    async (error: unknown) => {
      await store.discard(received.body);
      throw error;
    },
  );
  reply(exchange, 200, {
    ETag: `"${version.etag}"`,
    'x-cos-hash-crc64ecma': version.crc64,
    // Absent in a suspended bucket, where the version is `null`.
    'x-cos-version-id': hasOwnId(version) ? version.versionId : undefined,
  });
}

async function keep(
  exchange: ObjectExchange,
  received: ReceivedBody,
  facts: Omit<ObjectFacts, 'etag'>,
  mintedMicros: bigint | undefined,
): Promise<StoredVersion> {
  const { store, bucket, key, headers } = exchange;
  const announced = headers['content-length'];
  if (announced !== undefined && Number(announced) !== received.size) throw new CosError('IncompleteBody');
  checkMd5(exchange, received.md5);
  const event = 'cos:ObjectCreated:Put';
  const forbidOverwrite = forbidsOverwrite(exchange);
  const etag = received.md5.toString('hex');
  const change = { event, forbidOverwrite, origin: originOf(exchange), mintedMicros } as const;
  const { entry } = await store.write(bucket, key, received, { etag, ...facts }, change);
  return entry;
}

/** The time that a version is to have if ids are from the start of a write: called before its content is waited for. */
export function mintedAtStart({ store, circumstances }: ObjectExchange): bigint | undefined {
  return circumstances.versionIdFrom === 'start' ? store.mint() : undefined;
}

/** The version that a read names, or the current one. */
export async function versionToRead(exchange: ObjectExchange): Promise<StoredVersion> {
  const { store, bucket, key } = exchange;
  const versionId = versionIdOf(exchange);
  const entry = await store.find(bucket, key, versionId);
  if (entry?.kind === 'version') return entry;
  if (entry?.kind === 'deleteMarker' && exchange.circumstances.markerNotFound === 'withHeaders') {
    exchange.response.setHeader('x-cos-delete-marker', 'true');
    exchange.response.setHeader('x-cos-version-id', entry.versionId);
  }
  // A marker is not found either, whether it is current or named.
  throw new CosError(versionId !== undefined && entry === undefined ? 'NoSuchVersion' : 'NoSuchKey');
}

/** HEAD Object. Source: https://www.tencentcloud.com/document/product/436/7745 */
export async function headObject(exchange: ObjectExchange): Promise<void> {
  const version = await versionToRead(exchange);
  if (checkConditions(version, conditionsOf(exchange.headers, '')) === 'notModified')
    return replyNotModified(exchange, version);
  reply(exchange, 200, headersOf(version, exchange));
}

function replyNotModified(exchange: ObjectExchange, version: StoredVersion): void {
  reply(exchange, 304, {
    ETag: `"${version.etag}"`,
    'Last-Modified': new Date(lastModifiedMs(version)).toUTCString(),
  });
}

const archived = /^(MAZ_)?(DEEP_)?ARCHIVE$/;

export function isArchived(version: StoredVersion): boolean {
  return archived.test(version.storageClass);
}

/** GET Object. Source: https://www.tencentcloud.com/document/product/436/7753 */
export async function getObject(exchange: ObjectExchange): Promise<void> {
  const version = await versionToRead(exchange);
  if (checkConditions(version, conditionsOf(exchange.headers, '')) === 'notModified')
    return replyNotModified(exchange, version);
  if (isArchived(version)) throw new CosError('InvalidObjectState');
  const range = rangeOf(exchange.headers['range'], version.size);
  const headers = headersOf(version, exchange);
  if (version.size === 0) return reply(exchange, 200, headers);

  const file = await exchange.store.bodies.open(version.body).catch(async (error: unknown) => {
    // Deleted for good since it was found.
    if ((await exchange.store.find(exchange.bucket, exchange.key, version.versionId)) === undefined) {
      throw new CosError('NoSuchKey');
    }
    throw error;
  });
  const { start, end } = range ?? { start: 0, end: version.size - 1 };
  const partial = range && {
    'Content-Length': end - start + 1,
    'Content-Range': `bytes ${start}-${end}/${version.size}`,
  };
  writeHead(exchange, range ? 206 : 200, { ...headers, ...partial });
  // Closes the file whatever happens; a client that went away, even before this, is no failure.
  const ended = pipeline(file.createReadStream({ start, end }), exchange.response).catch(() => {
    exchange.response.destroy();
  });
  // Done when the last byte is sent, which is before the client has it: so the account of requests is never behind.
  const sent = new Promise<void>((resolve) => void exchange.response.once('finish', resolve));
  await Promise.race([sent, ended]);
}

/** One range, inclusive. Several, or another unit, are ignored, as HTTP allows. */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (start > end) throw new CosError('InvalidRange');
  return { start, end };
}

/** DELETE Object. Source: https://www.tencentcloud.com/document/product/436/7743 */
export async function deleteObject(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key } = exchange;
  const versionId = versionIdOf(exchange);
  const origin = originOf(exchange);
  if (versionId === undefined) {
    const { entry: marker } = await store.remove(bucket, key, origin);
    return reply(
      exchange,
      204,
      marker ? { 'x-cos-delete-marker': 'true', 'x-cos-version-id': marker.versionId } : {},
    );
  }
  const removed = await store.removeVersion(bucket, key, versionId, origin);
  reply(exchange, 204, {
    'x-cos-version-id': versionId,
    'x-cos-delete-marker': removed?.kind === 'deleteMarker' ? 'true' : undefined,
  });
}
