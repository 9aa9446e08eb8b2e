import { Agent } from 'node:http';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { BucketRef } from '../../../../../lib/domain/rule';
import { at, newBucket, type RunningCos, startCos } from '../harness';

/** The S3 dialect, spoken by the unmodified AWS SDK. */
let running: RunningCos;
let ref: BucketRef;
let s3: S3Client;

beforeAll(async () => {
  running = await startCos();
  ref = await newBucket(running);
  s3 = clientWith(running.own.secretKey);
});
afterAll(async () => {
  s3.destroy();
  await running.close();
});

/** COS's host name, and a socket that ends on this machine. */
function clientWith(secretAccessKey: string): S3Client {
  const { port, own } = running;
  const httpAgent = new Agent({
    keepAlive: true,
    lookup: (_host, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }] as never, 4),
  });
  return new S3Client({
    region: ref.region,
    endpoint: `http://cos.${ref.region}.myqcloud.com:${port}`,
    credentials: { accessKeyId: own.secretId, secretAccessKey },
    requestHandler: { httpAgent },
    maxAttempts: 1,
  });
}

const Bucket = (): string => ref.bucket;
const textOf = async (Key: string, VersionId?: string): Promise<string> => {
  const named = VersionId === undefined ? {} : { VersionId };
  const got = await s3.send(new GetObjectCommand({ Bucket: Bucket(), Key, ...named }));
  return (await got.Body?.transformToString()) ?? '';
};

test('objects: put with metadata and tags, get, head, ranges, conditions, delete', async () => {
  const Key = 'a b/中文+&?.txt';
  const put = await s3.send(
    new PutObjectCommand({
      Bucket: Bucket(),
      Key,
      Body: 'hello world',
      ContentType: 'text/plain',
      CacheControl: 'max-age=5',
      Metadata: { one: 'Eins' },
      Tagging: 'team=a%20b',
      StorageClass: 'STANDARD_IA',
    }),
  );
  expect(put.VersionId).toMatch(/^MTg0/);
  const head = await s3.send(new HeadObjectCommand({ Bucket: Bucket(), Key }));
  expect(head).toMatchObject({
    ContentLength: 11,
    ContentType: 'text/plain',
    CacheControl: 'max-age=5',
    Metadata: { one: 'Eins' },
    StorageClass: 'STANDARD_IA',
    VersionId: put.VersionId,
    ETag: put.ETag,
  });
  expect(await textOf(Key)).toBe('hello world');
  const part = await s3.send(new GetObjectCommand({ Bucket: Bucket(), Key, Range: 'bytes=6-' }));
  expect(await part.Body?.transformToString()).toBe('world');
  const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket: Bucket(), Key }));
  expect(TagSet).toEqual([{ Key: 'team', Value: 'a b' }]);
  await s3.send(
    new PutObjectTaggingCommand({ Bucket: Bucket(), Key, Tagging: { TagSet: [{ Key: 'k', Value: 'v' }] } }),
  );
  await expect(
    s3.send(new GetObjectCommand({ Bucket: Bucket(), Key, IfMatch: '"another"' })),
  ).rejects.toMatchObject({ name: 'PreconditionFailed' });
  // COS's own dialect shows the same object.
  const own = await running.sdk.headObject(at(ref, Key));
  expect(own.headers).toMatchObject({ 'x-cos-meta-one': 'Eins', 'x-cos-version-id': put.VersionId });

  const gone = await s3.send(new DeleteObjectCommand({ Bucket: Bucket(), Key }));
  expect(gone).toMatchObject({ DeleteMarker: true, VersionId: expect.stringMatching(/^MTg0/) as string });
  await expect(s3.send(new GetObjectCommand({ Bucket: Bucket(), Key }))).rejects.toMatchObject({
    name: 'NoSuchKey',
  });
  expect(await textOf(Key, put.VersionId)).toBe('hello world');
});

test('a stream is sent in chunks, each of which is checked', async () => {
  const bytes = Buffer.alloc(300_000, 'x');
  const body = Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)]);
  await s3.send(
    new PutObjectCommand({ Bucket: Bucket(), Key: 'stream', Body: body, ContentLength: bytes.length }),
  );
  expect(await textOf('stream')).toBe(bytes.toString());
  const head = await s3.send(new HeadObjectCommand({ Bucket: Bucket(), Key: 'stream' }));
  expect(head.ContentEncoding).toBeUndefined();
});

test('copies, within a bucket and with metadata replaced', async () => {
  await s3.send(new PutObjectCommand({ Bucket: Bucket(), Key: 'from', Body: 'one', Metadata: { a: '1' } }));
  const copied = await s3.send(
    new CopyObjectCommand({ Bucket: Bucket(), Key: 'kept', CopySource: `${Bucket()}/from` }),
  );
  expect(copied.CopyObjectResult?.ETag).toBeDefined();
  expect((await s3.send(new HeadObjectCommand({ Bucket: Bucket(), Key: 'kept' }))).Metadata).toEqual({
    a: '1',
  });
  await s3.send(
    new CopyObjectCommand({
      Bucket: Bucket(),
      Key: 'replaced',
      CopySource: `/${Bucket()}/from`,
      MetadataDirective: 'REPLACE',
      Metadata: { b: '2' },
    }),
  );
  const replaced = await s3.send(new HeadObjectCommand({ Bucket: Bucket(), Key: 'replaced' }));
  expect(replaced.Metadata).toEqual({ b: '2' });
});

test('listings: both kinds, versions, pages, common prefixes, and deleting many', async () => {
  const keys = ['l/1', 'l/2', 'l/sub/3', 'l/sub/4', 'l/5'];
  for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket: Bucket(), Key, Body: Key }));
  const first = await s3.send(
    new ListObjectsV2Command({ Bucket: Bucket(), Prefix: 'l/', Delimiter: '/', MaxKeys: 2 }),
  );
  expect(first).toMatchObject({ KeyCount: 2, IsTruncated: true });
  expect(first.Contents?.map(({ Key }) => Key)).toEqual(['l/1', 'l/2']);
  const second = await s3.send(
    new ListObjectsV2Command({
      Bucket: Bucket(),
      Prefix: 'l/',
      Delimiter: '/',
      ContinuationToken: first.NextContinuationToken,
    }),
  );
  expect(second.Contents?.map(({ Key }) => Key)).toEqual(['l/5']);
  expect(second.CommonPrefixes).toEqual([{ Prefix: 'l/sub/' }]);
  const old = await s3.send(new ListObjectsCommand({ Bucket: Bucket(), Prefix: 'l/', Marker: 'l/5' }));
  expect(old.Contents?.map(({ Key }) => Key)).toEqual(['l/sub/3', 'l/sub/4']);

  const removed = await s3.send(
    new DeleteObjectsCommand({ Bucket: Bucket(), Delete: { Objects: keys.map((Key) => ({ Key })) } }),
  );
  expect(removed.Deleted).toHaveLength(5);
  const versions = await s3.send(new ListObjectVersionsCommand({ Bucket: Bucket(), Prefix: 'l/' }));
  expect(versions.Versions).toHaveLength(5);
  expect(versions.DeleteMarkers?.every(({ IsLatest }) => IsLatest)).toBe(true);
});

test('multipart uploads: parts, copied parts, lists, completed and aborted', async () => {
  const part = Buffer.alloc(1024 * 1024, 'p');
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket: Bucket(), Key: 'parts' }));
  const named = { Bucket: Bucket(), Key: 'parts', UploadId };
  const one = await s3.send(new UploadPartCommand({ ...named, PartNumber: 1, Body: part }));
  await s3.send(new PutObjectCommand({ Bucket: Bucket(), Key: 'tail', Body: 'the end' }));
  const two = await s3.send(
    new UploadPartCopyCommand({ ...named, PartNumber: 2, CopySource: `${Bucket()}/tail` }),
  );
  expect((await s3.send(new ListPartsCommand(named))).Parts).toHaveLength(2);
  const uploads = await s3.send(new ListMultipartUploadsCommand({ Bucket: Bucket() }));
  expect(uploads.Uploads).toMatchObject([{ Key: 'parts', UploadId }]);
  const Parts = [
    { PartNumber: 1, ETag: one.ETag },
    { PartNumber: 2, ETag: two.CopyPartResult?.ETag },
  ];
  const done = await s3.send(new CompleteMultipartUploadCommand({ ...named, MultipartUpload: { Parts } }));
  expect(done.VersionId).toMatch(/^MTg0/);
  expect((await textOf('parts')).slice(-7)).toBe('the end');

  const other = await s3.send(new CreateMultipartUploadCommand({ Bucket: Bucket(), Key: 'never' }));
  const aborted = { Bucket: Bucket(), Key: 'never', UploadId: other.UploadId };
  await s3.send(new AbortMultipartUploadCommand(aborted));
  await expect(s3.send(new ListPartsCommand(aborted))).rejects.toMatchObject({ name: 'NoSuchUpload' });
});

test('buckets: list, head, location, versioning', async () => {
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  expect(Buckets?.map(({ Name }) => Name)).toContain(Bucket());
  await s3.send(new HeadBucketCommand({ Bucket: Bucket() }));
  const { LocationConstraint } = await s3.send(new GetBucketLocationCommand({ Bucket: Bucket() }));
  expect(LocationConstraint).toBe(ref.region);
  await s3.send(
    new PutBucketVersioningCommand({ Bucket: Bucket(), VersioningConfiguration: { Status: 'Enabled' } }),
  );
  expect(await s3.send(new GetBucketVersioningCommand({ Bucket: Bucket() }))).toMatchObject({
    Status: 'Enabled',
  });
});

test('a presigned URL holds for its time and for its method', async () => {
  await s3.send(new PutObjectCommand({ Bucket: Bucket(), Key: 'signed', Body: 'by url' }));
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: Bucket(), Key: 'signed' }), {
    expiresIn: 60,
  });
  const { host, pathname, search } = new URL(url);
  const ask = (method: string, query: string) => fetchAs(running.port, host, method, `${pathname}${query}`);
  expect(await ask('GET', search)).toMatchObject({ status: 200, body: 'by url' });
  expect((await ask('DELETE', search)).status).toBe(403);
  expect((await ask('GET', search.replace('X-Amz-Expires=60', 'X-Amz-Expires=61'))).status).toBe(403);
  const past = new Date(Date.now() - 120_000);
  const old = await getSignedUrl(s3, new GetObjectCommand({ Bucket: Bucket(), Key: 'signed' }), {
    expiresIn: 60,
    signingDate: past,
  });
  expect(await ask('GET', new URL(old).search)).toMatchObject({
    status: 403,
    body: expect.stringContaining('expired') as string,
  });
});

test('a wrong key, and a body that is not the one that was signed', async () => {
  const wrong = clientWith('wrong');
  await expect(wrong.send(new HeadBucketCommand({ Bucket: Bucket() }))).rejects.toMatchObject({
    $metadata: { httpStatusCode: 403 },
  });
  await expect(wrong.send(new ListObjectsV2Command({ Bucket: Bucket() }))).rejects.toMatchObject({
    name: 'SignatureDoesNotMatch',
  });
  wrong.destroy();
});

async function fetchAs(port: number, host: string, method: string, path: string) {
  const { request } = await import('node:http');
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers: { host } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}
