import { CosError } from '../cos-error';
import { type CorsRule, corsHeaders, parseCorsRules } from '../cors';
import { type Exchange, reply } from '../exchange';
import type { ObjectStore } from '../store/object-store';

/** OPTIONS Object: unsigned, of any path. Source: https://www.tencentcloud.com/document/product/436/8288 */
export async function preflight(exchange: Exchange, store: ObjectStore, bucket: string): Promise<void> {
  const { headers } = exchange;
  const found = corsHeaders(await rulesOf(store, bucket), {
    origin: headers['origin'] ?? '',
    method: headers['access-control-request-method'] ?? '',
    headers: (headers['access-control-request-headers'] ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== ''),
  });
  if (!found) throw new CosError('AccessForbidden');
  reply(exchange, 200, found);
}

/** Sets what a browser needs to show an answer to a page of another origin; an error's too. */
export async function allowOrigin(exchange: Exchange, store: ObjectStore, bucket: string): Promise<void> {
  const { origin } = exchange.headers;
  if (origin === undefined) return;
  const found = corsHeaders(await rulesOf(store, bucket), { origin, method: exchange.method, headers: [] });
  for (const [name, value] of Object.entries(found ?? {})) exchange.response.setHeader(name, value);
}

async function rulesOf(store: ObjectStore, bucket: string): Promise<readonly CorsRule[]> {
  const document = await store.index.document(bucket, 'cors');
  return (document && parseCorsRules(document.text)) ?? [];
}
