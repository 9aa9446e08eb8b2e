import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createCRC64 } from 'hash-wasm';
import { CosError } from '../cos-error';
import { type Content, inlineBody, isInline, type OpenBody } from './content';

/**
 * Bodies of objects: one file each, written once and never changed, shared by copies. Small ones are left to the index.
 * A kill of the process loses nothing that was acknowledged; a loss of power may, since nothing is synced to disk.
 */
export interface Bodies {
  /**
   * Streams a body into a file of this name, `beforeFile` first, or hands its bytes out if they are few. Fails with
   * EntityTooLarge; then, as after any failure, nothing stays.
   */
  receive(
    body: string,
    content: AsyncIterable<Buffer>,
    bytesMax: number,
    beforeFile: () => Promise<void>,
  ): Promise<ReceivedBody>;
  /** Waits until nobody holds it. */
  remove(body: string): Promise<void>;
  readonly open: OpenBody;
  /** Keeps files from being removed until the function it returns is called: a delete breaks no download. */
  hold(files: ReadonlySet<string>): () => void;
  isHeld(body: string): boolean;
  /** Reads bytes to their end. `etag`: their MD5. */
  sumOf(bytes: AsyncIterable<Buffer>): Promise<{ readonly etag: string; readonly crc64: string }>;
}

export interface ReceivedBody extends Content {
  readonly md5: Buffer;
  /** Of an inline body, which has no file. */
  readonly bytes?: Buffer;
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
  const holders = new Map<string, number>();
  const releases = new Map<string, () => void>();

  const removeNow = async (body: string): Promise<void> => {
    if (!isInline(body)) await rm(fileOf(body), { force: true });
  };
  const release = (file: string): void => {
    const left = (holders.get(file) ?? 0) - 1;
    if (left > 0) return void holders.set(file, left);
    holders.delete(file);
    releases.get(file)?.();
  };

  return {
    async receive(body, content, bytesMax, beforeFile) {
      const draft = path.join(incoming, body);
      const md5 = createHash('md5');
      const crc = await crcs.take();
      let size = 0;
      const measured = async function* (): AsyncGenerator<Buffer> {
        for await (const chunk of content) {
          size += chunk.length;
          if (size > bytesMax) throw new CosError('EntityTooLarge');
          md5.update(chunk);
          crc.update(chunk);
          yield chunk;
        }
      };
      try {
        const { head, rest } = await beginningOf(measured());
        const isSmall = !rest && size <= inlineBytesMax;
        if (!isSmall) await beforeFile();
        if (rest) {
          await pipeline(async function* () {
            yield* head;
            yield* rest;
          }, createWriteStream(draft));
          await rename(draft, fileOf(body));
        } else if (!isSmall) {
          // In its place at once: what a kill leaves of it is noted as unreferenced.
          await writeFile(fileOf(body), Buffer.concat(head));
        }
        const facts = { size, md5: md5.digest(), crc64: decimal(crc.digest('hex')) };
        if (size === 0) return { ...facts, body: '' };
        return isSmall
          ? { ...facts, body: inlineBody(body), bytes: Buffer.concat(head) }
          : { ...facts, body };
      } catch (error) {
        await rm(draft, { force: true });
        await removeNow(body);
        throw error;
      } finally {
        crcs.giveBack(crc);
      }
    },

    async remove(body) {
      if (holders.has(body)) {
        await new Promise<void>((resolve) => releases.set(body, resolve));
        releases.delete(body);
      }
      await removeNow(body);
    },

    hold(files) {
      for (const file of files) holders.set(file, (holders.get(file) ?? 0) + 1);
      return () => files.forEach(release);
    },

    isHeld: (body) => holders.has(body),

    async sumOf(bytes) {
      const md5 = createHash('md5');
      const crc = await crcs.take();
      try {
        for await (const chunk of bytes) {
          md5.update(chunk);
          crc.update(chunk);
        }
        return { etag: md5.digest('hex'), crc64: decimal(crc.digest('hex')) };
      } finally {
        crcs.giveBack(crc);
      }
    },

    open: async (body) => {
      const file = await open(fileOf(body), 'r');
      // Closes the file at its end.
      return (start, end) => file.createReadStream({ start, end: end - 1 });
    },
  };
}

/** A body of this size costs less in the index, with the entry that refers to it, than as a file of its own. */
const inlineBytesMax = 8 * 1024;
/** A body of this size is held in memory and written in one go: a stream costs more than such a body. */
const smallBytesMax = 64 * 1024;

/** `rest`: what follows; `undefined` if that was all. */
async function beginningOf(
  chunks: AsyncGenerator<Buffer>,
): Promise<{ readonly head: readonly Buffer[]; readonly rest: AsyncGenerator<Buffer> | undefined }> {
  const head: Buffer[] = [];
  let bytes = 0;
  while (bytes <= smallBytesMax) {
    const next = await chunks.next();
    if (next.done === true) return { head, rest: undefined };
    head.push(next.value);
    bytes += next.value.length;
  }
  return { head, rest: chunks };
}

function decimal(hex: string): string {
  return BigInt(`0x${hex}`).toString();
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
