import type { Readable } from 'node:stream';
import { createCRC64 } from 'hash-wasm';

/** What a stream held. */
export interface StreamSum {
  /** CRC-64/XZ as an unsigned decimal, the form of COS's `x-cos-hash-crc64ecma`. */
  readonly crc64: string;
  readonly bytes: number;
}

/** Reads a stream to its end and keeps nothing of it but the sum. */
export async function sumOf(stream: Readable): Promise<StreamSum> {
  const crc = await createCRC64();
  crc.init();
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    crc.update(chunk);
    bytes += chunk.length;
  }
  return { crc64: BigInt(`0x${crc.digest('hex')}`).toString(), bytes };
}
