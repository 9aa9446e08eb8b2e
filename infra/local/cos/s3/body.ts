import { createHash } from 'node:crypto';
import { CosError } from '../cos-error';
import { sameText } from '../signature';
import { type ChunkSigning, signChunk, signTrailer } from './signature-v4';

/** A chunk is held until its signature is checked. */
const chunkBytesMax = 64 * 1024 * 1024;
const lineBytesMax = 16 * 1024;

/**
 * Takes the framing off a body in chunks, and checks their signatures if they have any.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
export async function* unchunked(
  source: AsyncIterable<Buffer>,
  signing: ChunkSigning | undefined,
): AsyncIterable<Buffer> {
  const reader = createReader(source);
  let before = signing?.seed ?? '';
  for (;;) {
    const line = await reader.line();
    const [, size, signature] = /^([0-9a-f]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line) ?? [];
    const length = Number.parseInt(size ?? '', 16);
    if (size === undefined || length > chunkBytesMax) throw wrong('A chunk of the body has no size.');
    const chunk = await reader.bytes(length);
    if (signing) {
      const expected = signChunk(signing, before, chunk);
      if (!sameText(expected, signature ?? '')) throw new CosError('SignatureDoesNotMatch');
      before = expected;
    }
    if (length === 0) break;
    if ((await reader.line()) !== '') throw wrong('A chunk of the body is longer than it says.');
    yield chunk;
  }
  await checkTrailer(reader, signing, before);
}

/** Headers after the last chunk: checksums of other kinds than COS keeps, which are only checked as signed. */
async function checkTrailer(
  reader: Reader,
  signing: ChunkSigning | undefined,
  before: string,
): Promise<void> {
  let trailer = '';
  for (;;) {
    const line = await reader.line(true);
    if (line === '') return;
    const [, signature] = /^x-amz-trailer-signature:(.*)$/i.exec(line) ?? [];
    if (signature === undefined) {
      trailer += `${line}\n`;
    } else if (signing && !sameText(signTrailer(signing, before, trailer), signature.trim())) {
      throw new CosError('SignatureDoesNotMatch');
    }
  }
}

/** Hands a body on, and fails at its end if it is not the one that was signed. */
export async function* withSha256(source: AsyncIterable<Buffer>, expected: string): AsyncIterable<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== expected) throw new CosError('XAmzContentSHA256Mismatch');
}

interface Reader {
  /** Up to the next CRLF, which is taken off. `orEnd`: the end of the body ends a line, and is an empty one. */
  line(orEnd?: boolean): Promise<string>;
  bytes(count: number): Promise<Buffer>;
}

function createReader(source: AsyncIterable<Buffer>): Reader {
  const parts = source[Symbol.asyncIterator]();
  let held: Buffer[] = [];
  let size = 0;
  const more = async (): Promise<boolean> => {
    const next = await parts.next();
    if (next.done) return false;
    held.push(next.value);
    size += next.value.length;
    return true;
  };
  const take = (count: number): Buffer => {
    const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
    held = [all.subarray(count)];
    size -= count;
    return all.subarray(0, count);
  };
  return {
    async line(orEnd = false) {
      for (;;) {
        // Lines are short: what is held is put together for one at most.
        const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
        held = [all];
        const end = all.indexOf('\r\n');
        if (end >= 0) {
          const text = take(end).toString('latin1');
          take(2);
          return text;
        }
        if (size > lineBytesMax) throw wrong('A line of the framing of the body is too long.');
        if (await more()) continue;
        if (!orEnd) throw wrong('The body ends before its last chunk.');
        return take(size).toString('latin1');
      }
    },
    async bytes(count) {
      while (size < count) if (!(await more())) throw wrong('The body ends within a chunk.');
      return take(count);
    },
  };
}

function wrong(message: string): CosError {
  return new CosError('InvalidArgument', message);
}
