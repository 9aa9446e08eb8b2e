import { createHash } from 'node:crypto';
import { CosError } from '../cos-error';
import { type ObjectExchange, originOf, reply } from '../exchange';
import { factsOf } from '../object-headers';
import { receiveContent } from '../read-body';
import { wholeNumberParam } from './list-params';
import { objectBytesMax } from './object';

/** APPEND Object. Source: https://www.tencentcloud.com/document/product/436/7741 */
export async function appendObject(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key } = exchange;
  const position = wholeNumberParam(exchange, 'position');
  if (position === undefined) throw new CosError('InvalidArgument', 'position is missing.');
  if (bucket.multiZone) throw new CosError('OAZOperationNotSupportOnMAZBucket');
  const facts = factsOf(exchange, bucket);
  const { entry } = await receiveContent(exchange, objectBytesMax - position, (received) => {
    // What the ETag of several pieces is made of is unknown.
    const etag = createHash('md5').update(`${position}`).update(received.md5).digest('hex');
    return store.append(bucket, key, { ...received, position }, { etag, ...facts }, originOf(exchange));
  });
  reply(exchange, 200, {
    ETag: `"${entry.etag}"`,
    'x-cos-hash-crc64ecma': entry.crc64,
    'x-cos-next-append-position': entry.size,
  });
}
