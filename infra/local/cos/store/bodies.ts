import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createCRC64 } from 'hash-wasm';
import { CosError } from '../cos-error';

/**
 * Bodies of objects: one file each, written once and never changed, shared by copies. Nothing is held in memory.
 * A kill of the process loses nothing that was acknowledged; a loss of power may, since nothing is synced to disk.
 */
export interface Bodies {
  /** Streams a body into a file of this name. Fails with EntityTooLarge; then, as after any failure, nothing stays. */
  receive(body: string, content: Readable, bytesMax: number): Promise<ReceivedBody>;
  remove(body: string): Promise<void>;
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
  const crcs = createCrcPool();

  return {
    async receive(body, content, bytesMax) {
      const draft = path.join(incoming, body);
      const md5 = createHash('md5');
      const crc = await crcs.take();
      let size = 0;
      try {
        await pipeline(async function* measured() {
          // A refusal leaves the request readable, so that it can be answered.
          for await (const chunk of content.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
            size += chunk.length;
            if (size > bytesMax) throw new CosError('EntityTooLarge');
            md5.update(chunk);
            crc.update(chunk);
            yield chunk;
          }
        }, createWriteStream(draft));
        const facts = { size, md5: md5.digest(), crc64: BigInt(`0x${crc.digest('hex')}`).toString() };
        if (size > 0) await rename(draft, fileOf(body));
        else await rm(draft, { force: true });
        return { ...facts, body: size > 0 ? body : '' };
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      } finally {
        crcs.giveBack(crc);
      }
    },

    remove: (body) => rm(fileOf(body), { force: true }),

    open: (body) => open(fileOf(body), 'r'),
  };
}

type Crc = Awaited<ReturnType<typeof createCRC64>>;

const idleCrcsMax = 64;

/** Each one has a WebAssembly memory of its own, which is too dear to be made for every upload. */
function createCrcPool(): { take(): Promise<Crc>; giveBack(crc: Crc): void } {
  const idle: Crc[] = [];
  return {
    take: async () => (idle.pop() ?? (await createCRC64())).init(),
    giveBack(crc) {
      if (idle.length < idleCrcsMax) idle.push(crc);
    },
  };
}
