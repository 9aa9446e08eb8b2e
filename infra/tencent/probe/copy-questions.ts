import { at } from '../../../lib/adapters/cos/object-store';
import { type Finding, ok, problem, unknown } from '../finding';
import type { Question } from './question';

const key = 'copied/a b+é';

/** Exactly the request with which replication copies. */
export const olderVersions: Question = {
  about: 'copies of older versions between regions',
  ask: async ({ lab: { sdk, near, far, store } }) => {
    const Headers = {
      'Cache-Control': 'max-age=7',
      'x-cos-meta-probe': 'older',
      'x-cos-tagging': 'probe=older',
    };
    await sdk.putObject({ ...at(near), Key: key, Body: 'older', Headers });
    const older = await store.headObject(near, key);
    await sdk.putObject({ ...at(near), Key: key, Body: 'newer' });
    if (older?.versionId === undefined) return [problem('A versioned bucket names no version of an object.')];
    const metadata = { 'cache-control': 'max-age=7', 'x-cos-meta-probe': 'older' };
    const copied = await store.copyVersion({
      source: near,
      key,
      version: { kind: 'version', ...older, versionId: older.versionId },
      destination: far,
      storageClass: 'STANDARD',
      metadata,
    });
    const replica = await store.headObject(far, key, copied.versionId);
    const tags = copied.versionId === undefined ? [] : await store.tagsOf(far, key, copied.versionId);
    const same = (what: string, is: boolean): Finding =>
      is
        ? ok(`A copy of an older version has its ${what}.`)
        : problem(`A copy of an older version has another ${what}.`);
    return [
      same('size and ETag', replica?.sizeBytes === older.sizeBytes && replica.etag === older.etag),
      same(
        'metadata',
        Object.entries(metadata).every(([name, value]) => replica?.metadata[name] === value),
      ),
      same(
        'tags',
        tags.some((tag) => tag.key === 'probe' && tag.value === 'older'),
      ),
      older.crc64 === undefined || replica?.crc64 === undefined
        ? unknown('COS sends no CRC64: copies are compared by ETag and size alone.')
        : same('CRC64', older.crc64 === replica.crc64),
    ];
  },
};

export const multipartSources: Question = {
  about: 'copies of multipart uploads',
  ask: async ({ lab: { sdk, near, far, store } }) => {
    const name = 'multipart';
    const target = { ...at(near), Key: name };
    const { UploadId } = await sdk.multipartInit(target);
    const part = await sdk.multipartUpload({ ...target, UploadId, PartNumber: 1, Body: 'part' });
    await sdk.multipartComplete({ ...target, UploadId, Parts: [{ PartNumber: 1, ETag: part.ETag }] });
    const source = await store.headObject(near, name);
    if (source?.versionId === undefined) return [problem('A multipart upload has no version.')];
    const copied = await store.copyVersion({
      source: near,
      key: name,
      version: { kind: 'version', ...source, versionId: source.versionId },
      destination: far,
      storageClass: 'STANDARD',
      metadata: {},
    });
    const kept = copied.etag === source.etag ? 'the same' : 'another';
    return [
      ok(
        `A copy of a multipart upload has ${kept} ETag (${source.etag}, ${copied.etag}); either is handled.`,
      ),
    ];
  },
};
