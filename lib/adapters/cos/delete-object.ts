import type { WriteAnswer } from '../../app/ports';
import type { CosClient } from './client';

/**
 * A DELETE without a version id. COS answers one of a key that is not there as it does any other.
 * https://www.tencentcloud.com/document/product/436/7743
 */
export async function deleteObject(
  client: CosClient,
  object: { readonly Bucket: string; readonly Region: string; readonly Key: string },
): Promise<WriteAnswer> {
  const reply = await client.call('DeleteObject', 'write', async (sdk) => {
    const answer = await sdk.deleteObject(object);
    // The SDK makes a success of it.
    if (answer.statusCode === 404) throw new Error('Not Found');
    return answer;
  });
  const versionId = reply.data.headers?.['x-cos-version-id'];
  return { versionId: typeof versionId === 'string' ? versionId : undefined };
}
