import { aclOfHeaders } from './access/acl';
import { CosError, type CosErrorCode, notImplemented } from './cos-error';
import { type BucketExchange, type Exchange, type Headers, param } from './exchange';
import {
  lastModifiedMs,
  type ObjectFacts,
  shownVersionId,
  type StoredBucket,
  type StoredVersion,
  type Tag,
} from './store/entry';

/** Metadata headers that COS keeps and hands back. Source: https://www.tencentcloud.com/document/product/436/7749 */
const kept = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
];

const metaHeaderBytesMax = 2 * 1024;
const metaBytesMax = 4 * 1024;

/** The metadata of a write, as it came: one character a byte. An empty header counts as absent. */
export function metadataOf({ headers }: Exchange): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (kept.includes(name) && value !== '') metadata[name] = value;
    if (!name.startsWith('x-cos-meta-')) continue;
    const size = name.length + value.length;
    bytes += size;
    if (!/^x-cos-meta-[a-z0-9-]+$/.test(name))
      throw new CosError('InvalidArgument', `The metadata name ${name} is not allowed.`);
    if (size > metaHeaderBytesMax)
      throw new CosError('InvalidArgument', `${name} is larger than ${metaHeaderBytesMax} bytes.`);
    metadata[name] = value;
  }
  if (bytes > metaBytesMax)
    throw new CosError('InvalidArgument', `The metadata is larger than ${metaBytesMax} bytes.`);
  return metadata;
}

export const storageClasses = ['STANDARD', 'STANDARD_IA', 'INTELLIGENT_TIERING', 'ARCHIVE', 'DEEP_ARCHIVE'];

/** Any case in, upper case out. A bucket of several zones has classes of its own. */
export function storageClassOf({ headers }: Exchange, { multiZone }: StoredBucket): string {
  const wanted = headers['x-cos-storage-class'] || (multiZone ? 'MAZ_STANDARD' : 'STANDARD');
  const name = wanted.toUpperCase();
  if (!storageClasses.includes(name.replace(/^MAZ_/, '')))
    throw new CosError('NotSupportedStorageClass', `The storage class ${name} is not supported here.`);
  if (name.startsWith('MAZ_') === multiZone) return name;
  throw new CosError(multiZone ? 'OAZOperationNotSupportOnMAZBucket' : 'MAZOperationNotSupportOnOAZBucket');
}

const tagsMax = 10;
const tagText = /^[\p{L}\p{N} +\-=._:/@]*$/u;

/** `k1=v1&k2=v2`, percent-encoded. */
export function tagsOfHeader(header: string | undefined): readonly Tag[] {
  if (header === undefined || header === '') return [];
  try {
    const pairs = header.split('&').map((pair) => {
      const [, key = pair, value = ''] = /^(.*?)=(.*)$/.exec(pair) ?? [];
      return { key: decodeURIComponent(key), value: decodeURIComponent(value) };
    });
    return checkedTags(pairs);
  } catch (error) {
    if (error instanceof URIError)
      throw new CosError('InvalidArgument', 'x-cos-tagging is not percent-encoded.');
    throw error;
  }
}

/** `refusal`: that a bucket has a code of its own is documented, that an object has none is inferred. */
export function checkedTags(tags: readonly Tag[], refusal: CosErrorCode = 'InvalidArgument'): readonly Tag[] {
  const sound = tags.every(
    ({ key, value }) =>
      key !== '' && key.length <= 128 && value.length <= 256 && tagText.test(key) && tagText.test(value),
  );
  const distinct = new Set(tags.map((tag) => tag.key)).size === tags.length;
  if (!sound || !distinct || tags.length > tagsMax) throw new CosError(refusal, 'The tags are not valid.');
  return tags;
}

/** Headers that would change what a request means and are not built: refused by name. */
export function refuseUnsupported({ headers }: Exchange): void {
  for (const name of Object.keys(headers)) {
    const unsupported =
      /^x-cos-(server-side-encryption|copy-source-server-side|website-redirect|object-lock|callback|bucket-arch|symlink)/.test(
        name,
      ) || name === 'pic-operations';
    if (unsupported) throw notImplemented(`The header ${name}`);
  }
}

/** What the headers of a write say of the object. */
export function factsOf(exchange: Exchange, bucket: StoredBucket): Omit<ObjectFacts, 'etag'> {
  return {
    storageClass: storageClassOf(exchange, bucket),
    metadata: metadataOf(exchange),
    tags: tagsOfHeader(exchange.headers['x-cos-tagging']),
    acl: aclOfHeaders(exchange.headers),
  };
}

/** The headers of GET and HEAD Object. Source: https://www.tencentcloud.com/document/product/436/7745 */
export function headersOf(version: StoredVersion, exchange: BucketExchange): Headers {
  const headers: Record<string, string | number | undefined> = {
    ETag: `"${version.etag}"`,
    'Last-Modified': new Date(lastModifiedMs(version)).toUTCString(),
    'Accept-Ranges': 'bytes',
    'Content-Length': version.size,
    'Content-Type': 'application/octet-stream',
    'x-cos-hash-crc64ecma': version.crc64,
    // Absent for STANDARD.
    'x-cos-storage-class': version.storageClass === 'STANDARD' ? undefined : version.storageClass,
    'x-cos-storage-tier': storageTierOf(version),
    'x-cos-version-id': shownVersionId(exchange.bucket, version) || undefined,
    'x-cos-tagging-count': version.tags.length === 0 ? undefined : version.tags.length,
    'x-cos-object-type': version.appendable ? 'appendable' : undefined,
    'x-cos-restore': restoreHeader(version, exchange.nowMs),
  };
  for (const [name, value] of Object.entries(version.metadata)) headers[casing.get(name) ?? name] = value;
  for (const name of kept) {
    const override = param(exchange, `response-${name}`);
    if (override === undefined) continue;
    // eslint-disable-next-line no-control-regex -- what no header may hold
    if (/[\u0000-\u001f\u007f]/.test(override))
      throw new CosError('InvalidArgument', `response-${name} is no header value.`);
    headers[casing.get(name) ?? name] = Buffer.from(override).toString('latin1');
  }
  return headers;
}

/** Nothing is here long enough to become INFREQUENT. `undefined`: its class has no tiers. */
export function storageTierOf({ storageClass }: StoredVersion): 'FREQUENT' | undefined {
  return /^(MAZ_)?INTELLIGENT_TIERING$/.test(storageClass) ? 'FREQUENT' : undefined;
}

const archived = /^(MAZ_)?(DEEP_)?ARCHIVE$/;

export function isArchived(version: StoredVersion): boolean {
  return archived.test(version.storageClass);
}

/** Whether the content can be had now: an archived object's only while it is restored. */
export function isReadable(version: StoredVersion, nowMs: number): boolean {
  return !isArchived(version) || restoreState(version, nowMs) === 'restored';
}

export function restoreState({ restore }: StoredVersion, nowMs: number): 'none' | 'ongoing' | 'restored' {
  if (!restore || restore.expiresMs <= nowMs) return 'none';
  return nowMs < restore.readyMs ? 'ongoing' : 'restored';
}

function restoreHeader(version: StoredVersion, nowMs: number): string | undefined {
  const state = restoreState(version, nowMs);
  if (state === 'none' || !version.restore) return undefined;
  if (state === 'ongoing') return 'ongoing-request="true"';
  return `ongoing-request="false", expiry-date="${new Date(version.restore.expiresMs).toUTCString()}"`;
}

/** As COS spells them. */
const casing = new Map(
  kept.map((name) => [name, name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase())]),
);
