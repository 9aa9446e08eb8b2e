import COS from 'cos-nodejs-sdk-v5';
import { createCosClient } from '../../lib/adapters/cos/client';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { createMemoryCos } from '../../lib/adapters/memory/memory-cos';
import { createMemoryObjectStore } from '../../lib/adapters/memory/memory-ports';
import { entryId } from '../../lib/domain/history';
import { newBucket, startCos } from '../infra/local/cos/harness';
import { clientFor } from '../support/local';
import { type ConformanceWorld, objectStoreConformance } from './object-store-suite';

describe('COS in memory', () => {
  objectStoreConformance(async () => {
    const cos = createMemoryCos({ now: Date.now });
    const source = { bucket: 'source-1250000000', region: 'ap-guangzhou' };
    const destination = { bucket: 'destination-1250000000', region: 'ap-shanghai' };
    for (const bucket of [source, destination]) cos.createBucket(bucket, { versioning: 'Enabled' });
    return {
      store: createMemoryObjectStore(cos),
      source,
      destination,
      put: async (bucket, key, body, metadata = {}) => void cos.put(bucket, key, { body, metadata }),
      deleteVersion: async (bucket, key, versionId) => {
        const found = cos.history(bucket, key).find(({ entry }) => entry.versionId === versionId);
        if (found) cos.deleteVersion(bucket, key, entryId(found.entry));
      },
      close: async () => {},
    };
  });
});

describe('the local COS through the SDK', () => {
  objectStoreConformance(async () => {
    const running = await startCos();
    return {
      store: createCosObjectStore(clientFor(running.port, running.own)),
      source: await newBucket(running),
      destination: await newBucket(running, 'Enabled', 'ap-shanghai'),
      ...usersOf(running.sdk),
      close: running.close,
    };
  });
});

/** `<bucket>:<region>` each; both with versioning on, of one account. */
const { COS_TEST_SECRET_ID, COS_TEST_SECRET_KEY, COS_TEST_SOURCE, COS_TEST_DESTINATION } = process.env;
const [secretId, secretKey] = [COS_TEST_SECRET_ID, COS_TEST_SECRET_KEY];

if (secretId && secretKey && COS_TEST_SOURCE && COS_TEST_DESTINATION) {
  describe('the real COS', () => {
    const refOf = (text: string) => {
      const [bucket = '', region = ''] = text.split(':');
      return { bucket, region };
    };
    objectStoreConformance(async () => ({
      store: createCosObjectStore(
        createCosClient({
          now: Date.now,
          credentials: () => ({ secretId, secretKey, token: undefined }),
          requestTimeoutMs: () => 30_000,
          socketsMax: 8,
        }),
      ),
      source: refOf(COS_TEST_SOURCE),
      destination: refOf(COS_TEST_DESTINATION),
      ...usersOf(new COS({ SecretId: secretId, SecretKey: secretKey })),
      close: async () => {},
    }));
  });
} else {
  // oxlint-disable-next-line jest/no-disabled-tests -- skipped with its reason, where there are no credentials
  test.skip('the real COS: COS_TEST_SECRET_ID, COS_TEST_SECRET_KEY, COS_TEST_SOURCE and COS_TEST_DESTINATION are not all set', () => {
    expect(COS_TEST_SOURCE).toBeDefined();
  });
}

function usersOf(sdk: COS): Pick<ConformanceWorld, 'put' | 'deleteVersion'> {
  const at = ({ bucket, region }: { bucket: string; region: string }, Key: string) => ({
    Bucket: bucket,
    Region: region,
    Key,
  });
  return {
    put: async (bucket, key, Body, metadata = {}) => {
      await sdk.putObject({ ...at(bucket, key), Body, Headers: { ...metadata } });
    },
    deleteVersion: async (bucket, key, VersionId) => {
      await sdk.deleteObject({ ...at(bucket, key), VersionId } as COS.DeleteObjectParams);
    },
  };
}
