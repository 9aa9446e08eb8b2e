import type { StateStore } from '../../app/ports';
import { ReplicationError } from '../../domain/error';
import type { BucketRef } from '../../domain/rule';
import type { CosClient } from './client';
import { deleteObject } from './delete-object';
import { listedKey } from './listed-key';
import { at } from './object-store';

/** The StateStore port over one COS bucket that never had versioning. */
export function createCosStateStore(client: CosClient, bucket: BucketRef): StateStore {
  return {
    // https://www.tencentcloud.com/document/product/436/7753
    async get(name) {
      const reply = await client.call('GetObject', 'read', async (sdk) => {
        try {
          return await sdk.getObject({ ...at(bucket), Key: name });
        } catch (thrown) {
          if (isAnswer(thrown, 404, 'NoSuchKey')) return undefined;
          throw thrown;
        }
      });
      return reply.data && String(reply.data.Body);
    },

    // https://www.tencentcloud.com/document/product/436/7749
    async put(name, body) {
      await client.call('PutObject', 'write', (sdk) =>
        sdk.putObject({ ...at(bucket), Key: name, Body: body, ContentType: 'application/json' }),
      );
    },

    // x-cos-forbid-overwrite: the same page. It does nothing in a bucket that ever had versioning.
    async create(name, body) {
      const reply = await client.call('PutObject', 'write', async (sdk) => {
        try {
          await sdk.putObject({
            ...at(bucket),
            Key: name,
            Body: body,
            ContentType: 'application/json',
            Headers: { 'x-cos-forbid-overwrite': 'true' },
          });
          return true;
        } catch (thrown) {
          if (isAnswer(thrown, 409, 'FileAlreadyExists')) return false;
          throw thrown;
        }
      });
      return reply.data;
    },

    async remove(name) {
      await deleteObject(client, { ...at(bucket), Key: name });
    },

    // https://www.tencentcloud.com/document/product/436/7734
    async list(prefix, after) {
      const reply = await client.call('GetBucket', 'read', (sdk) =>
        sdk.getBucket({
          ...at(bucket),
          Prefix: prefix,
          MaxKeys: 1000,
          EncodingType: 'url',
          ...(after === undefined ? {} : { Marker: after }),
        }),
      );
      // The SDK makes an empty list of any other document.
      if (reply.data.IsTruncated === undefined) {
        throw new ReplicationError('STORE_UNAVAILABLE', 'GetBucket: the answer is no list');
      }
      return {
        names: reply.data.Contents.map((listed) => listedKey(listed.Key)),
        complete: reply.data.IsTruncated !== 'true',
      };
    },
  };
}

function isAnswer(thrown: unknown, status: number, code: string): boolean {
  const { statusCode, code: said } = thrown as { statusCode?: unknown; code?: unknown };
  return statusCode === status && said === code;
}
