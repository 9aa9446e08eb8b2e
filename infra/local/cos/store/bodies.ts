import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createCRC64 } from 'hash-wasm';

/**
 * Bodies of objects: one file each, written once and never changed, shared by copies. Nothing is held in memory.
 * A kill of the process loses nothing that was acknowledged; a loss of power may, since nothing is synced to disk.
 */
export interface Bodies {
  /** Streams a body in. It counts only once the index names it: until then it is `discard`ed or left to be swept. */
  receive(content: Readable): Promise<ReceivedBody>;
  discard(body: string): Promise<void>;
  /** Opened before the answer begins, so that a delete meanwhile breaks no download. */
  open(body: string): Promise<FileHandle>;
}

export interface ReceivedBody {
  /** File name; empty for an empty body, which needs no file. */
  readonly body: string;
  readonly size: number;
  readonly md5: Buffer;
  /** Decimal, CRC-64/XZ. */
  readonly crc64: string;
}

const foldersOfBodies = 256;

export function openBodies(dataDir: string): Bodies {
  const incoming = path.join(dataDir, 'incoming');
  const bodies = path.join(dataDir, 'bodies');
  mkdirSync(incoming, { recursive: true });
  for (let i = 0; i < foldersOfBodies; i += 1) {
    mkdirSync(path.join(bodies, i.toString(16).padStart(2, '0')), { recursive: true });
  }
  // What was on its way when the process ended was never acknowledged.
  for (const name of readdirSync(incoming)) rmSync(path.join(incoming, name), { force: true });
  const fileOf = (body: string): string => path.join(bodies, body.slice(0, 2), body);

  return {
    async receive(content) {
      const body = randomUUID().replaceAll('-', '');
      const draft = path.join(incoming, body);
      const md5 = createHash('md5');
      const crc = await createCRC64();
      crc.init();
      let size = 0;
      try {
        await pipeline(
          content,
          async function* measure(chunks: AsyncIterable<Buffer>) {
            for await (const chunk of chunks) {
              md5.update(chunk);
              crc.update(chunk);
              size += chunk.length;
              yield chunk;
            }
          },
          createWriteStream(draft),
        );
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
      const measured = { size, md5: md5.digest(), crc64: BigInt(`0x${crc.digest('hex')}`).toString() };
      if (size === 0) {
        await rm(draft, { force: true });
        return { ...measured, body: '' };
      }
      await rename(draft, fileOf(body));
      return { ...measured, body };
    },

    async discard(body) {
      if (body !== '') await rm(fileOf(body), { force: true });
    },

    open: (body) => open(fileOf(body), 'r'),
  };
}
