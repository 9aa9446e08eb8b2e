import type { BucketRef } from '../../lib/domain/rule';

/** One record of a COS event, in the shape that the platform sends. The version id may be there or not. */
export function recordOf(ref: BucketRef, key: string, nowMs: number, withId: boolean): unknown {
  const dash = ref.bucket.lastIndexOf('-');
  const [name, appid] = [ref.bucket.slice(0, dash), ref.bucket.slice(dash + 1)];
  const path = key.split('/').map(encodeURIComponent).join('/');
  return {
    cos: {
      cosSchemaVersion: '1.0',
      cosObject: {
        url: `http://${ref.bucket}.cos.${ref.region}.myqcloud.com/${path}`,
        meta: {},
        vid: withId ? 'MTg0NDUxNjgyNTQ5MTI3Njc0OTc' : '',
        key: `/${appid}/${name}/${key}`,
        size: 1,
      },
      cosBucket: { region: ref.region, name, appid },
      cosNotificationId: 'unkown',
    },
    event: {
      eventName: 'cos:ObjectCreated:*',
      eventVersion: '1.0',
      eventTime: Math.floor(nowMs / 1000),
      eventSource: 'qcs::cos',
      eventQueue: `qcs:0:scf:${ref.region}:appid/${appid}:default.replicate.$LATEST`,
      requestParameters: { requestSourceIP: '127.0.0.1', requestHeaders: {} },
      reservedInfo: '',
      reqid: 1,
    },
  };
}

/** A record of no shape that anybody knows. */
export const unreadableRecord: unknown = { cos: {}, event: { eventName: 'cos:ObjectCreated:Put' } };
