import { pipeline } from 'node:stream/promises';
import { checkConditions, conditionsOf } from '../conditions';
import { CosError } from '../cos-error';
import {
  type BucketExchange,
  forbidsOverwrite,
  type Headers,
  type ObjectExchange,
  originOf,
  reply,
  setHeader,
  versionIdOf,
  writeHead,
} from '../exchange';
import { factsOf, headersOf, isReadable } from '../object-headers';
import { receiveContent } from '../read-body';
import { hasOwnId, lastModifiedMs, type StoredVersion } from '../store/entry';
import { paced, trafficLimitOf, whileOpen } from '../traffic-limit';

export const objectBytesMax = 5 * 1024 ** 3;

/** PUT Object. Source: https://www.tencentcloud.com/document/product/436/7749 */
export async function putObject(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key } = exchange;
  const facts = factsOf(exchange, bucket);
  const mintedMicros = mintedAtStart(exchange);
  const { entry } = await receiveContent(exchange, objectBytesMax, (received) =>
    store.write(
      bucket,
      key,
      received,
      { etag: received.md5.toString('hex'), ...facts },
      {
        event: 'cos:ObjectCreated:Put',
        forbidOverwrite: forbidsOverwrite(exchange),
        origin: originOf(exchange),
        mintedMicros,
      },
    ),
  );
  reply(exchange, 200, headersOfWritten(entry));
}

/** What a write answers of the new version; its id is absent in a suspended bucket, where it is `null`. */
export function headersOfWritten(entry: StoredVersion): Headers {
  return {
    ETag: `"${entry.etag}"`,
    'x-cos-hash-crc64ecma': entry.crc64,
    'x-cos-version-id': hasOwnId(entry) ? entry.versionId : undefined,
  };
}

/** The time that a version is to have if ids are from the start of a write: called before its content is waited for. */
export function mintedAtStart({ store, circumstances }: BucketExchange): bigint | undefined {
  return circumstances.versionIdFrom === 'start' ? store.mint() : undefined;
}

/** The version that a read names, or the current one. */
export async function versionToRead(exchange: ObjectExchange): Promise<StoredVersion> {
  const { store, bucket, key } = exchange;
  const versionId = versionIdOf(exchange);
  const entry = await store.find(bucket, key, versionId);
  if (entry?.kind === 'version') return entry;
  if (entry?.kind === 'deleteMarker' && exchange.circumstances.markerNotFound === 'withHeaders') {
    setHeader(exchange, 'x-cos-delete-marker', 'true');
    setHeader(exchange, 'x-cos-version-id', entry.versionId);
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

/** GET Object. Source: https://www.tencentcloud.com/document/product/436/7753 */
export async function getObject(exchange: ObjectExchange): Promise<void> {
  const version = await versionToRead(exchange);
  if (checkConditions(version, conditionsOf(exchange.headers, '')) === 'notModified')
    return replyNotModified(exchange, version);
  if (!isReadable(version, exchange.nowMs)) throw new CosError('InvalidObjectState');
  const range = rangeOf(exchange.headers['range'], version.size);
  const limit = trafficLimitOf(exchange);
  const headers = headersOf(version, exchange);
  if (version.size === 0) return reply(exchange, 200, headers);

  const { start, end } = range ?? { start: 0, end: version.size - 1 };
  const { content, close } = await exchange.store.read(version, start, end + 1);
  const partial = range && {
    'Content-Length': end + 1 - start,
    'Content-Range': `bytes ${start}-${end}/${version.size}`,
  };
  writeHead(exchange, range ? 206 : 200, { ...headers, ...partial });
  // Done when the last byte is about to be sent: so the account of requests is never behind its clients.
  let atLast = (): void => {};
  const sending = new Promise<void>((resolve) => (atLast = resolve));
  const bytes = end + 1 - start;
  const rate = Math.min(limit, exchange.circumstances.downloadRate?.(bytes) ?? Infinity);
  // Node sends them with the first chunk, which may be long in coming.
  if (rate < Infinity) exchange.response.flushHeaders();
  const chunks = upToLast(paced(content, rate, whileOpen(exchange.response)), bytes, atLast);
  // A client that went away, even before this, is no failure.
  const ended = pipeline(chunks, exchange.response)
    .catch(() => void exchange.response.destroy())
    .finally(close);
  await Promise.race([sending, ended]);
}

async function* upToLast(
  chunks: AsyncIterable<Buffer>,
  bytes: number,
  atLast: () => void,
): AsyncGenerator<Buffer> {
  let passed = 0;
  for await (const chunk of chunks) {
    passed += chunk.length;
    if (passed >= bytes) atLast();
    yield chunk;
  }
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
