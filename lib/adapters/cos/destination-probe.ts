import type { DestinationProbe } from '../../app/ports';
import type { CosClient } from './client';
import { deleteObject } from './delete-object';
import { at } from './object-store';

/** The DestinationProbe port over COS. */
export function createCosDestinationProbe(client: CosClient): DestinationProbe {
  return {
    // https://www.tencentcloud.com/document/product/436/7749
    async write(bucket, key, body) {
      const reply = await client.call('PutObject', 'write', (sdk) =>
        sdk.putObject({ ...at(bucket), Key: key, Body: body }),
      );
      return { versionId: header(reply.data.headers, 'x-cos-version-id') };
    },

    // https://www.tencentcloud.com/document/product/436/7753
    async read(bucket, key) {
      const reply = await client.call('GetObject', 'read', (sdk) =>
        sdk.getObject({ ...at(bucket), Key: key }),
      );
      return String(reply.data.Body);
    },

    mark: (bucket, key) => deleteObject(client, { ...at(bucket), Key: key }),
  };
}

function header(headers: Record<string, unknown> | undefined, name: string): string | undefined {
  const value = headers?.[name];
  return typeof value === 'string' ? value : undefined;
}
