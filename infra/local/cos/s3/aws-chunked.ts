import { createHash } from 'node:crypto';
import { CosError } from '../cos-error';
import { sameText } from '../signature';
import { emptyDigest, sha256, type Signer } from './signature-v4';

/** How a body is framed. */
export interface Framing {
  /** The signature of the head, which the first chunk's is chained to; `undefined`: chunks are not signed. */
  readonly seed: string | undefined;
  readonly sign: Signer;
  /** The bytes that the frames hold together. */
  readonly decodedBytes: number;
  /** Whether lines follow the last chunk. */
  readonly hasTrailer: boolean;
  /** Told of each of them. */
  readonly onTrailer: (name: string, value: string) => void;
}

const lineBytesMax = 4_096;
const trailersMax = 16;

/**
 * Takes the frames off an aws-chunked body: `<size in hex>[;chunk-signature=<hex>]\r\n<bytes>\r\n`, ended by a chunk of
 * nothing. A chunk is passed on before its signature is proved: whoever takes it in keeps nothing of a body that fails.
 * Fails with SignatureDoesNotMatch, or InvalidArgument if the frames are malformed.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
export async function* decodeAwsChunks(
  chunks: AsyncIterable<Buffer>,
  framing: Framing,
): AsyncGenerator<Buffer> {
  const reader = readerOf(chunks);
  let previous = framing.seed;
  let decoded = 0;
  for (;;) {
    const [, hex, signature] =
      /^([0-9a-f]{1,10})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(await reader.line()) ?? [];
    if (hex === undefined) throw malformed('a chunk does not begin with its size');
    const size = Number.parseInt(hex, 16);
    decoded += size;
    if (decoded > framing.decodedBytes) throw malformed('it is longer than x-amz-decoded-content-length');
    const hash = createHash('sha256');
    for await (const bytes of reader.bytes(size)) {
      if (previous !== undefined) hash.update(bytes);
      yield bytes;
    }
    if (previous !== undefined) {
      const expected = framing.sign('-PAYLOAD', [previous, emptyDigest, hash.digest('hex')]);
      if (!sameText(expected, signature ?? '')) throw new CosError('SignatureDoesNotMatch');
      previous = expected;
    }
    if (size === 0) break;
    if ((await reader.line()) !== '') throw malformed('a chunk does not end where its size says');
  }
  if (framing.hasTrailer) await readTrailer(reader, framing, previous);
  else await reader.line();
  // Also so that the connection can be used again.
  if (!(await reader.atEnd())) throw malformed('something follows its end');
  if (decoded !== framing.decodedBytes) throw malformed('it is shorter than x-amz-decoded-content-length');
}

async function readTrailer(reader: Reader, framing: Framing, previous: string | undefined): Promise<void> {
  const signed: string[] = [];
  let signature: string | undefined;
  for (let lines = 0; ; lines += 1) {
    if (lines > trailersMax) throw malformed('it has too many trailing lines');
    const line = await reader.line();
    if (line === '') break;
    const [, name = '', value = ''] = /^([^:]+):(.*)$/.exec(line) ?? [];
    if (name.toLowerCase() === 'x-amz-trailer-signature') signature = value.trim();
    else {
      signed.push(`${name.toLowerCase()}:${value.trim()}\n`);
      framing.onTrailer(name.toLowerCase(), value.trim());
    }
  }
  if (previous === undefined) return;
  if (!sameText(framing.sign('-TRAILER', [previous, sha256(signed.join(''))]), signature ?? ''))
    throw new CosError('SignatureDoesNotMatch');
}

interface Reader {
  /** Up to CRLF, which is taken; empty at the end. */
  line(): Promise<string>;
  bytes(count: number): AsyncIterable<Buffer>;
  /** Whether nothing is left. */
  atEnd(): Promise<boolean>;
}

function readerOf(chunks: AsyncIterable<Buffer>): Reader {
  const source = chunks[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<Buffer | undefined> => {
    const next = await source.next();
    return next.done === true ? undefined : next.value;
  };
  return {
    async line() {
      for (;;) {
        const at = rest.indexOf('\r\n');
        if (at >= 0) {
          const line = rest.toString('latin1', 0, at);
          rest = rest.subarray(at + 2);
          return line;
        }
        if (rest.length > lineBytesMax) throw malformed('a line is too long');
        const next = await more();
        if (next === undefined) {
          if (rest.length > 0) throw malformed('a line does not end');
          return '';
        }
        rest = Buffer.concat([rest, next]);
      }
    },
    async *bytes(count) {
      let left = count;
      while (left > 0) {
        if (rest.length === 0) {
          const next = await more();
          if (next === undefined) throw malformed('it ends in a chunk');
          rest = next;
        }
        const taken = rest.subarray(0, left);
        rest = rest.subarray(taken.length);
        left -= taken.length;
        if (taken.length > 0) yield taken;
      }
    },
    async atEnd() {
      while (rest.length === 0) {
        const next = await more();
        if (next === undefined) return true;
        rest = next;
      }
      return false;
    },
  };
}

function malformed(why: string): CosError {
  return new CosError('InvalidArgument', `The aws-chunked body is malformed: ${why}.`);
}
