import { z } from 'zod';
import { CosError } from '../cos-error';
import { type BucketExchange, originOf, replyXml } from '../exchange';
import { checkedKey } from '../object-key';
import { readDocument } from '../read-body';
import { hasOwnId } from '../store/entry';
import { document, node, parseDocument, type XmlNode } from '../xml';

const objectsMax = 1000;

const deleteDocument = z.object({
  Delete: z.object({
    Quiet: z
      .string()
      .transform((text) => text.trim() === 'true')
      .optional(),
    Object: z
      .array(z.object({ Key: z.string(), VersionId: z.string().optional() }))
      .min(1)
      .max(objectsMax),
  }),
});

/** DELETE Multiple Objects. Source: https://www.tencentcloud.com/document/product/436/8289 */
export async function deleteMultiple(exchange: BucketExchange): Promise<void> {
  const parsed = deleteDocument.safeParse(parseDocument(await readDocument(exchange), ['Object']));
  if (!parsed.success) throw new CosError('MalformedXML');
  const { Quiet: quiet = false, Object: objects } = parsed.data.Delete;
  const results: XmlNode[] = [];
  // In the order in which they are named: a key may stand twice.
  for (const { Key, VersionId } of objects) {
    const result = await removeOne(exchange, Key, VersionId).catch((error: unknown) =>
      errorNode(Key, VersionId, error),
    );
    if (!quiet || 'Error' in result) results.push(result);
  }
  replyXml(exchange, 200, document(node('DeleteResult', results)));
}

async function removeOne(
  exchange: BucketExchange,
  key: string,
  versionId: string | undefined,
): Promise<XmlNode> {
  const { store, bucket } = exchange;
  const origin = originOf(exchange);
  // Documented: a leading slash silently deletes nothing.
  if (key.startsWith('/')) return node('Deleted', [node('Key', key)]);
  checkedKey(Buffer.from(key));
  if (versionId === undefined || versionId === '') {
    const { entry: marker } = await store.remove(bucket, key, origin);
    const made = marker
      ? [
          node('DeleteMarker', 'true'),
          node('DeleteMarkerVersionId', hasOwnId(marker) ? marker.versionId : 'null'),
        ]
      : [];
    return node('Deleted', [node('Key', key), ...made]);
  }
  const removed = await store.removeVersion(bucket, key, versionId, origin);
  const ofMarker =
    removed?.kind === 'deleteMarker'
      ? [node('DeleteMarker', 'true'), node('DeleteMarkerVersionId', versionId)]
      : [];
  return node('Deleted', [node('Key', key), ...ofMarker, node('VersionId', versionId)]);
}

function errorNode(key: string, versionId: string | undefined, error: unknown): XmlNode {
  if (!(error instanceof CosError)) throw error;
  return node('Error', [
    node('Key', key),
    versionId === undefined ? undefined : node('VersionId', versionId),
    node('Code', error.code),
    node('Message', error.message),
  ]);
}
