import { createHash } from 'node:crypto';
import { CosError } from './cos-error';
import type { Exchange } from './exchange';

const documentBytesMax = 1024 * 1024;

/** A small request body as text, its Content-MD5 checked. */
export async function readDocument(exchange: Exchange): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of exchange.request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > documentBytesMax) throw new CosError('EntityTooLarge');
    chunks.push(chunk);
  }
  exchange.seen.requestBytes = size;
  const body = Buffer.concat(chunks);
  checkMd5(exchange, createHash('md5').update(body).digest());
  return body.toString();
}

/** Fails unless the request's Content-MD5, if it has one, is this one. */
export function checkMd5(exchange: Exchange, md5: Buffer): void {
  const expected = exchange.headers['content-md5'];
  if (expected === undefined || expected === '') return;
  const bytes = Buffer.from(expected, 'base64');
  if (bytes.length !== md5.length) throw new CosError('InvalidDigest');
  if (!bytes.equals(md5)) throw new CosError('BadDigest');
}
