import { CosError } from '../cos-error';
import { type ObjectExchange, reply, replyXml } from '../exchange';
import { checkedTags } from '../object-headers';
import { readDocument } from '../read-body';
import { document, node, parseDocument, within, type XmlNode } from '../xml';
import type { Tag } from '../store/entry';
import { versionToRead } from './object';

/** GET Object tagging. Source: https://www.tencentcloud.com/document/product/436/42998 */
export async function getTagging(exchange: ObjectExchange): Promise<void> {
  const { tags } = await versionToRead(exchange);
  if (tags.length === 0) throw new CosError('NoSuchTagSet');
  replyXml(exchange, 200, document(taggingNode(tags)));
}

export function taggingNode(tags: readonly Tag[]): XmlNode {
  const nodes = tags.map(({ key, value }) => node('Tag', [node('Key', key), node('Value', value)]));
  return node('Tagging', [node('TagSet', nodes)]);
}

/** PUT Object tagging. Source: https://www.tencentcloud.com/document/product/436/42997 */
export async function putTagging(exchange: ObjectExchange): Promise<void> {
  const tags = tagsOfDocument(await readDocument(exchange));
  const version = await versionToRead(exchange);
  await exchange.store.changeInPlace(exchange.bucket, exchange.key, version, {
    tags: checkedTags(tags),
  });
  reply(exchange, 200);
}

/** DELETE Object tagging. Source: https://www.tencentcloud.com/document/product/436/42999 */
export async function deleteTagging(exchange: ObjectExchange): Promise<void> {
  const version = await versionToRead(exchange);
  await exchange.store.changeInPlace(exchange.bucket, exchange.key, version, { tags: [] });
  reply(exchange, 204);
}

/** Fails with MalformedXML. */
export function tagsOfDocument(xml: string): readonly Tag[] {
  const parsed = parseDocument(xml, ['Tag']);
  const listed = within(parsed, 'Tagging', 'TagSet', 'Tag');
  if (within(parsed, 'Tagging') === undefined) throw new CosError('MalformedXML');
  return (Array.isArray(listed) ? listed : []).map((tag: unknown) => ({
    key: textOf(within(tag, 'Key')),
    value: textOf(within(tag, 'Value')),
  }));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
