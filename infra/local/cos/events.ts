import { shownVersionId, type StoredBucket, type StoredEntry } from './store/entry';

/** Source: https://www.tencentcloud.com/document/product/583/9707 */
export type EventKind =
  | 'cos:ObjectCreated:Put'
  | 'cos:ObjectCreated:Post'
  | 'cos:ObjectCreated:Copy'
  | 'cos:ObjectCreated:CompleteMultipartUpload'
  | 'cos:ObjectRestore:Post'
  | 'cos:ObjectRestore:Completed'
  | 'cos:ObjectRemove:Delete'
  | 'cos:ObjectRemove:DeleteMarkerCreated';

/** Where a change came from. */
export interface ChangeOrigin {
  readonly requestId: string;
  readonly sourceIp: string;
  readonly authorization: string;
}

/**
 * One record of the documented shape, with a version id, concrete name, raw key and full region. The function of
 * `eventQueue` is not known before it is delivered.
 */
export interface CosEventRecord {
  readonly cos: {
    readonly cosSchemaVersion: string;
    readonly cosObject: {
      readonly url: string;
      readonly meta: Readonly<Record<string, string>>;
      readonly vid: string;
      readonly key: string;
      readonly size: number;
    };
    readonly cosBucket: { readonly region: string; readonly name: string; readonly appid: string };
    readonly cosNotificationId: string;
  };
  readonly event: {
    readonly eventName: string;
    readonly eventVersion: string;
    /** Whole seconds. */
    readonly eventTime: number;
    readonly eventSource: string;
    readonly requestParameters: {
      readonly requestSourceIP: string;
      readonly requestHeaders: Readonly<Record<string, string>>;
    };
    readonly eventQueue: string;
    readonly reservedInfo: string;
    readonly reqid: number;
  };
}

/** An event that no function has settled yet. */
export interface PendingEvent {
  readonly id: string;
  readonly bucket: string;
  readonly region: string;
  /** The concrete type. */
  readonly eventName: string;
  readonly key: string;
  /** Without the `Records` around it. */
  readonly record: CosEventRecord;
}

/** The event of one change, as COS documents it. */
export function eventRecord(change: {
  readonly bucket: StoredBucket;
  readonly key: string;
  readonly entry: StoredEntry;
  readonly kind: EventKind;
  readonly origin: ChangeOrigin;
  readonly micros: bigint;
}): PendingEvent {
  const { bucket, key, entry, kind, origin, micros } = change;
  const shortName = bucket.name.slice(0, -bucket.appid.length - 1);
  const path = key.split('/').map(encodeURIComponent).join('/');
  return {
    // In the order in which they happened.
    id: micros.toString().padStart(20, '0'),
    bucket: bucket.name,
    region: bucket.region,
    eventName: kind,
    key,
    record: {
      cos: {
        cosSchemaVersion: '1.0',
        cosObject: {
          url: `http://${bucket.name}.cos.${bucket.region}.myqcloud.com/${path}`,
          meta: { 'x-cos-request-id': origin.requestId, ...metaOf(entry) },
          vid: shownVersionId(bucket, entry),
          key: `/${bucket.appid}/${shortName}/${key}`,
          size: entry.kind === 'version' ? entry.size : 0,
        },
        cosBucket: { region: bucket.region, name: shortName, appid: bucket.appid },
        // Spelled so in the documentation.
        cosNotificationId: 'unkown',
      },
      event: {
        eventName: kind,
        eventVersion: '1.0',
        eventTime: Number(micros / 1_000_000n),
        eventSource: 'qcs::cos',
        requestParameters: {
          requestSourceIP: origin.sourceIp,
          requestHeaders: { Authorization: origin.authorization },
        },
        eventQueue: `qcs:0:scf:${bucket.region}:appid/${bucket.appid}:default..$LATEST`,
        reservedInfo: '',
        reqid: Number(micros % 1_000_000_000n),
      },
    },
  };
}

function metaOf(entry: StoredEntry): Readonly<Record<string, string>> {
  if (entry.kind !== 'version') return {};
  // The bytes of a header are text in JSON (inferred: no published sample has any but ASCII).
  const text = (value: string): string => Buffer.from(value, 'latin1').toString();
  const meta: Record<string, string> = { 'Content-Type': text(entry.metadata['content-type'] ?? '') };
  for (const [name, value] of Object.entries(entry.metadata))
    if (name.startsWith('x-cos-meta-')) meta[name] = text(value);
  return meta;
}
