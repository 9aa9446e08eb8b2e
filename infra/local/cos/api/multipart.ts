import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { CosError } from '../cos-error';
import {
  forbidsOverwrite,
  type ObjectExchange,
  originOf,
  param,
  reply,
  replyWhenDone,
  replyXml,
} from '../exchange';
import { factsOf } from '../object-headers';
import { readDocument, receiveContent } from '../read-body';
import type { StoredPart, StoredVersion } from '../store/entry';
import { type ListedPart, partsMax } from '../store/uploads';
import { document, node, parseDocument } from '../xml';
import { copySourceOf } from './copy-source';
import { headersOfWritten, mintedAtStart, objectBytesMax } from './object';
import { initiatorOf } from './identity';

const namespace = 'http://www.qcloud.com/document/product/436/7751';

/** Initiate Multipart Upload. Source: https://www.tencentcloud.com/document/product/436/7746 */
export async function initiateUpload(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key, nowMs } = exchange;
  const facts = factsOf(exchange, bucket);
  // It protects nothing in a bucket that ever had versioning.
  const guarded = forbidsOverwrite(exchange) && bucket.versioning === 'never';
  if (guarded && (await store.find(bucket, key, undefined))) throw new CosError('FileAlreadyExists');
  const initiator = initiatorOf(exchange);
  const { uploadId } = await store.uploads.begin(bucket, { key, initiatedMs: nowMs, initiator, ...facts });
  const xml = node('InitiateMultipartUploadResult', [
    node('Bucket', bucket.name),
    node('Key', key),
    node('UploadId', uploadId),
  ]);
  replyXml(exchange, 200, document(xml));
}

export function uploadIdOf(exchange: ObjectExchange): string {
  return param(exchange, 'uploadId') ?? '';
}

function partNumberOf(exchange: ObjectExchange): number {
  const text = param(exchange, 'partNumber') ?? '';
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > partsMax)
    throw new CosError('InvalidArgument', `Part number must be an integer between 1 and ${partsMax}.`);
  return number;
}

/** Upload Part. Source: https://www.tencentcloud.com/document/product/436/7750 */
export async function uploadPart(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key, nowMs } = exchange;
  const uploadId = uploadIdOf(exchange);
  const number = partNumberOf(exchange);
  await store.uploads.need(bucket, key, uploadId);
  const part = await receiveContent(exchange, objectBytesMax, (received) =>
    store.uploads.putPart(
      bucket,
      key,
      uploadId,
      { number, etag: received.md5.toString('hex'), modifiedMs: nowMs },
      received,
    ),
  );
  reply(exchange, 200, { ETag: `"${part.etag}"`, 'x-cos-hash-crc64ecma': part.crc64 });
}

/** Upload Part - Copy: shares bytes of the source. Source: https://www.tencentcloud.com/document/product/436/8287 */
export async function copyPart(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key, headers, nowMs } = exchange;
  const uploadId = uploadIdOf(exchange);
  const number = partNumberOf(exchange);
  await store.uploads.need(bucket, key, uploadId);
  const { version, bucket: from, versionId } = await copySourceOf(exchange);
  const { start, end } = copyRangeOf(headers['x-cos-copy-source-range'], version.size);
  if (end - start > objectBytesMax) throw new CosError('EntityTooLarge');

  const copied = async () => {
    await exchange.circumstances.transfer?.(from.region, bucket.region, end - start);
    const part = await putCopiedPart(exchange, { version, start, end, uploadId, number, nowMs });
    const root = node('CopyPartResult', [
      node('ETag', `"${part.etag}"`),
      node('LastModified', new Date(part.modifiedMs).toISOString().replace(/\.\d+Z$/, 'Z')),
      node('CRC64', part.crc64),
    ]);
    return { root, headers: { 'x-cos-copy-source-version-id': versionId } };
  };
  return replyWhenDone(exchange, copied());
}

/** `bytes=first-last`; without it, everything. `end` is not included. Fails with InvalidRange or InvalidArgument. */
function copyRangeOf(header: string | undefined, size: number): { start: number; end: number } {
  if (header === undefined) return { start: 0, end: size };
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header) ?? [];
  if (first === undefined || last === undefined)
    throw new CosError('InvalidArgument', 'x-cos-copy-source-range must be bytes=first-last.');
  if (Number(first) > Number(last) || Number(last) >= size) throw new CosError('InvalidRange');
  return { start: Number(first), end: Number(last) + 1 };
}

async function putCopiedPart(
  exchange: ObjectExchange,
  copy: {
    readonly version: StoredVersion;
    readonly start: number;
    readonly end: number;
    readonly uploadId: string;
    readonly number: number;
    readonly nowMs: number;
  },
): Promise<StoredPart> {
  const { store, bucket, key } = exchange;
  const { version, start, end, uploadId, number, nowMs } = copy;
  const whole = start === 0 && end === version.size && /^[0-9a-f]{32}$/.test(version.etag);
  const sums = whole ? version : await store.sumOf(version, start, end);
  const size = end - start;
  const content = { body: '', size, crc64: sums.crc64, copied: await store.slices(version, start, end) };
  return store.uploads.putPart(
    bucket,
    key,
    uploadId,
    { number, etag: sums.etag, modifiedMs: nowMs },
    content,
  );
}

const listedPart = z.object({
  PartNumber: z
    .string()
    .regex(/^\s*\d{1,5}\s*$/)
    .transform(Number),
  ETag: z.string().transform((etag) => etag.trim().replaceAll('"', '').replaceAll('&quot;', '')),
});
const completeDocument = z.object({
  CompleteMultipartUpload: z.object({ Part: z.array(listedPart).min(1).max(partsMax) }),
});

/** Complete Multipart Upload. Source: https://www.tencentcloud.com/document/product/436/7742 */
export async function completeUpload(exchange: ObjectExchange): Promise<void> {
  const { bucket, key, headers } = exchange;
  const mintedMicros = mintedAtStart(exchange);
  const parsed = completeDocument.safeParse(parseDocument(await readDocument(exchange), ['Part']));
  if (!parsed.success) throw new CosError('MalformedXML');
  const listed = parsed.data.CompleteMultipartUpload.Part.map(({ PartNumber, ETag }): ListedPart => ({
    number: PartNumber,
    etag: ETag,
  }));
  const completed = async () => {
    const entry = await complete(exchange, listed, mintedMicros);
    const root = node(
      'CompleteMultipartUploadResult',
      [
        node('Location', `http://${headers['host'] ?? ''}/${encodeURI(key)}`),
        node('Bucket', bucket.name),
        node('Key', key),
        node('ETag', `"${entry.etag}"`),
      ],
      { xmlns: namespace },
    );
    const { 'x-cos-version-id': versionId, 'x-cos-hash-crc64ecma': crc64 } = headersOfWritten(entry);
    return {
      root,
      headers: {
        'x-cos-hash-crc64ecma': crc64,
        // Unlike after PUT Object, `null` is named.
        'x-cos-version-id': versionId ?? (bucket.versioning === 'Suspended' ? 'null' : undefined),
      },
    };
  };
  return replyWhenDone(exchange, completed());
}

function complete(
  exchange: ObjectExchange,
  listed: readonly ListedPart[],
  mintedMicros: bigint | undefined,
): Promise<StoredVersion> {
  const { store, bucket, key } = exchange;
  return store.uploads.complete(bucket, key, uploadIdOf(exchange), listed, async (upload, assembled) => {
    const { storageClass, metadata, tags, acl } = upload;
    const { content, ...more } = assembled;
    const { entry } = await store.write(
      bucket,
      key,
      content,
      { etag: multipartEtag(listed.length), storageClass, metadata, tags, acl },
      {
        ...more,
        event: 'cos:ObjectCreated:CompleteMultipartUpload',
        forbidOverwrite: forbidsOverwrite(exchange),
        origin: originOf(exchange),
        mintedMicros,
      },
    );
    return entry;
  });
}

/** `hex-N`, and another one each time: COS's samples follow no formula. */
function multipartEtag(parts: number): string {
  return `${createHash('md5').update(randomUUID()).digest('hex')}-${parts}`;
}

/** Abort Multipart Upload. Source: https://www.tencentcloud.com/document/product/436/7740 */
export async function abortUpload(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key } = exchange;
  await store.uploads.abort(bucket, key, uploadIdOf(exchange));
  reply(exchange, 204);
}
