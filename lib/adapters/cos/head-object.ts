import { ReplicationError } from '../../domain/error';
import type { ObjectHead } from '../../domain/transfer';
import type { CosClient } from './client';
import { errorCode } from './cos-error';
import { parseObjectHead } from './headers';

/** An object as the SDK is told of it. */
interface ObjectParams {
  readonly Bucket: string;
  readonly Region: string;
  readonly Key: string;
  readonly VersionId?: string;
}

/**
 * The current version, or the one named. `undefined`: none. An answer to a HEAD has no body, so a refusal does not say
 * whether it passes, as one of an expired token does, or never, as one of an object under SSE-C; its code is then
 * asked for by a GET of one byte.
 * https://www.tencentcloud.com/document/product/436/7745
 */
export async function headObject(client: CosClient, object: ObjectParams): Promise<ObjectHead | undefined> {
  const reply = await client.call('HeadObject', 'read', async (sdk) => {
    try {
      return await sdk.headObject(object);
    } catch (thrown) {
      const { statusCode } = thrown as { statusCode?: unknown };
      if (statusCode === 404) return 'none' as const;
      if (statusCode === 400 || statusCode === 403) return 'refused' as const;
      throw thrown;
    }
  });
  if (reply.data === 'none') return undefined;
  if (reply.data !== 'refused') return parseObjectHead(reply.data.headers ?? {});
  if ((await readFirstByte(client, object)) === 'none') return undefined;
  throw new ReplicationError('STORE_UNAVAILABLE', 'HeadObject: refused, where GetObject is not');
}

/**
 * Fails with what COS says of a GET. Not documented is how a HEAD and a GET of an object under SSE-C are refused without
 * its key: a copy of one is with `SsecDecryptHeaderInvalid`, so that a GET is too is an assumption. With another code
 * of a 400 it becomes a REQUEST_REFUSED, which is a gap as well.
 * https://www.tencentcloud.com/document/product/436/7753
 */
async function readFirstByte(client: CosClient, object: ObjectParams): Promise<'none' | 'read'> {
  const reply = await client.call('GetObject', 'read', async (sdk) => {
    try {
      await sdk.getObject({ ...object, Range: 'bytes=0-0' });
      return 'read' as const;
    } catch (thrown) {
      const code = errorCode(thrown);
      if (code === 'NoSuchKey' || code === 'NoSuchVersion') return 'none' as const;
      // An empty object, and one that is archived: both have a head, so this does not say why it was refused.
      if (code === 'InvalidRange' || code === 'InvalidObjectState') return 'read' as const;
      throw thrown;
    }
  });
  return reply.data;
}
