import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';

/** Opens a body's file. */
export type OpenFile = (file: string) => Promise<FileHandle>;

/** Bytes of one body's file. */
export interface Slice {
  readonly file: string;
  readonly start: number;
  readonly size: number;
}

/** A composite body is a list of slices of files, kept in the index under its name. */
export interface Composite {
  readonly body: string;
  readonly slices: readonly Slice[];
}

/** What is uploaded or copied: a body's name, empty for no bytes, and its sums. */
export interface Content {
  readonly body: string;
  readonly size: number;
  /** Decimal, CRC-64/XZ. */
  readonly crc64: string;
}

const compositeStart = 'c-';

export function compositeBody(id: string): string {
  return `${compositeStart}${id}`;
}

export function isComposite(body: string): boolean {
  return body.startsWith(compositeStart);
}

/** The slices that hold some bytes of a content, `end` not included. */
export function sliceOf(slices: readonly Slice[], start: number, end: number): readonly Slice[] {
  const found: Slice[] = [];
  let at = 0;
  for (const slice of slices) {
    const from = Math.max(start, at);
    const to = Math.min(end, at + slice.size);
    if (from < to) found.push({ file: slice.file, start: slice.start + from - at, size: to - from });
    at += slice.size;
  }
  return found;
}

export function filesOf(slices: readonly Slice[]): ReadonlySet<string> {
  return new Set(slices.map((slice) => slice.file));
}

/**
 * Reads slices one after the other. The first file is open when this resolves, so that what is gone is known before an
 * answer begins; the others must be kept until the end.
 */
export async function openSlices(open: OpenFile, slices: readonly Slice[]): Promise<AsyncIterable<Buffer>> {
  const [first, ...rest] = slices;
  if (!first) return noBytes();
  const opened = await open(first.file);
  return readAll(open, opened, first, rest);
}

async function* readAll(
  open: OpenFile,
  opened: FileHandle,
  first: Slice,
  rest: readonly Slice[],
): AsyncGenerator<Buffer> {
  yield* streamOf(opened, first) as AsyncIterable<Buffer>;
  for (const slice of rest) yield* streamOf(await open(slice.file), slice) as AsyncIterable<Buffer>;
}

/** Closes the file at its end. */
function streamOf(file: FileHandle, { start, size }: Slice): Readable {
  return file.createReadStream({ start, end: start + size - 1 });
}

async function* noBytes(): AsyncGenerator<Buffer> {
  // Nothing.
}
