import { Readable } from 'node:stream';

/** The bytes of a body that is no composite, ready to be read from `start` to `end`, which is not included. */
export type OpenedBody = (start: number, end: number) => Readable;

/** Fails with ENOENT if the body is gone. */
export type OpenBody = (file: string) => Promise<OpenedBody>;

/** Some bytes of a body: a file's, or one that the index holds. */
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

const inlineStart = 'i-';

/** A small body, whose bytes stand in the index. */
export function inlineBody(id: string): string {
  return `${inlineStart}${id}`;
}

export function isInline(body: string): boolean {
  return body.startsWith(inlineStart);
}

export function openedBytes(bytes: Buffer): OpenedBody {
  return (start, end) => Readable.from([bytes.subarray(start, end)]);
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
 * Reads slices one after the other. The first body is open when this resolves, so that what is gone is known before an
 * answer begins; the others must be kept until the end.
 */
export async function openSlices(open: OpenBody, slices: readonly Slice[]): Promise<AsyncIterable<Buffer>> {
  const [first, ...rest] = slices;
  if (!first) return noBytes();
  const opened = await open(first.file);
  return readAll(open, opened, first, rest);
}

async function* readAll(
  open: OpenBody,
  opened: OpenedBody,
  first: Slice,
  rest: readonly Slice[],
): AsyncGenerator<Buffer> {
  yield* bytesOf(opened, first);
  for (const slice of rest) yield* bytesOf(await open(slice.file), slice);
}

function bytesOf(opened: OpenedBody, { start, size }: Slice): AsyncIterable<Buffer> {
  return opened(start, start + size) as AsyncIterable<Buffer>;
}

async function* noBytes(): AsyncGenerator<Buffer> {
  // Nothing.
}
