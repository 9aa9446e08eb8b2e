import { asReplicationError } from '../domain/error';
import type { BucketRef } from '../domain/rule';
import type { ObjectHead } from '../domain/transfer';
import type { ObjectStore } from './ports';

/**
 * A HEAD of the current version, or of the one named. `unreadable`: there is one, and COS refuses to tell anything of it for
 * good, as of an object under SSE-C to all but its owner. Only the listing knows it then, and it is no replica of ours.
 */
export async function readableHead(
  { store }: { readonly store: ObjectStore },
  bucket: BucketRef,
  key: string,
  versionId?: string,
): Promise<ObjectHead | 'unreadable' | undefined> {
  try {
    return await store.headObject(bucket, key, versionId);
  } catch (thrown) {
    if (asReplicationError(thrown).effect === 'gap') return 'unreadable';
    throw thrown;
  }
}
