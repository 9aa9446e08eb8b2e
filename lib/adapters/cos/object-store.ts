import type COS from 'cos-nodejs-sdk-v5';
import type { ObjectStore } from '../../app/ports';
import { type ReasonCode, ReplicationError } from '../../domain/error';
import type { ObjectVersion } from '../../domain/history';
import type { BucketRef } from '../../domain/rule';
import type { CosClient } from './client';
import { errorCode } from './cos-error';
import { deleteObject } from './delete-object';
import { headObject } from './head-object';
import { unquoted } from './headers';
import { parseTags } from './tags-xml';
import { parseVersionsPage } from './versions-xml';

/** The ObjectStore port over COS. */
export function createCosObjectStore(client: CosClient): ObjectStore {
  // https://www.tencentcloud.com/document/product/436/31551
  const listVersions: ObjectStore['listVersions'] = async (bucket, { prefix, after, entriesMax }) => {
    const reply = await client.call('GetBucketObjectVersions', 'read', (sdk) =>
      sdk.request({
        ...at(bucket),
        Method: 'GET',
        Action: 'versions',
        Query: {
          prefix,
          'max-keys': String(entriesMax),
          'encoding-type': 'url',
          ...(after === undefined ? {} : { 'key-marker': after.key, 'version-id-marker': after.versionId }),
        },
        RawBody: true,
      }),
    );
    const page = parseVersionsPage(String(reply.data.Body));
    if (page) return page;
    throw new ReplicationError('STORE_UNAVAILABLE', 'GetBucketObjectVersions: the answer is no version list');
  };

  return {
    listVersions,

    async listKey(bucket, key, { olderThan, entriesMax }) {
      const after = olderThan === undefined ? {} : { after: { key, versionId: olderThan } };
      const page = await listVersions(bucket, { prefix: key, entriesMax, ...after });
      // The key is the first of all that begin with it.
      const own = page.entries.filter((listed) => listed.key === key);
      return {
        entries: own.map((listed) => listed.entry).reverse(),
        complete: page.complete || own.length < page.entries.length,
      };
    },

    headObject: (bucket, key, versionId) =>
      headObject(client, {
        ...at(bucket),
        Key: key,
        ...(versionId === undefined ? {} : { VersionId: versionId }),
      }),

    // https://www.tencentcloud.com/document/product/436/35710
    async tagsOf(bucket, key, versionId) {
      const reply = await client.call('GetObjectTagging', 'read', async (sdk) => {
        try {
          // The SDK's own call takes whatever it cannot read for no tags.
          return await sdk.request({
            ...at(bucket),
            Key: key,
            Method: 'GET',
            Action: 'tagging',
            Query: { versionId },
            RawBody: true,
          });
        } catch (thrown) {
          if (withoutTags.has(errorCode(thrown))) return undefined;
          throw thrown;
        }
      });
      if (reply.data === undefined) return [];
      const tags = parseTags(String(reply.data.Body));
      if (tags) return tags;
      throw new ReplicationError('STORE_UNAVAILABLE', 'GetObjectTagging: the answer is no tag set');
    },

    // https://www.tencentcloud.com/document/product/436/10881
    async copyVersion({ source, key, version, destination, storageClass, metadata }) {
      const host = `${source.bucket}.cos.${source.region}.myqcloud.com`;
      const path = key.split('/').map(encodeURIComponent).join('/');
      const reply = await client.call('PutObjectCopy', 'write', async (sdk) => {
        try {
          return await sdk.putObjectCopy({
            ...at(destination),
            Key: key,
            CopySource: `${host}/${path}?versionId=${encodeURIComponent(version.versionId)}`,
            Headers: {
              ...metadata,
              'x-cos-metadata-directive': 'Replaced',
              'x-cos-tagging-directive': 'Copy',
              'x-cos-storage-class': storageClass,
              'x-cos-copy-source-If-Match': `"${version.etag}"`,
            },
          });
        } catch (thrown) {
          if (errorCode(thrown) === 'InvalidCopySource') return 'invalid source' as const;
          const code = sourceRefusal(errorCode(thrown), version);
          if (code === undefined) throw thrown;
          const asked = `version ${version.versionId} of "${key}" with the ETag "${version.etag}"`;
          throw new ReplicationError(code, `PutObjectCopy: ${asked}: ${errorCode(thrown)}`, thrown);
        }
      });
      if (reply.data === 'invalid source') {
        // Not documented is whether a source that is gone is refused so, or only one that cannot be read.
        const { versionId } = version;
        const there = await headObject(client, { ...at(source), Key: key, VersionId: versionId });
        const code = there === undefined ? 'SOURCE_GONE' : 'REQUEST_REFUSED';
        throw new ReplicationError(
          code,
          `PutObjectCopy: version ${versionId} of "${key}": InvalidCopySource`,
        );
      }
      // The SDK's types leave two fields of the document out.
      const result = reply.data as COS.PutObjectCopyResult & { VersionId?: string; CRC64?: string };
      if (!result.ETag) {
        throw new ReplicationError('OUTCOME_UNKNOWN', 'PutObjectCopy: the answer has no ETag');
      }
      const fromHeader = result.headers?.['x-cos-version-id'];
      const versionId = result.VersionId ?? (typeof fromHeader === 'string' ? fromHeader : undefined);
      return { versionId, etag: unquoted(result.ETag), crc64: result.CRC64 };
    },

    putDeleteMarker: (bucket, key) => deleteObject(client, { ...at(bucket), Key: key }),
  };
}

const withoutTags: ReadonlySet<string | undefined> = new Set(['NoSuchKey', 'NoSuchVersion', 'NoSuchTagSet']);

const sourceGoneCodes: ReadonlySet<string | undefined> = new Set([
  'NoSuchKey',
  'NoSuchVersion',
  'NoSuchCopySource',
]);

/** What an error code of a copy says of its source, if anything. */
function sourceRefusal(code: string | undefined, { versionId }: ObjectVersion): ReasonCode | undefined {
  if (sourceGoneCodes.has(code)) return 'SOURCE_GONE';
  if (code !== 'PreconditionFailed') return undefined;
  // Another content can only take the place of what has no id; a version with one is there, and is not copied.
  return versionId === 'null' ? 'SOURCE_GONE' : 'REQUEST_REFUSED';
}

export function at(bucket: BucketRef): { Bucket: string; Region: string } {
  return { Bucket: bucket.bucket, Region: bucket.region };
}
