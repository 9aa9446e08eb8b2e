import { copyWith } from '../api/copy';
import { readObjectsPage } from '../api/listing';
import { ownerNode } from '../api/identity';
import { versionToRead } from '../api/object';
import { taggingNode } from '../api/tagging';
import { CosError } from '../cos-error';
import { type BucketExchange, type ObjectExchange, type Operations, param, replyXml } from '../exchange';
import { hasOwnId } from '../store/entry';
import { document, node } from '../xml';

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** S3's operations whose answer has another form than COS's; all others are COS's own. */
export const s3BucketOperations: Operations<BucketExchange> = {
  'GET list-type': { action: 'GetBucket', run: listObjectsV2 },
  'GET location': { action: 'GetBucketLocation', run: getLocation },
};
export const s3ObjectOperations: Operations<ObjectExchange> = {
  'GET tagging': { action: 'GetObjectTagging', run: getTagging },
  'PUT copy': { action: 'PutObjectCopy', run: copyObject },
};

/** ListObjectsV2. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
async function listObjectsV2(exchange: BucketExchange): Promise<void> {
  if (param(exchange, 'list-type') !== '2') throw new CosError('InvalidArgument', 'list-type must be 2.');
  const token = param(exchange, 'continuation-token');
  const startAfter = param(exchange, 'start-after') ?? '';
  const page = await readObjectsPage(exchange, token === undefined ? startAfter : nameOf(token));
  const wantsOwner = param(exchange, 'fetch-owner') === 'true';
  const xml = node('ListBucketResult', [
    ...page.head,
    token === undefined ? undefined : node('ContinuationToken', token),
    startAfter === '' ? undefined : node('StartAfter', page.shown(startAfter)),
    node('KeyCount', String(page.count)),
    page.next === undefined ? undefined : node('NextContinuationToken', tokenOf(page.next)),
    ...page.commonPrefixes,
    ...page.contents(wantsOwner ? ownerNode(exchange.bucket.appid) : undefined),
  ]);
  replyXml(exchange, 200, document(xml));
}

function tokenOf(name: string): string {
  return Buffer.from(name).toString('base64url');
}

function nameOf(token: string): string {
  const name = Buffer.from(token, 'base64url').toString();
  if (name === '' || tokenOf(name) !== token)
    throw new CosError('InvalidArgument', 'The continuation token is not one of a listing.');
  return name;
}

/** Without the `cos.` of COS's sample: S3's clients take it for the region (inferred). */
async function getLocation(exchange: BucketExchange): Promise<void> {
  replyXml(exchange, 200, document(node('LocationConstraint', exchange.bucket.region, { xmlns: namespace })));
}

/** S3 answers an object without tags with an empty set, and COS with an error (which COS does here is inferred). */
async function getTagging(exchange: ObjectExchange): Promise<void> {
  replyXml(exchange, 200, document(taggingNode((await versionToRead(exchange)).tags)));
}

/** S3 says in a header which version a copy made, and its clients look there only; COS's document has it too. */
function copyObject(exchange: ObjectExchange): Promise<void> {
  return copyWith(exchange, (made) => ({ 'x-cos-version-id': hasOwnId(made) ? made.versionId : undefined }));
}
