import { randomBytes } from 'node:crypto';
import type COS from 'cos-nodejs-sdk-v5';
import { at, createCosObjectStore } from '../../../lib/adapters/cos/object-store';
import type { ObjectStore } from '../../../lib/app/ports';
import type { BucketRef } from '../../../lib/domain/rule';
import { type Buckets, bucketsOf, clientOf } from '../buckets';
import { sleep } from '../cloud-api';

/** Two buckets that are there for the questions only: nothing of anybody's is touched. */
export interface Lab {
  /** In the region of the functions; never versioned at first. */
  readonly near: BucketRef;
  /** In a destination's region. */
  readonly far: BucketRef;
  readonly sdk: COS;
  readonly buckets: Buckets;
  /** The product's own requests. */
  readonly store: ObjectStore;
}

export interface LabSettings {
  readonly appid: string;
  readonly nearRegion: string;
  readonly farRegion: string;
}

const nameBytes = 3;

export function planLab(sdk: COS, { appid, nearRegion, farRegion }: LabSettings): Lab {
  const name = `crr-probe-${randomBytes(nameBytes).toString('hex')}`;
  return {
    near: { bucket: `${name}-a-${appid}`, region: nearRegion },
    far: { bucket: `${name}-b-${appid}`, region: farRegion },
    sdk,
    buckets: bucketsOf(sdk),
    store: createCosObjectStore(clientOf(sdk)),
  };
}

const removeTriesMax = 5;
const removePauseMs = 1_000;

/** Takes a bucket away with all that is in it. `false`: it still stands. */
export async function removeBucket({ sdk }: Lab, bucket: BucketRef): Promise<boolean> {
  for (let attempt = 1; attempt <= removeTriesMax; attempt += 1) {
    try {
      await empty(sdk, bucket);
      await sdk.deleteBucket(at(bucket));
      return true;
    } catch (thrown) {
      if ((thrown as { code?: unknown }).code === 'NoSuchBucket') return true;
      // A listing may not show yet what was written last.
      await sleep(removePauseMs);
    }
  }
  return false;
}

async function empty(sdk: COS, bucket: BucketRef): Promise<void> {
  const page = await sdk.listObjectVersions(at(bucket));
  // One by one: there are a few dozen, and a listing of both kinds has them in two lists.
  const listed = [page.Versions ?? [], page.DeleteMarkers ?? []].flat() as {
    Key: string;
    VersionId: string;
  }[];
  for (const { Key, VersionId } of listed)
    await sdk.deleteObject({ ...at(bucket), Key, ...(VersionId ? { VersionId } : {}) });
}
