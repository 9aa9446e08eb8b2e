import type { StoredEntry } from '../store/entry';
import * as names from '../store/index-keys';
import type { ObjectIndex } from '../store/object-index';

/** A line of a listing. */
export interface Item {
  /** A key, or a common prefix. */
  readonly name: string;
  /** `undefined` for a common prefix. */
  readonly entry: StoredEntry | undefined;
  readonly latest: boolean;
}

export interface ListRequest {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string;
  /** The first index name that may be listed. */
  readonly from: Buffer;
  /** The key whose newest entry stood on a page before. */
  readonly within: string | undefined;
  readonly limit: number;
  /** All entries; otherwise each key's newest, if it is no marker. */
  readonly versions: boolean;
  /** Nothing that was written later is shown; `undefined`: everything is. */
  readonly untilMicros?: bigint | undefined;
}

/**
 * Lists in index order. A common prefix is stepped over once it is known to be shown. What a listing reads is what it
 * shows, but for object listings of the past, which step over the older versions of a key and read its markers.
 */
export async function listItems(
  index: ObjectIndex,
  request: ListRequest,
): Promise<{ items: Item[]; truncated: boolean }> {
  const { bucket, prefix, delimiter, limit, versions, untilMicros } = request;
  if (!versions && untilMicros === undefined) return listCurrent(index, request);
  const items: Item[] = [];
  // Nothing is left of a page of nothing: "truncated" would have no place to go on from.
  if (limit === 0) return { items, truncated: false };
  const span = names.prefixSpan(bucket, prefix);
  let lastKey = request.within;
  let from = Buffer.compare(request.from, span.gte) > 0 ? request.from : span.gte;
  while (Buffer.compare(from, span.lt) < 0) {
    let stepTo: Buffer | undefined;
    for await (const { key, entry } of index.scan(bucket, { gte: from, lt: span.lt })) {
      if (untilMicros !== undefined && BigInt(entry.micros) > untilMicros) continue;
      const latest = key !== lastKey;
      lastKey = key;
      if (!versions && !latest) {
        stepTo = names.afterKey(bucket, key);
        break;
      }
      if (!versions && entry.kind === 'deleteMarker') continue;
      if (items.length >= limit) return { items, truncated: true };
      const group = commonPrefix(key, prefix, delimiter);
      if (group !== undefined) {
        items.push({ name: group, entry: undefined, latest: false });
        stepTo = names.afterPrefix(bucket, group);
        break;
      }
      items.push({ name: key, entry, latest });
    }
    if (stepTo === undefined) break;
    from = stepTo;
  }
  return { items, truncated: false };
}

/** Objects as they are now. */
async function listCurrent(
  index: ObjectIndex,
  { bucket, prefix, delimiter, limit, from: first }: ListRequest,
): Promise<{ items: Item[]; truncated: boolean }> {
  const items: Item[] = [];
  if (limit === 0) return { items, truncated: false };
  const span = names.prefixSpan(bucket, prefix);
  const lt = names.amongCurrent(span.lt);
  let from = names.amongCurrent(Buffer.compare(first, span.gte) > 0 ? first : span.gte);
  while (Buffer.compare(from, lt) < 0) {
    let stepTo: Buffer | undefined;
    for await (const { key, entry } of index.current(bucket, { gte: from, lt })) {
      if (items.length >= limit) return { items, truncated: true };
      const group = commonPrefix(key, prefix, delimiter);
      if (group !== undefined) {
        items.push({ name: group, entry: undefined, latest: false });
        stepTo = names.amongCurrent(names.afterPrefix(bucket, group));
        break;
      }
      items.push({ name: key, entry, latest: true });
    }
    if (stepTo === undefined) break;
    from = stepTo;
  }
  return { items, truncated: false };
}

/** What a key is grouped under: all up to the first delimiter after the prefix. */
export function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}
