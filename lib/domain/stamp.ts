import { type Base, decodeBase, encodeBase } from './base';
import type { EntryId } from './history';
import type { Digest, Mark } from './mark';

/**
 * The stamp makes a replica say what it is. The destination mints its own version ids, so each replica carries,
 * in one `x-cos-meta-*` header, which source version it is, when the copy was issued, what lay on top of the
 * destination when it was planned, and a proof that it belongs to this bucket and key.
 */
export const stampHeader = 'x-cos-meta-crr-stamp';
export const stampBytesMax = 200;

export interface Stamp {
  readonly sourceBucket: string;
  readonly source: EntryId;
  /** Bytes of the source version; a replica of another size is torn. */
  readonly sizeBytes: number;
  /** As `contentMark` has it; a replica of another one is torn. `undefined`: COS has no CRC64 of the source version. */
  readonly content: string | undefined;
  /** When the copy was sent, by the clock of its sender. */
  readonly issuedMs: number;
  /** On what the copy was planned; `undefined`: it was written again below the head, and nobody can tell. */
  readonly base: Base | undefined;
  /** The source entries that were listed shortly before this one, as `seenMark` has them. */
  readonly seen: Mark;
}

/** Where a stamp was found, or is to be put. */
export interface StampPlace {
  readonly bucket: string;
  readonly key: string;
}

const format = '1';
const none = '-';
const proofDigits = 24;
const contentDigits = 8;

/** What a stamp says of a CRC64, so that a replica tells also without its source whether it is whole. */
export function contentMark(crc64: string, digest: Digest): string {
  return digest(`crc64\n${crc64}`).slice(0, contentDigits);
}

export function encodeStamp(stamp: Stamp, place: StampPlace, digest: Digest): string {
  const claim = [
    format,
    stamp.sourceBucket,
    // Ids are opaque: nothing promises that one never holds a separator.
    encodeURIComponent(stamp.source),
    stamp.sizeBytes.toString(36),
    stamp.content ?? none,
    stamp.issuedMs.toString(36),
    stamp.base === undefined ? none : encodeBase(stamp.base),
    stamp.seen,
  ].join(';');
  return `${claim};${proofOf(claim, place, digest)}`;
}

/**
 * Reads a stamp back. `undefined` for anything that is not ours: another format, or a proof for another bucket or
 * key (somebody copied a replica elsewhere, metadata and all).
 */
export function decodeStamp(text: string, place: StampPlace, digest: Digest): Stamp | undefined {
  const fields = text.split(';');
  const [version, sourceBucket, source, size, content, issued, base, seen, proof] = fields;
  if (fields.length !== 9 || version !== format) return undefined;
  if (!sourceBucket || !source || !size || !content || !issued || !base || !seen) return undefined;
  if (proof !== proofOf(fields.slice(0, 8).join(';'), place, digest)) return undefined;
  const issuedMs = Number.parseInt(issued, 36);
  const sizeBytes = Number.parseInt(size, 36);
  if (!Number.isSafeInteger(issuedMs) || !Number.isSafeInteger(sizeBytes)) return undefined;
  const plannedOn = base === none ? undefined : decodeBase(base);
  if (base !== none && plannedOn === undefined) return undefined;
  return {
    sourceBucket,
    source: decodeURIComponent(source),
    sizeBytes,
    content: content === none ? undefined : content,
    issuedMs,
    base: plannedOn,
    seen,
  };
}

function proofOf(claim: string, place: StampPlace, digest: Digest): string {
  return digest(`crr-stamp\n${claim}\n${place.bucket}\n${place.key}`).slice(0, proofDigits);
}

/**
 * Whether a version found at the destination is the copy that its stamp speaks of. A user who copies a replica
 * copies its stamp too, but later: a stamp counts only within the longest transfer after its issue.
 */
export function stampIsOfThisVersion(
  stamp: Stamp,
  versionMs: number,
  longestTransferMs: number,
  clockToleranceMs: number,
): boolean {
  // Last-Modified is cut to whole seconds.
  const earliest = Math.floor(stamp.issuedMs / 1000) * 1000 - clockToleranceMs;
  return versionMs >= earliest && versionMs <= stamp.issuedMs + longestTransferMs + clockToleranceMs;
}
