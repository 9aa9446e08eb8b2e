import { randomBytes, randomUUID } from 'node:crypto';
import { CosError } from '../cos-error';
import type { Commits, Use } from './commit';
import { type Composite, compositeBody, type Content, isComposite, type Slice } from './content';
import { combineCrc64, emptyCrc64 } from './crc64-combine';
import type { StoredBucket, StoredPart, StoredUpload } from './entry';
import * as names from './index-keys';
import { createLocks } from './locks';
import type { ObjectIndex, Operation } from './object-index';

/** What a part is made of: bytes that were received, or slices that another content has too. */
export type PartContent = Content & { readonly copied?: readonly Slice[] };

/** What becomes of an upload at its end: everything that `commit` needs to put an object in its place. */
export interface Assembled {
  readonly content: Content;
  readonly composites: readonly Composite[];
  readonly uses: readonly Use[];
  readonly operations: readonly Operation[];
}

export type Uploads = ReturnType<typeof createUploads>;

/** Multipart uploads that are under way, and their parts. */
export function createUploads(index: ObjectIndex, commits: Commits) {
  const inTurn = createLocks();

  /** Fails with NoSuchUpload. */
  const need = async (bucket: StoredBucket, key: string, uploadId: string): Promise<StoredUpload> => {
    const upload = await index.upload(bucket.name, key, uploadId);
    if (!upload) throw new CosError('NoSuchUpload');
    return upload;
  };

  const allParts = (uploadId: string): Promise<readonly StoredPart[]> => index.parts(uploadId, 0, partsMax);

  /** Removes an upload and its parts, whose bodies lose a user. */
  const removal = (
    bucket: StoredBucket,
    { key, uploadId }: StoredUpload,
    parts: readonly StoredPart[],
  ): { operations: Operation[]; uses: Use[] } => ({
    operations: [
      { type: 'del', key: names.uploadName(bucket.name, key, uploadId) },
      ...parts.map(({ number }): Operation => ({ type: 'del', key: names.partName(uploadId, number) })),
    ],
    uses: parts.map(({ body }): Use => ({ body, by: -1 })),
  });

  return {
    need,

    begin: async (bucket: StoredBucket, upload: Omit<StoredUpload, 'uploadId'>): Promise<StoredUpload> => {
      const made = { ...upload, uploadId: newUploadId(upload.initiatedMs) };
      await index.commit([put(names.uploadName(bucket.name, made.key, made.uploadId), made)]);
      return made;
    },

    /** Puts a part, in place of an earlier one of that number. Fails with NoSuchUpload. */
    putPart: (
      bucket: StoredBucket,
      key: string,
      uploadId: string,
      part: Omit<StoredPart, 'body' | 'size' | 'crc64'>,
      content: PartContent,
    ): Promise<StoredPart> =>
      inTurn(uploadId, async () => {
        await need(bucket, key, uploadId);
        const before = await index.part(uploadId, part.number);
        const { copied } = content;
        const body = copied ? compositeBody(randomUUID()) : content.body;
        const stored: StoredPart = { ...part, size: content.size, crc64: content.crc64, body };
        await commits.apply({
          operations: [put(names.partName(uploadId, part.number), stored)],
          uses: [{ body, by: 1 }, ...(before ? [{ body: before.body, by: -1 } as const] : [])],
          composites: copied ? [{ body, slices: copied, shared: true }] : [],
        });
        return stored;
      }),

    /**
     * Lets `commit` put the object that the listed parts make. Fails with NoSuchUpload, InvalidPart, InvalidPartOrder or
     * EntityTooSmall; then the upload stays.
     */
    complete: <Result>(
      bucket: StoredBucket,
      key: string,
      uploadId: string,
      listed: readonly ListedPart[],
      commit: (upload: StoredUpload, assembled: Assembled) => Promise<Result>,
    ): Promise<Result> =>
      inTurn(uploadId, async () => {
        const upload = await need(bucket, key, uploadId);
        const parts = await allParts(uploadId);
        const chosen = chosenParts(parts, listed);
        const slices: Slice[] = [];
        for (const part of chosen) slices.push(...(await slicesOf(index, part)));
        const size = chosen.reduce((sum, part) => sum + part.size, 0);
        const crc64 = chosen.reduce(
          (sum, part) => combineCrc64(sum, BigInt(part.crc64), part.size),
          emptyCrc64,
        );
        const body = size === 0 ? '' : compositeBody(randomUUID());
        const content = { body, size, crc64: crc64.toString() };
        const composites = size === 0 ? [] : [{ body, slices }];
        return commit(upload, { content, composites, ...removal(bucket, upload, parts) });
      }),

    /** Fails with NoSuchUpload. */
    abort: (bucket: StoredBucket, key: string, uploadId: string): Promise<void> =>
      inTurn(uploadId, async () => {
        const upload = await need(bucket, key, uploadId);
        await commits.apply(removal(bucket, upload, await allParts(uploadId)));
      }),
  };
}

export const partsMax = 10_000;
const partBytesMin = 1024 * 1024;

/** A part as the request to complete names it. */
export interface ListedPart {
  readonly number: number;
  /** Without quotes. */
  readonly etag: string;
}

/** https://www.tencentcloud.com/document/product/436/7742 */
function chosenParts(parts: readonly StoredPart[], listed: readonly ListedPart[]): readonly StoredPart[] {
  const byNumber = new Map(parts.map((part) => [part.number, part]));
  const chosen = listed.map(({ number, etag }) => {
    const part = byNumber.get(number);
    if (part?.etag !== etag) throw new CosError('InvalidPart', `Part ${number} was not uploaded so.`);
    return part;
  });
  if (chosen.some((part, place) => place > 0 && part.number <= (chosen[place - 1]?.number ?? 0)))
    throw new CosError('InvalidPartOrder');
  // "One or more parts are missing": numbers without a gap, from one on (documented as InvalidPart and InvalidPartOrder).
  if (chosen.some((part, place) => part.number !== place + 1))
    throw new CosError('InvalidPart', 'The part numbers have a gap.');
  if (chosen.slice(0, -1).some((part) => part.size < partBytesMin)) throw new CosError('EntityTooSmall');
  return chosen;
}

/** The files under a body: a composite is flat. */
export async function slicesOf(
  index: ObjectIndex,
  { body, size }: Pick<Content, 'body' | 'size'>,
): Promise<readonly Slice[]> {
  if (body === '') return [];
  if (!isComposite(body)) return [{ file: body, start: 0, size }];
  const slices = await index.composite(body);
  if (!slices) throw new CosError('NoSuchKey');
  return slices;
}

/** Ten digits of seconds, 64 of hex, as COS's look. */
function newUploadId(nowMs: number): string {
  return `${Math.floor(nowMs / 1000)}${randomBytes(32).toString('hex')}`;
}

function put(key: Buffer, value: unknown): Operation {
  return { type: 'put', key, value: JSON.stringify(value) };
}
