import type { BucketDirectory, BucketVersioning } from '../../app/ports';
import { ReplicationError } from '../../domain/error';
import type { CosClient } from './client';
import { at } from './object-store';

/** GET Service pages: at most 200 buckets an account by default, 1000 a page. */
const servicePagesMax = 20;

/** The BucketDirectory port over COS. */
export function createCosBucketDirectory(client: CosClient): BucketDirectory {
  return {
    // https://www.tencentcloud.com/document/product/436/7735
    async describe(bucket) {
      const reply = await client.call('HeadBucket', 'read', async (sdk) => {
        try {
          return await sdk.headBucket(at(bucket));
        } catch (thrown) {
          const { statusCode } = thrown as { statusCode?: unknown };
          if (statusCode === 404) return 'missing' as const;
          if (statusCode === 403) return 'denied' as const;
          throw thrown;
        }
      });
      if (reply.data === 'missing' || reply.data === 'denied') return { kind: reply.data };
      const headers = reply.data.headers ?? {};
      if (reply.dateMs === undefined) {
        throw new ReplicationError(
          'STORE_UNAVAILABLE',
          `HeadBucket: ${bucket.bucket} answered without a Date`,
        );
      }
      return {
        kind: 'found',
        multiZone: headers['x-cos-bucket-az-type'] === 'MAZ',
        hierarchical: headers['x-cos-bucket-arch'] === 'OFS',
        dateMs: reply.dateMs,
      };
    },

    // https://www.tencentcloud.com/document/product/436/19888
    async versioning(bucket) {
      const reply = await client.call('GetBucketVersioning', 'read', (sdk) =>
        sdk.getBucketVersioning(at(bucket)),
      );
      const status = reply.data.VersioningConfiguration?.Status as BucketVersioning | undefined;
      return status === 'Enabled' || status === 'Suspended' ? status : 'Unversioned';
    },

    // https://www.tencentcloud.com/document/product/436/19222
    async replicatesTo(bucket) {
      const reply = await client.call('GetBucketReplication', 'read', async (sdk) => {
        try {
          return await sdk.getBucketReplication(at(bucket));
        } catch (thrown) {
          const { statusCode } = thrown as { statusCode?: unknown };
          // None, no such bucket, or a role that may not ask.
          if (statusCode === 404 || statusCode === 403) return undefined;
          throw thrown;
        }
      });
      const rules = reply.data?.ReplicationConfiguration?.Rules ?? [];
      // qcs::cos:ap-shanghai::example-1250000000
      return new Set(
        rules.map((rule) => rule.Destination.Bucket.slice(rule.Destination.Bucket.lastIndexOf(':') + 1)),
      );
    },

    // https://www.tencentcloud.com/document/product/436/8291
    async ownedBuckets() {
      const names = new Set<string>();
      let marker: string | undefined;
      for (let page = 0; page < servicePagesMax; page += 1) {
        const from = marker === undefined ? {} : { Marker: marker };
        const reply = await client.call('GetService', 'read', (sdk) =>
          sdk.getService({ MaxKeys: 1000, ...from }),
        );
        for (const bucket of reply.data.Buckets) names.add(bucket.Name);
        // The SDK hands on the buckets only, not whether there are more; a page that is not full is the last.
        const last = reply.data.Buckets.at(-1)?.Name;
        if (last === undefined || reply.data.Buckets.length < 1000) return names;
        marker = last;
      }
      return names;
    },
  };
}
