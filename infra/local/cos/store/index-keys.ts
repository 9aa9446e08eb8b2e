/**
 * Names in the index. Object entries order as COS lists them: by bucket, then by the key's UTF-8 bytes, then newest
 * first. A key may hold any byte, so zero is escaped: the end of a key (00 00) sorts before everything that goes on.
 */
const objectSpace = 'o';
const uploadSpace = 'l';
/** The keys whose newest entry is a version, with its place: what an object listing shows, and nothing else. */
const currentSpace = 'k';
const partDigits = 5;
const end = Buffer.from([0, 0]);
const placeDigits = 20;

export function bucketName(name: string): Buffer {
  return Buffer.from(`b\0${name}`);
}

export const allBuckets = spaceOf('b');

export function entryName(bucket: string, key: string, micros: bigint): Buffer {
  return Buffer.concat([keyStart(bucket, key), Buffer.from(placeOf(micros))]);
}

/** All entries of one key. */
export function keySpan(bucket: string, key: string): Span {
  return spanOf(keyStart(bucket, key));
}

/** All entries of the keys that begin with a prefix. */
export function prefixSpan(bucket: string, prefix: string): Span {
  return spanOf(Buffer.concat([bucketStart(bucket), escaped(prefix)]));
}

/** The first possible name after all keys that begin with this: a listing steps over a common prefix with it. */
export function afterPrefix(bucket: string, prefix: string): Buffer {
  return prefixSpan(bucket, prefix).lt;
}

/** The first possible name after one key's entries. */
export function afterKey(bucket: string, key: string): Buffer {
  return keySpan(bucket, key).lt;
}

export interface Span {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

/** The key of an object entry's name. */
export function keyOf(name: Buffer, bucket: string): string {
  return unescaped(name.subarray(bucketStart(bucket).length, name.length - placeDigits - end.length));
}

export function currentName(bucket: string, key: string): Buffer {
  return keyStart(bucket, key, currentSpace);
}

/** The place among current keys that a place among entries stands for. */
export function amongCurrent(place: Buffer): Buffer {
  const same = Buffer.from(place);
  same.write(currentSpace);
  return same;
}

/** The key of a current key's name. */
export function keyOfCurrent(name: Buffer, bucket: string): string {
  return unescaped(name.subarray(bucketStart(bucket).length, name.length - end.length));
}

/** Number of entries that share a body. */
export function bodyName(body: string): Buffer {
  return Buffer.from(`r\0${body}`);
}

/** A body's file that no entry refers to: not yet, or no more. */
export function unreferencedName(body: string): Buffer {
  return Buffer.from(`u\0${body}`);
}

export const allUnreferenced = spaceOf('u');

/** The bytes of an inline body. */
export function inlineName(body: string): Buffer {
  return Buffer.from(`n\0${body}`);
}

/** The slices of a composite body. */
export function compositeName(body: string): Buffer {
  return Buffer.from(`c\0${body}`);
}

/** A bucket's policy, CORS rules and the like, as they were put. */
export function documentName(bucket: string, document: string): Buffer {
  return Buffer.from(`d\0${bucket}\0${document}`);
}

export function documentSpan(bucket: string): Span {
  return spanOf(Buffer.from(`d\0${bucket}\0`));
}

/** Multipart uploads order as COS lists them: by key, then by id, which begins with the time. */
export function uploadName(bucket: string, key: string, uploadId: string): Buffer {
  return Buffer.concat([keyStart(bucket, key, uploadSpace), Buffer.from(uploadId)]);
}

export function uploadPrefixSpan(bucket: string, prefix: string): Span {
  return spanOf(Buffer.concat([bucketStart(bucket, uploadSpace), escaped(prefix)]));
}

/** The first possible name after one key's uploads. */
export function afterKeyOfUploads(bucket: string, key: string): Buffer {
  return after(keyStart(bucket, key, uploadSpace));
}

export function partName(uploadId: string, number: number): Buffer {
  return Buffer.from(`p\0${uploadId}\0${String(number).padStart(partDigits, '0')}`);
}

/** The parts of an upload after one of them; from 0 on, all. */
export function partSpan(uploadId: string, afterNumber: number): Span {
  return { gte: partName(uploadId, afterNumber + 1), lt: Buffer.from(`p\0${uploadId}\u0001`) };
}

export function eventName(id: string): Buffer {
  return Buffer.from(`e\0${id}`);
}

export const allEvents = spaceOf('e');

export const clockName = Buffer.from('m\0clock');
/** What the index was last written as; absent: without current keys. */
export const formatName = Buffer.from('m\0format');

function spaceOf(space: string): Span {
  return { gte: Buffer.from(`${space}\0`), lt: Buffer.from(`${space}\u0001`) };
}

/** Newer entries sort first. */
function placeOf(micros: bigint): string {
  return (2n ** 64n - micros).toString().padStart(placeDigits, '0');
}

function spanOf(start: Buffer): Span {
  return { gte: start, lt: after(start) };
}

function bucketStart(bucket: string, space = objectSpace): Buffer {
  return Buffer.from(`${space}\0${bucket}\0`);
}

function keyStart(bucket: string, key: string, space = objectSpace): Buffer {
  return Buffer.concat([bucketStart(bucket, space), escaped(key), end]);
}

const zero = 0x00;
/** Follows an escaped zero; greater than what follows the end of a key. */
const zeroMark = 0xff;

function escaped(key: string): Buffer {
  const bytes = Buffer.from(key);
  if (!bytes.includes(zero)) return bytes;
  return Buffer.from([...bytes].flatMap((byte) => (byte === zero ? [zero, zeroMark] : [byte])));
}

function unescaped(bytes: Buffer): string {
  if (!bytes.includes(zero)) return bytes.toString();
  const marks = (place: number): boolean => place > 0 && bytes[place - 1] === zero;
  return Buffer.from([...bytes].filter((byte, place) => !(byte === zeroMark && marks(place)))).toString();
}

/** The smallest name that is greater than all that begin with these bytes. */
function after(start: Buffer): Buffer {
  const last = start.length - 1;
  const next = Buffer.from(start);
  for (let i = last; i >= 0; i -= 1) {
    const byte = next[i] as number;
    if (byte < 0xff) {
      next[i] = byte + 1;
      return next.subarray(0, i + 1);
    }
  }
  throw new Error('no name is greater');
}
