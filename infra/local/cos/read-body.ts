import { createHash } from 'node:crypto';
import { CosError } from './cos-error';
import type { BucketExchange, Exchange } from './exchange';
import type { ReceivedBody } from './store/bodies';
import { paced, trafficLimitOf, whileOpen } from './traffic-limit';

const documentBytesMax = 1024 * 1024;

/** A small request body as text, its Content-MD5 checked. */
export async function readDocument(exchange: Exchange): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of contentOf(exchange)) {
    size += chunk.length;
    if (size > documentBytesMax) throw new CosError('EntityTooLarge');
    chunks.push(chunk);
  }
  exchange.seen.requestBytes = size;
  const body = Buffer.concat(chunks);
  checkMd5(exchange.headers['content-md5'], createHash('md5').update(body).digest());
  return body.toString();
}

/** The bytes of a request. Ending early leaves the request readable, so that it can be answered. */
export function contentOf(exchange: Exchange): AsyncIterable<Buffer> {
  const bytes = exchange.request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  return paced(
    exchange.dialect?.contentOf(bytes) ?? bytes,
    trafficLimitOf(exchange),
    whileOpen(exchange.response),
  );
}

/**
 * Streams a request's body in and gives it to `keep`; if anything fails, nothing stays. Fails with MissingContentLength,
 * EntityTooLarge, InvalidDigest or BadDigest; whoever sends less than announced is gone, and hears no answer.
 */
export async function receiveContent<Result>(
  exchange: BucketExchange,
  bytesMax: number,
  keep: (received: ReceivedBody) => Promise<Result>,
): Promise<Result> {
  const { headers, store } = exchange;
  const announced = headers['content-length'];
  if (announced === undefined && headers['transfer-encoding'] === undefined)
    throw new CosError('MissingContentLength');
  if (Number(announced ?? 0) > bytesMax) throw new CosError('EntityTooLarge');
  const received = await store.receive(contentOf(exchange), bytesMax);
  exchange.seen.requestBytes = received.size;
  try {
    checkMd5(headers['content-md5'], received.md5);
    return await keep(received);
  } catch (error) {
    await store.discard(received.body);
    throw error;
  }
}

/** Fails unless a Content-MD5, if there is one, is this one. */
export function checkMd5(expected: string | undefined, md5: Buffer): void {
  if (expected === undefined || expected === '') return;
  const bytes = Buffer.from(expected, 'base64');
  if (bytes.length !== md5.length) throw new CosError('InvalidDigest');
  if (!bytes.equals(md5)) throw new CosError('BadDigest');
}
