import type { BucketRef } from './rule';

/**
 * What a COS event says, as far as it is believed: look at this key of this bucket. Whether it was created or
 * deleted, its size and its version are not read: the buckets tell.
 */
export interface KeyHint extends BucketRef {
  readonly key: string;
  /** Whole seconds, by the clock of COS. Infinity if the event has none: it may be of this moment. */
  readonly eventTime: number;
}

export interface EventProblem {
  /** Where in the event, as a JSON pointer. */
  readonly path: string;
  readonly message: string;
}

export interface ParsedEvent {
  readonly hints: readonly KeyHint[];
  readonly problems: readonly EventProblem[];
}

/**
 * Reads a COS event of SCF: every record, in every shape that is documented or seen. A record that cannot be read
 * is a problem of its own and blocks no other. Shape: https://www.tencentcloud.com/document/product/583/9707
 */
export function parseCosEvent(event: unknown, ownRegion: string): ParsedEvent {
  const records = field(event, 'Records');
  if (!Array.isArray(records) || records.length === 0) {
    return { hints: [], problems: [{ path: '/Records', message: 'is not a list of COS event records' }] };
  }
  const hints: KeyHint[] = [];
  const problems: EventProblem[] = [];
  records.forEach((record, place) => {
    const read = parseRecord(record, ownRegion);
    if (typeof read === 'string') problems.push({ path: `/Records/${place}`, message: read });
    else hints.push(...read);
  });
  return { hints, problems };
}

/** A record's hints, or what is wrong with it. */
function parseRecord(record: unknown, ownRegion: string): readonly KeyHint[] | string {
  const cos = field(record, 'cos');
  const bucketName = field(field(cos, 'cosBucket'), 'name');
  const appid = field(field(cos, 'cosBucket'), 'appid');
  const url = field(field(cos, 'cosObject'), 'url');
  const rawKey = field(field(cos, 'cosObject'), 'key');
  const eventName = field(field(record, 'event'), 'eventName');
  const eventTime = field(field(record, 'event'), 'eventTime');
  if (typeof eventName !== 'string' || !eventName.startsWith('cos:')) return 'has no event name of COS';

  const fromUrl = typeof url === 'string' ? parseObjectUrl(url) : undefined;
  const bucket = fromUrl?.bucket ?? bucketFromParts(bucketName, appid);
  if (bucket === undefined) return 'names no bucket';

  const keys = new Set<string>();
  if (fromUrl) keys.add(fromUrl.key);
  if (typeof rawKey === 'string') for (const key of keysFromField(rawKey, bucket)) keys.add(key);
  keys.delete('');
  if (keys.size === 0) return 'names no key';

  // If the two fields disagree, each candidate is looked at: a look at a key that needs nothing changes nothing.
  const region = fromUrl?.region ?? regionFromQueue(field(field(record, 'event'), 'eventQueue')) ?? ownRegion;
  const isTime = typeof eventTime === 'number' && Number.isFinite(eventTime) && eventTime > 0;
  const time = isTime ? Math.floor(eventTime) : Infinity;
  return [...keys].map((key) => ({ bucket, region, key, eventTime: time }));
}

const objectUrl =
  /^https?:\/\/([a-z0-9-]+-\d+)\.cos(?:-internal)?\.([a-z0-9-]+)\.(?:myqcloud\.com|tencentcos\.cn)(?::\d+)?\/(.*)$/s;

/** A query or fragment cannot be told from a `?` or `#` that was not encoded: both belong to the key. */
function parseObjectUrl(
  url: string,
): { bucket: string; region: string | undefined; key: string } | undefined {
  const match = objectUrl.exec(url);
  const [, bucket, region, path] = match ?? [];
  if (bucket === undefined || region === undefined || path === undefined) return undefined;
  // The host of global acceleration names none.
  const named = region === 'accelerate' ? undefined : region;
  return { bucket, region: named, key: percentDecoded(path) ?? path };
}

/** `/<appid>/<bucket without appid>/<key>`; nobody documents whether the key is percent-encoded in it. */
function keysFromField(rawKey: string, bucket: string): readonly string[] {
  const dash = bucket.lastIndexOf('-');
  const prefix = `/${bucket.slice(dash + 1)}/${bucket.slice(0, dash)}/`;
  if (!rawKey.startsWith(prefix)) return [];
  const key = rawKey.slice(prefix.length);
  const decoded = percentDecoded(key);
  return decoded === undefined || decoded === key ? [key] : [key, decoded];
}

function bucketFromParts(name: unknown, appid: unknown): string | undefined {
  if (typeof name !== 'string' || name === '') return undefined;
  if (typeof appid !== 'string' && typeof appid !== 'number') return undefined;
  return name.endsWith(`-${appid}`) ? name : `${name}-${appid}`;
}

/** `qcs:0:scf:<region>:appid/...`; the region is a short code in old samples. */
function regionFromQueue(queue: unknown): string | undefined {
  const region = typeof queue === 'string' ? queue.split(':')[3] : undefined;
  return region?.includes('-') ? region : undefined;
}

/** `+` stays a plus: COS encodes a space as `%20`. */
function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
