import type { ReasonCode } from './error';
import type { ObjectVersion } from './history';
import type { ReplicationRule, StorageClass } from './rule';
import { parseStorageClass } from './rule';
import { stampHeader } from './stamp';

/** What HEAD Object says of one version. Source: https://www.tencentcloud.com/document/product/436/7745 */
export interface ObjectHead {
  /** `null` for a version without id in a bucket that was ever versioned; `undefined`: COS sent none. */
  readonly versionId: string | undefined;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly lastModifiedMs: number;
  /** Decimal; absent for objects that were written before COS computed it. */
  readonly crc64: string | undefined;
  readonly storageClass: string;
  /** Where it lies within INTELLIGENT_TIERING. */
  readonly storageTier?: string | undefined;
  /** Lower-case names: `content-type`, `cache-control`, ..., `x-cos-meta-*`. `undefined` values cannot be read. */
  readonly metadata: Readonly<Record<string, string | undefined>>;
  readonly appendable: boolean;
  /** Encrypted with a key that only the writer holds. */
  readonly customerEncrypted: boolean;
  /** Encrypted with a key of KMS: its ETag is no digest of its content, and equals no other one. */
  readonly kmsEncrypted?: boolean;
  /** An archived version that is restored for a while can be copied. */
  readonly restored: boolean;
}

/** Whether a HEAD by a version's id speaks of the one that was listed: one without an id is replaced in place. */
export function isOfVersion(head: ObjectHead, version: ObjectVersion): boolean {
  if (version.versionId !== 'null') return true;
  return head.etag === version.etag && head.lastModifiedMs === version.lastModifiedMs;
}

/** All `x-cos-meta-*` of one object together, names and values. */
export const userMetadataBytesMax = 4 * 1024;

/** The headers that make up an object's system metadata. The copy sends them again, since the stamp replaces all. */
export const contentHeaders = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
] as const;

const archived = new Set<StorageClass>(['ARCHIVE', 'DEEP_ARCHIVE', 'MAZ_ARCHIVE', 'MAZ_DEEP_ARCHIVE']);

export interface TransferLimits {
  /** A single copy surely ends well within the retry delay up to this size. */
  readonly singleCopyBytesMax: number;
}

export type Transfer =
  | {
      readonly kind: 'copy';
      /** Sent explicitly: a copy would fall back to STANDARD. */
      readonly storageClass: StorageClass;
      /** Content headers and user metadata without any stamp. */
      readonly metadata: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'refused'; readonly code: ReasonCode; readonly detail: string };

/** How one source version is carried to a rule's destination, or why it cannot be. */
export function planTransfer(head: ObjectHead, rule: ReplicationRule, limits: TransferLimits): Transfer {
  if (head.appendable) return refused('APPEND_OBJECT', 'it is an appendable object');
  if (head.customerEncrypted) return refused('OBJECT_ENCRYPTED', 'it is encrypted with SSE-C');
  const sourceClass = parseStorageClass(head.storageClass);
  const isArchived = sourceClass !== undefined && archived.has(sourceClass);
  if ((isArchived || /archive/i.test(head.storageTier ?? '')) && !head.restored) {
    return refused('OBJECT_ARCHIVED', `its storage class is ${head.storageClass}`);
  }
  if (head.sizeBytes > limits.singleCopyBytesMax) {
    return refused('OBJECT_TOO_LARGE', `${head.sizeBytes} bytes; the limit is ${limits.singleCopyBytesMax}`);
  }
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(head.metadata)) {
    if (name === stampHeader) continue;
    if (value === undefined) return refused('METADATA_UNREADABLE', `header ${name} is not UTF-8`);
    metadata[name] = value;
  }
  const storageClass = rule.destination.storageClass ?? sourceClass;
  if (storageClass === undefined) {
    return refused('REQUEST_REFUSED', `the storage class ${head.storageClass} is not known`);
  }
  return { kind: 'copy', storageClass, metadata };
}

/** Whether the metadata still fits its limit with the stamp added. `byteLength` counts UTF-8 bytes. */
export function metadataFits(
  metadata: Readonly<Record<string, string>>,
  stamp: string,
  byteLength: (text: string) => number,
): boolean {
  let bytes = stampHeader.length + byteLength(stamp);
  for (const [name, value] of Object.entries(metadata)) {
    if (name.startsWith('x-cos-meta-')) bytes += name.length + byteLength(value);
  }
  return bytes <= userMetadataBytesMax;
}

function refused(code: ReasonCode, detail: string): Transfer {
  return { kind: 'refused', code, detail };
}
