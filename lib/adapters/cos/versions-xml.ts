import { XMLParser } from 'fast-xml-parser';
import type { BucketPage, KeyedEntry } from '../../app/ports';
import { unquoted } from './headers';
import { listedKey } from './listed-key';

/**
 * The SDK sorts versions and markers into two lists, which loses their order, the one thing that replication rests
 * on; so the document is read here, with its order.
 * Source: https://www.tencentcloud.com/document/product/436/31551
 */
const parser = new XMLParser({
  preserveOrder: true,
  ignoreDeclaration: true,
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  // A page holds two quoted ETags for each of a thousand versions.
  processEntities: { enabled: true, maxTotalExpansions: 10_000, maxExpandedLength: 1_000_000 },
});

type Node = Readonly<Record<string, unknown>>;

/** One page of `GET ?versions`, or `undefined` if it is another document, or none. */
export function parseVersionsPage(xml: string): BucketPage | undefined {
  const root = children(parsed(xml), 'ListVersionsResult')[0];
  if (root === undefined) return undefined;
  const entries: KeyedEntry[] = [];
  for (const node of root) {
    const [kind] = Object.keys(node);
    if (kind !== 'Version' && kind !== 'DeleteMarker') continue;
    entries.push(parseEntry(kind, node[kind] as readonly Node[]));
  }
  return { entries, complete: text(root, 'IsTruncated') !== 'true' };
}

function parsed(xml: string): unknown {
  try {
    return parser.parse(xml);
  } catch {
    return undefined;
  }
}

function parseEntry(kind: 'Version' | 'DeleteMarker', node: readonly Node[]): KeyedEntry {
  const key = listedKey(text(node, 'Key'));
  // In a bucket that never had versioning the element is empty.
  const versionId = text(node, 'VersionId') || 'null';
  const lastModifiedMs = Date.parse(text(node, 'LastModified'));
  if (kind === 'DeleteMarker') return { key, entry: { kind: 'deleteMarker', versionId, lastModifiedMs } };
  return {
    key,
    entry: {
      kind: 'version',
      versionId,
      etag: unquoted(text(node, 'ETag')),
      sizeBytes: Number(text(node, 'Size')),
      lastModifiedMs,
      storageClass: text(node, 'StorageClass'),
    },
  };
}

function children(nodes: unknown, name: string): (readonly Node[])[] {
  if (!Array.isArray(nodes)) return [];
  return (nodes as readonly Node[])
    .filter((node) => name in node)
    .map((node) => node[name] as readonly Node[]);
}

function text(nodes: readonly Node[], name: string): string {
  const found = nodes.find((node) => name in node)?.[name];
  const [first] = Array.isArray(found) ? (found as readonly Node[]) : [];
  const value = first?.['#text'];
  return typeof value === 'string' ? value : '';
}
