import type { Account } from '../accounts';
import { type Exchange, param, replyXml } from '../exchange';
import type { ObjectStore } from '../store/object-store';
import { document, node } from '../xml';
import { wholeNumberParam } from './list-params';

const bucketsMax = 1000;

/** GET Service: the buckets of the caller's account. Source: https://www.tencentcloud.com/document/product/436/8291 */
export async function getService(
  exchange: Exchange,
  store: ObjectStore,
  { uin, appid }: Account,
  region: string | undefined,
): Promise<void> {
  const marker = param(exchange, 'marker') ?? '';
  const limit = Math.min(wholeNumberParam(exchange, 'max-keys') || bucketsMax, bucketsMax);
  const wanted = param(exchange, 'region') || region;
  const found = [];
  for await (const bucket of store.index.buckets(marker)) {
    const shown = bucket.appid === appid && (wanted === undefined || bucket.region === wanted);
    if (shown) found.push(bucket);
    if (found.length > limit) break;
  }
  const page = found.slice(0, limit);
  const truncated = found.length > limit;
  const xml = node('ListAllMyBucketsResult', [
    node('Owner', [node('ID', `qcs::cam::uin/${uin}:uin/${uin}`), node('DisplayName', uin)]),
    node(
      'Buckets',
      page.map((bucket) =>
        node('Bucket', [
          node('Name', bucket.name),
          node('Location', bucket.region),
          node('CreationDate', new Date(bucket.createdMs).toISOString().replace(/\.\d+Z$/, 'Z')),
          node('BucketType', 'cos'),
        ]),
      ),
    ),
    node('IsTruncated', String(truncated)),
    truncated ? node('NextMarker', page.at(-1)?.name ?? '') : undefined,
  ]);
  replyXml(exchange, 200, document(xml));
}
