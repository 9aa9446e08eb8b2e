import { contentHeaders, type ObjectHead } from '../../domain/transfer';

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Response headers of HEAD Object. Source: https://www.tencentcloud.com/document/product/436/7745 */
export function parseObjectHead(raw: RawHeaders): ObjectHead {
  const text = (name: string): string | undefined => {
    const value = raw[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  const metadata: Record<string, string | undefined> = {};
  for (const name of Object.keys(raw)) {
    const carried = name.startsWith('x-cos-meta-') || (contentHeaders as readonly string[]).includes(name);
    if (carried) metadata[name] = utf8Header(text(name) ?? '');
  }
  return {
    versionId: text('x-cos-version-id'),
    etag: unquoted(text('etag') ?? ''),
    sizeBytes: Number(text('content-length') ?? 0),
    lastModifiedMs: Date.parse(text('last-modified') ?? '') || 0,
    crc64: text('x-cos-hash-crc64ecma'),
    // COS leaves the header away for STANDARD.
    storageClass: text('x-cos-storage-class') ?? 'STANDARD',
    storageTier: text('x-cos-storage-tier'),
    metadata,
    appendable: text('x-cos-object-type') === 'appendable',
    customerEncrypted: text('x-cos-server-side-encryption-customer-algorithm') !== undefined,
    kmsEncrypted: text('x-cos-server-side-encryption') === 'cos/kms',
    restored: /ongoing-request="false"/.test(text('x-cos-restore') ?? ''),
  };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Node hands out header bytes as one character each; metadata is UTF-8. `undefined`: it is something else. */
function utf8Header(value: string): string | undefined {
  try {
    return decoder.decode(Buffer.from(value, 'latin1'));
  } catch {
    return undefined;
  }
}

export function unquoted(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}
