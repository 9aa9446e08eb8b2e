import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
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
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { at, raw, type RunningCos, startCos } from '../harness';
import { s3At, s3Refusal } from './s3-client';

let running: RunningCos;
let s3: S3Client;
let Bucket: string;
beforeAll(async () => {
  running = await startCos();
  s3 = s3At(running);
  Bucket = `s3-${running.own.appid}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => {
  s3.destroy();
  return running.close();
});

const put = (Key: string, Body: string | Readable = 'content', more: object = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const read = async (Key: string, more: object = {}): Promise<string> => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return (await Body?.transformToString()) ?? '';
};

test('what is written in one dialect is read in the other', async () => {
  const Key = 'folder/ä +~!*().txt';
  await put(Key, 'content', { Metadata: { colour: 'red' }, ContentType: 'text/plain', Tagging: 'a=b' });
  const head = await running.sdk.headObject(at({ bucket: Bucket, region: 'ap-guangzhou' }, Key));
  expect(head.headers).toMatchObject({ 'content-type': 'text/plain', 'x-cos-meta-colour': 'red' });
  expect(head.headers).not.toHaveProperty('content-encoding');

  await running.sdk.putObject({
    ...at({ bucket: Bucket, region: 'ap-guangzhou' }, 'cos'),
    Body: 'from cos',
    Headers: { 'x-cos-meta-colour': 'blue' },
  });
  expect(await read('cos')).toBe('from cos');
  const seen = await s3.send(new HeadObjectCommand({ Bucket, Key: 'cos' }));
  expect(seen.Metadata).toEqual({ colour: 'blue' });
  expect(seen.$metadata.requestId).toMatch(/^[\w=]+$/);
});

test('a stream of unknown sum comes in chunks with a trailer, and nothing of the framing is kept', async () => {
  const text = 'x'.repeat(100_000);
  await put('streamed', Readable.from([Buffer.from(text)]), { ContentLength: text.length });
  expect(await read('streamed')).toBe(text);
  const seen = await s3.send(new HeadObjectCommand({ Bucket, Key: 'streamed' }));
  expect(seen).toMatchObject({ ContentLength: text.length });
  expect(seen.ContentEncoding).toBeUndefined();
});

test.each([
  ['crc32', { ChecksumCRC32: 'AAAAAA==' }],
  ['sha1', { ChecksumSHA1: 'AAAAAA==' }],
  ['sha256', { ChecksumSHA256: 'AAAAAA==' }],
])('a wrong %s is refused, and nothing is kept', async (_name, sum) => {
  expect(await s3Refusal(put('wrong-sum', 'content', sum))).toBe('400 BadDigest');
  expect(await s3Refusal(read('wrong-sum'))).toBe('404 NoSuchKey');
});

test.each([
  ['a sum that is not known here', { ChecksumAlgorithm: 'CRC64NVME', ChecksumCRC64NVME: 'AAAAAAAAAAA=' }],
  ['a condition of a write', { IfNoneMatch: '*' }],
  ['an owner to be checked', { ExpectedBucketOwner: '1' }],
  ['encryption', { ServerSideEncryption: 'AES256' }],
])('%s is refused by name', async (_name, more) => {
  expect(await s3Refusal(put('refused', 'content', more))).toBe('501 NotImplemented');
});

test('lists of the first and second version page through keys and common prefixes', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: `list-${running.own.appid}` }));
  const Bucket = `list-${running.own.appid}`;
  for (const Key of ['a', 'b/1', 'b/2', 'c', 'd/1'])
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
  const second: (string | undefined)[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket, Delimiter: '/', MaxKeys: 1, ContinuationToken }),
    );
    expect(page.KeyCount).toBe(1);
    second.push(...(page.Contents ?? []).map((object) => object.Key));
    second.push(...(page.CommonPrefixes ?? []).map((group) => group.Prefix));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  expect(second).toEqual(['a', 'b/', 'c', 'd/']);

  const after = await s3.send(new ListObjectsV2Command({ Bucket, StartAfter: 'b/2', FetchOwner: true }));
  expect(after.Contents?.map((object) => object.Key)).toEqual(['c', 'd/1']);
  expect(after.Contents?.[0]?.Owner?.ID).toBe(running.own.appid);
  const first = await s3.send(new ListObjectsCommand({ Bucket, Marker: 'b/2', MaxKeys: 1 }));
  expect(first).toMatchObject({ Contents: [{ Key: 'c' }], IsTruncated: true, NextMarker: 'c' });
  const wrong = s3.send(new ListObjectsV2Command({ Bucket, ContinuationToken: '!' }));
  expect(await s3Refusal(wrong)).toBe('400 InvalidArgument');
});

test('versions, markers and their deletion', async () => {
  const Bucket = `versions-${running.own.appid}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe('Enabled');
  const written = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'one' }));
  expect(written.VersionId).toMatch(/^MTg/);
  const removed = await s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
  expect(removed.DeleteMarker).toBe(true);
  const listed = await s3.send(new ListObjectVersionsCommand({ Bucket }));
  expect(listed.Versions).toMatchObject([{ Key: 'k', VersionId: written.VersionId, IsLatest: false }]);
  expect(listed.DeleteMarkers).toMatchObject([{ Key: 'k', VersionId: removed.VersionId, IsLatest: true }]);

  const Objects = [removed.VersionId, written.VersionId].map((VersionId) => ({ Key: 'k', VersionId }));
  const gone = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  expect(gone.Deleted?.map(({ VersionId }) => VersionId)).toEqual([removed.VersionId, written.VersionId]);
  expect((await s3.send(new ListObjectVersionsCommand({ Bucket }))).Versions).toBeUndefined();
});

test('a copy says which version it is of, and which one it made', async () => {
  const Bucket = `copied-${running.own.appid}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  const old = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'old' }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'new' }));
  const CopySource = `${Bucket}/k?versionId=${old.VersionId}`;
  const copy = await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource }));
  expect(copy.CopySourceVersionId).toBe(old.VersionId);
  const made = await s3.send(new GetObjectCommand({ Bucket, Key: 'copy', VersionId: copy.VersionId }));
  expect([made.VersionId, await made.Body?.transformToString()]).toEqual([copy.VersionId, 'old']);
});

test('a copy keeps or replaces metadata and tags', async () => {
  await put('source ä', 'content', { Metadata: { colour: 'red' }, Tagging: 'a=b' });
  const CopySource = `/${Bucket}/${encodeURIComponent('source ä')}`;
  const copy = (Key: string, more: object = {}) =>
    s3.send(new CopyObjectCommand({ Bucket, Key, CopySource, ...more }));
  expect((await copy('kept')).CopyObjectResult?.ETag).toBe('"9a0364b9e99bb480dd25e1f0284c8555"');
  await copy('replaced', {
    MetadataDirective: 'REPLACE',
    Metadata: { colour: 'blue' },
    TaggingDirective: 'REPLACE',
  });
  const metadata = async (Key: string) => (await s3.send(new HeadObjectCommand({ Bucket, Key }))).Metadata;
  const tags = async (Key: string) => (await s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet;
  expect(await metadata('kept')).toEqual({ colour: 'red' });
  expect(await tags('kept')).toEqual([{ Key: 'a', Value: 'b' }]);
  expect(await metadata('replaced')).toEqual({ colour: 'blue' });
  expect(await tags('replaced')).toEqual([]);
  await s3.send(
    new PutObjectTaggingCommand({ Bucket, Key: 'replaced', Tagging: { TagSet: [{ Key: 'c', Value: 'd' }] } }),
  );
  expect(await tags('replaced')).toEqual([{ Key: 'c', Value: 'd' }]);
});

test('an upload in parts, one of them copied', async () => {
  await put('part-source', 'y'.repeat(10));
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'big' }));
  const upload = { Bucket, Key: 'big', UploadId };
  const big = 'x'.repeat(1024 * 1024);
  const first = await s3.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: big }));
  const second = await s3.send(
    new UploadPartCopyCommand({
      ...upload,
      PartNumber: 2,
      CopySource: `${Bucket}/part-source`,
      CopySourceRange: 'bytes=0-4',
    }),
  );
  const uploads = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
  expect(uploads.Uploads).toMatchObject([{ Key: 'big', UploadId }]);
  const parts = await s3.send(new ListPartsCommand(upload));
  expect(parts.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
    [1, big.length],
    [2, 5],
  ]);
  const Parts = [first.ETag, second.CopyPartResult?.ETag].map((ETag, i) => ({ PartNumber: i + 1, ETag }));
  const whole = await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
  expect(whole.ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
  expect(await read('big')).toBe(`${big}yyyyy`);

  const other = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'aborted' }));
  const aborted = { Bucket, Key: 'aborted', UploadId: other.UploadId };
  await s3.send(new AbortMultipartUploadCommand(aborted));
  expect(await s3Refusal(s3.send(new ListPartsCommand(aborted)))).toBe('404 NoSuchUpload');
});

test('buckets, their region, and reads of a part', async () => {
  const { Buckets = [] } = await s3.send(new ListBucketsCommand());
  expect(Buckets.map(({ Name }) => Name)).toContain(Bucket);
  expect((await s3.send(new HeadBucketCommand({ Bucket }))).BucketRegion).toBe('ap-guangzhou');
  const { LocationConstraint } = await s3.send(new GetBucketLocationCommand({ Bucket }));
  expect(LocationConstraint).toBe('ap-guangzhou');
  await put('ranged', '0123456789');
  expect(await read('ranged', { Range: 'bytes=2-4' })).toBe('234');
  expect(await s3Refusal(read('ranged', { IfMatch: '"no"' }))).toBe('412 PreconditionFailed');
});

test('errors have names that the SDK reads', async () => {
  expect(await s3Refusal(read('missing'))).toBe('404 NoSuchKey');
  expect(await s3Refusal(s3.send(new HeadObjectCommand({ Bucket, Key: 'missing' })))).toBe('404 NotFound');
  const elsewhere = s3.send(new ListObjectsCommand({ Bucket: `no-${running.own.appid}` }));
  expect(await s3Refusal(elsewhere)).toBe('404 NoSuchBucket');
});

describe('signatures', () => {
  const call = async (keys: { secretId: string; secretKey: string; token?: string }): Promise<string> => {
    const client = s3At(running, 'ap-guangzhou', keys);
    const answer = await s3Refusal(client.send(new PutObjectCommand({ Bucket, Key: 'signed', Body: 'x' })));
    client.destroy();
    return answer;
  };

  test('of another key, a wrong secret, a temporary key with and without its token', async () => {
    const { secretId, secretKey, token } = running.cos.issueTemporaryKey(running.own, {
      name: 't',
      seconds: 60,
    });
    expect(await call({ ...running.own, secretId: 'AKIDnone' })).toBe('403 InvalidAccessKeyId');
    expect(await call({ ...running.own, secretKey: 'wrong' })).toBe('403 SignatureDoesNotMatch');
    expect(await call({ secretId, secretKey })).toBe('403 InvalidAccessKeyId');
    expect(await call({ secretId, secretKey, token })).toBe('not refused');
    expect(await call(running.other)).toBe('403 AccessDenied');
  });

  async function presigned(command: PutObjectCommand | GetObjectCommand, seconds = 60) {
    const url = new URL(await getSignedUrl(s3, command, { expiresIn: seconds }));
    return (method: string, body?: string, query = '') =>
      raw(
        running,
        { bucket: Bucket, region: 'ap-guangzhou' },
        method,
        `${url.pathname}${url.search}${query}`,
        {
          sign: false,
          headers: { Host: url.host },
          ...(body === undefined ? {} : { body }),
        },
      );
  }

  test('presigned URLs are for one method, one time, and what they name', async () => {
    await put('presigned', 'content');
    const ask = await presigned(new GetObjectCommand({ Bucket, Key: 'presigned' }));
    expect(await ask('GET')).toMatchObject({ status: 200, body: 'content' });
    expect(await ask('DELETE')).toMatchObject({ status: 403 });
    expect(await ask('GET', undefined, '&versionId=null')).toMatchObject({ status: 403 });
    const long = await presigned(new GetObjectCommand({ Bucket, Key: 'presigned' }), 604_800);
    expect(await long('GET')).toMatchObject({ status: 200 });
  });
});
