import { CosError } from '../cos-error';
import { type ObjectExchange, reply, replyXml } from '../exchange';
import { checkedTags } from '../object-headers';
import { readDocument } from '../read-body';
import { document, node, parseDocument, within } from '../xml';
import { versionToRead } from './object';

/** GET Object tagging. Source: https://www.tencentcloud.com/document/product/436/42998 */
export async function getTagging(exchange: ObjectExchange): Promise<void> {
  const { tags } = await versionToRead(exchange);
  if (tags.length === 0) throw new CosError('NoSuchTagSet');
  const nodes = tags.map(({ key, value }) => node('Tag', [node('Key', key), node('Value', value)]));
  replyXml(exchange, 200, document(node('Tagging', [node('TagSet', nodes)])));
}

/** PUT Object tagging. Source: https://www.tencentcloud.com/document/product/436/42997 */
export async function putTagging(exchange: ObjectExchange): Promise<void> {
  const parsed = parseDocument(await readDocument(exchange));
  const listed = within(parsed, 'Tagging', 'TagSet', 'Tag');
  if (within(parsed, 'Tagging') === undefined) throw new CosError('MalformedXML');
  const tags = (Array.isArray(listed) ? listed : []).map((tag: unknown) => ({
    key: textOf(within(tag, 'Key')),
    value: textOf(within(tag, 'Value')),
  }));
  const version = await versionToRead(exchange);
  await exchange.store.setTags(exchange.bucket, exchange.key, version, checkedTags(tags));
  reply(exchange, 200);
}

/** DELETE Object tagging. Source: https://www.tencentcloud.com/document/product/436/42999 */
export async function deleteTagging(exchange: ObjectExchange): Promise<void> {
  const version = await versionToRead(exchange);
  await exchange.store.setTags(exchange.bucket, exchange.key, version, []);
  reply(exchange, 204);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
