import { type Acl, aclDocumentOf, aclOfDocument, aclOfHeaders, cannedName } from '../access/acl';
import { type BucketExchange, type ObjectExchange, reply, replyXml } from '../exchange';
import { readDocument } from '../read-body';
import { versionToRead } from './object';

/** GET Bucket acl. Source: https://www.tencentcloud.com/document/product/436/7733 */
export async function getBucketAcl(exchange: BucketExchange): Promise<void> {
  const { acl } = exchange.bucket;
  replyXml(exchange, 200, aclDocumentOf(exchange.ownerUin, acl), { 'x-cos-acl': cannedName(acl, 'bucket') });
}

/** PUT Bucket acl. Source: https://www.tencentcloud.com/document/product/436/7737 */
export async function putBucketAcl(exchange: BucketExchange): Promise<void> {
  const acl = (await wantedAcl(exchange)) ?? [];
  await exchange.store.changeBucket(exchange.bucket.name, { acl });
  reply(exchange, 200);
}

/** GET Object acl. Source: https://www.tencentcloud.com/document/product/436/7744 */
export async function getObjectAcl(exchange: ObjectExchange): Promise<void> {
  const { acl } = await versionToRead(exchange);
  replyXml(exchange, 200, aclDocumentOf(exchange.ownerUin, acl), { 'x-cos-acl': cannedName(acl, 'object') });
}

/** PUT Object acl: makes neither a version nor an event. Source: https://www.tencentcloud.com/document/product/436/7748 */
export async function putObjectAcl(exchange: ObjectExchange): Promise<void> {
  const version = await versionToRead(exchange);
  const acl = await wantedAcl(exchange);
  await exchange.store.changeInPlace(exchange.bucket, exchange.key, version, { acl });
  reply(exchange, 200);
}

/** A document, or else headers. */
async function wantedAcl(exchange: BucketExchange): Promise<Acl | undefined> {
  const body = await readDocument(exchange);
  return body.trim() === '' ? aclOfHeaders(exchange.headers) : aclOfDocument(body);
}
