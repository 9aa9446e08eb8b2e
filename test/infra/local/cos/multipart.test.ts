import { readdirSync } from 'node:fs';
import path from 'node:path';
import type COS from 'cos-nodejs-sdk-v5';
import { createCRC64 } from 'hash-wasm';
import type { BucketRef } from '../../../../lib/domain/rule';
import { at, eventsOf, newBucket, raw, refusal, removeVersion, type RunningCos, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

const mib = 1024 * 1024;

/** Bytes that differ from place to place. */
function bytes(size: number, seed = 1): Buffer {
  const made = Buffer.alloc(size);
  for (let i = 0; i < size; i += 1) made[i] = (i * 31 + (i >> 8) * 7 + seed * 101) & 0xff;
  return made;
}

async function crc64Of(content: Buffer): Promise<string> {
  const crc = (await createCRC64()).init().update(content);
  return BigInt(`0x${crc.digest('hex')}`).toString();
}

async function begin(ref: BucketRef, key = 'a', more: object = {}): Promise<string> {
  return (await running.sdk.multipartInit({ ...at(ref, key), ...more })).UploadId;
}

async function upload(ref: BucketRef, UploadId: string, PartNumber: number, Body: Buffer, key = 'a') {
  return (await running.sdk.multipartUpload({ ...at(ref, key), UploadId, PartNumber, Body })).ETag;
}

function complete(
  ref: BucketRef,
  UploadId: string,
  Parts: { PartNumber: number; ETag: string }[],
  key = 'a',
) {
  return running.sdk.multipartComplete({ ...at(ref, key), UploadId, Parts });
}

/** Files of bodies on disk, in all buckets. */
function filesOnDisk(): number {
  const found = readdirSync(path.join(running.dataDir, 'bodies'), { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).length;
}

test('the SDK’s sliced upload becomes one object with all that was asked for it', async () => {
  const ref = await newBucket(running);
  const body = bytes(5 * mib + 17);
  const { writeFileSync, rmSync } = await import('node:fs');
  const file = path.join(running.dataDir, '..', `upload-${process.pid}.bin`);
  writeFileSync(file, body);
  try {
    const done = await running.sdk.sliceUploadFile({
      ...at(ref, 'dir/a b'),
      FilePath: file,
      ChunkSize: mib,
      StorageClass: 'STANDARD_IA',
      Headers: { 'x-cos-meta-who': 'me', 'x-cos-tagging': 'k=v', 'x-cos-acl': 'public-read' },
    } as COS.SliceUploadFileParams);
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-6"$/);
    expect(done.Location).toContain('dir/a%20b');
  } finally {
    rmSync(file);
  }
  const got = await running.sdk.getObject(at(ref, 'dir/a b'));
  expect(got.Body.equals(body)).toBe(true);
  expect(got.headers).toMatchObject({
    'x-cos-hash-crc64ecma': await crc64Of(body),
    'x-cos-storage-class': 'STANDARD_IA',
    'x-cos-meta-who': 'me',
    'x-cos-tagging-count': '1',
  });
  expect((await running.sdk.getObjectAcl(at(ref, 'dir/a b'))).headers).toMatchObject({
    'x-cos-acl': 'public-read',
  });
});

test('parts are read across their borders, and a part that is uploaded again is replaced', async () => {
  const ref = await newBucket(running);
  const id = await begin(ref);
  const [one, two, three] = [bytes(mib, 1), bytes(mib, 2), bytes(100, 3)];
  await upload(ref, id, 1, bytes(mib, 9));
  const first = await upload(ref, id, 1, one);
  const second = await upload(ref, id, 2, two);
  const third = await upload(ref, id, 3, three);
  const done = await complete(ref, id, [
    { PartNumber: 1, ETag: first },
    { PartNumber: 2, ETag: second },
    { PartNumber: 3, ETag: third },
  ]);
  const whole = Buffer.concat([one, two, three]);
  expect(done.headers).toMatchObject({ 'x-cos-hash-crc64ecma': await crc64Of(whole) });
  expect(done.headers?.['x-cos-version-id']).toMatch(/^MTg0/);
  for (const [from, to] of [
    [mib - 3, mib + 2],
    [mib, mib],
    [mib - 1, 2 * mib + 50],
    [2 * mib + 99, 2 * mib + 99],
  ] as const) {
    const part = await running.sdk.getObject({ ...at(ref, 'a'), Range: `bytes=${from}-${to}` });
    expect(part.Body.equals(whole.subarray(from, to + 1))).toBe(true);
  }
});

test('the same parts completed twice have another ETag each time', async () => {
  const ref = await newBucket(running);
  const etags = [];
  for (let i = 0; i < 2; i += 1) {
    const id = await begin(ref);
    const ETag = await upload(ref, id, 1, bytes(10));
    etags.push((await complete(ref, id, [{ PartNumber: 1, ETag }])).ETag);
  }
  expect(new Set(etags).size).toBe(2);
});

test('what does not fit together is refused with COS’s codes, and the upload stays', async () => {
  const ref = await newBucket(running);
  const id = await begin(ref);
  const small = await upload(ref, id, 1, bytes(10));
  const other = await upload(ref, id, 2, bytes(10));
  const third = await upload(ref, id, 3, bytes(10));
  const refused = (...parts: [number, string][]) =>
    refusal(
      complete(
        ref,
        id,
        parts.map(([PartNumber, ETag]) => ({ PartNumber, ETag })),
      ),
    );
  expect(await refused([1, small], [2, other])).toBe('400 EntityTooSmall');
  expect(await refused([2, other], [1, small])).toBe('400 InvalidPartOrder');
  expect(await refused([1, small], [1, small])).toBe('400 InvalidPartOrder');
  expect(await refused([1, small], [3, third])).toBe('400 InvalidPart');
  expect(await refused([1, '"ffffffffffffffffffffffffffffffff"'])).toBe('400 InvalidPart');
  expect(await refused([4, small])).toBe('400 InvalidPart');
  expect(await refusal(complete(ref, 'nonsense', [{ PartNumber: 1, ETag: small }]))).toBe('404 NoSuchUpload');
  const malformed = await raw(running, ref, 'POST', `/a?uploadId=${id}`, { body: '<a/>' });
  expect(malformed.body).toContain('<Code>MalformedXML</Code>');
  expect(await refusal(running.sdk.headObject(at(ref, 'a')))).toBe('404 404');
  expect((await complete(ref, id, [{ PartNumber: 1, ETag: small }])).ETag).toMatch(/-1"$/);
  expect(await refusal(upload(ref, id, 1, bytes(1)))).toBe('404 NoSuchUpload');
});

test.each(['0', '10001', 'x', ''])('the part number %p is refused', async (number) => {
  const ref = await newBucket(running);
  const id = await begin(ref);
  const answer = await raw(running, ref, 'PUT', `/a?partNumber=${number}&uploadId=${id}`, { body: 'x' });
  expect(answer.body).toContain('<Code>InvalidArgument</Code>');
});

test('an aborted upload leaves no file, and neither does a completed one that is deleted', async () => {
  const ref = await newBucket(running);
  const before = filesOnDisk();
  const aborted = await begin(ref);
  await upload(ref, aborted, 1, bytes(10_000));
  await upload(ref, aborted, 2, bytes(10_000));
  expect(filesOnDisk()).toBe(before + 2);
  await running.sdk.multipartAbort({ ...at(ref, 'a'), UploadId: aborted });
  expect(filesOnDisk()).toBe(before);
  expect(await refusal(running.sdk.multipartAbort({ ...at(ref, 'a'), UploadId: aborted }))).toBe(
    '404 NoSuchUpload',
  );

  const id = await begin(ref);
  const kept = await upload(ref, id, 1, bytes(10_000));
  await upload(ref, id, 2, bytes(10_000));
  const { VersionId } = (await complete(ref, id, [{ PartNumber: 1, ETag: kept }])) as { VersionId?: string };
  expect(filesOnDisk()).toBe(before + 1);
  await removeVersion(running, ref, 'a', VersionId ?? '');
  expect(filesOnDisk()).toBe(before);
});

test('a copied part shares bytes of the source, which may be deleted before the upload is complete', async () => {
  const ref = await newBucket(running);
  const far = await newBucket(running, 'Enabled', 'ap-shanghai');
  const before = filesOnDisk();
  const body = bytes(3 * mib);
  const put = await running.sdk.putObject({ ...at(ref, 'src é'), Body: body });
  const versionId = String(put.headers?.['x-cos-version-id']);
  const CopySource = `${ref.bucket}.cos.${ref.region}.myqcloud.com/src%20%C3%A9?versionId=${versionId}`;
  const id = await begin(far);
  const copied = [];
  for (const [PartNumber, CopySourceRange] of [
    [1, `bytes=5-${mib + 4}`],
    [2, `bytes=${mib + 5}-${3 * mib - 1}`],
  ] as const) {
    const part = await running.sdk.uploadPartCopy({
      ...at(far, 'a'),
      UploadId: id,
      PartNumber,
      CopySource,
      CopySourceRange,
    } as COS.UploadPartCopyParams);
    expect(part.headers).toMatchObject({ 'x-cos-copy-source-version-id': versionId });
    copied.push({ PartNumber, ETag: part.ETag });
  }
  await removeVersion(running, ref, 'src é', versionId);
  expect(filesOnDisk()).toBe(before + 1);
  await complete(far, id, copied);
  const got = await running.sdk.getObject(at(far, 'a'));
  expect(got.Body.equals(body.subarray(5))).toBe(true);
  expect(got.headers).toMatchObject({ 'x-cos-hash-crc64ecma': await crc64Of(body.subarray(5)) });
  await removeVersion(running, far, 'a', String(got.headers?.['x-cos-version-id']));
  expect(filesOnDisk()).toBe(before);
});

test('a multipart object is copied whole and part by part', async () => {
  const ref = await newBucket(running);
  const id = await begin(ref);
  const [one, two] = [bytes(mib, 1), bytes(mib, 2)];
  const ETag1 = await upload(ref, id, 1, one);
  const ETag2 = await upload(ref, id, 2, two);
  await complete(ref, id, [
    { PartNumber: 1, ETag: ETag1 },
    { PartNumber: 2, ETag: ETag2 },
  ]);
  const CopySource = `${ref.bucket}.cos.${ref.region}.myqcloud.com/a`;
  await running.sdk.putObjectCopy({ ...at(ref, 'b'), CopySource });
  await running.sdk.sliceCopyFile({
    ...at(ref, 'c'),
    CopySource,
    CopySliceSize: mib,
    ChunkSize: mib,
  } as never);
  const whole = Buffer.concat([one, two]);
  for (const key of ['b', 'c'])
    expect((await running.sdk.getObject(at(ref, key))).Body.equals(whole)).toBe(true);
});

test('a range that the source does not have is refused', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'src'), Body: 'x'.repeat(10) });
  const id = await begin(ref);
  const host = `${ref.bucket}.cos.${ref.region}.myqcloud.com`;
  const copy = (range: string) =>
    raw(running, ref, 'PUT', `/a?partNumber=1&uploadId=${id}`, {
      headers: {
        'x-cos-copy-source': `${host}/src`,
        'x-cos-copy-source-range': range,
        'Content-Length': '0',
      },
    });
  expect((await copy('bytes=5-10')).body).toContain('<Code>InvalidRange</Code>');
  expect((await copy('bytes=5')).body).toContain('<Code>InvalidArgument</Code>');
});

test('parts are listed in pages, in the order of their numbers', async () => {
  const ref = await newBucket(running);
  const id = await begin(ref, 'a b');
  for (const number of [10, 2, 1]) await upload(ref, id, number, bytes(number), 'a b');
  const page = (more: object) =>
    running.sdk.multipartListPart({ ...at(ref, 'a b'), UploadId: id, MaxParts: '2', ...more } as never);
  const first = (await page({})) as unknown as {
    Part: { PartNumber: string; Size: string }[];
    IsTruncated: string;
    NextPartNumberMarker: string;
  };
  expect(first.Part.map((part) => [part.PartNumber, part.Size])).toEqual([
    ['1', '1'],
    ['2', '2'],
  ]);
  expect([first.IsTruncated, first.NextPartNumberMarker]).toEqual(['true', '2']);
  const second = (await page({ PartNumberMarker: '2' })) as unknown as typeof first;
  expect(second.Part.map((part) => part.PartNumber)).toEqual(['10']);
  expect(second.IsTruncated).toBe('false');
});

test('uploads are listed by key and time, in pages and groups', async () => {
  const ref = await newBucket(running);
  const ids = new Map<string, string>();
  for (const key of ['b', 'a/1', 'a/2', 'a']) ids.set(key, await begin(ref, key));
  interface Page {
    Upload: { Key: string; UploadId: string }[];
    /** The SDK takes a list of one for its entry. */
    CommonPrefixes: { Prefix: string };
    IsTruncated: string;
    NextKeyMarker: string;
    NextUploadIdMarker: string;
  }
  const list = async (more: object): Promise<Page> =>
    (await running.sdk.multipartList({ Bucket: ref.bucket, Region: ref.region, ...more } as never)) as never;
  expect((await list({})).Upload.map(({ Key, UploadId }) => [Key, UploadId])).toEqual(
    ['a', 'a/1', 'a/2', 'b'].map((key) => [key, ids.get(key)]),
  );
  const grouped = await list({ Delimiter: '/' });
  expect(grouped.Upload.map(({ Key }) => Key)).toEqual(['a', 'b']);
  expect(grouped.CommonPrefixes).toEqual({ Prefix: 'a/' });
  const seen: string[] = [];
  for (let marker: object = {}; ;) {
    const page = await list({ MaxUploads: '1', ...marker });
    seen.push(...page.Upload.map(({ Key }) => Key));
    if (page.IsTruncated !== 'true') break;
    marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
  expect(seen).toEqual(['a', 'a/1', 'a/2', 'b']);
});

test('a bucket with an upload under way is not empty', async () => {
  const ref = await newBucket(running);
  const id = await begin(ref);
  const where = { Bucket: ref.bucket, Region: ref.region };
  expect(await refusal(running.sdk.deleteBucket(where))).toBe('409 BucketNotEmpty');
  await running.sdk.multipartAbort({ ...at(ref, 'a'), UploadId: id });
  expect(await refusal(running.sdk.deleteBucket(where))).toBe('not refused');
});

test('the event is of a completed upload, one for all parts', async () => {
  const ref = await newBucket(running);
  const id = await begin(ref);
  const ETag = await upload(ref, id, 1, bytes(10));
  await complete(ref, id, [{ PartNumber: 1, ETag }]);
  expect(await eventsOf(running, ref)).toEqual(['cos:ObjectCreated:CompleteMultipartUpload']);
});

test('after a suspension a completed upload is the null version, and says so', async () => {
  const ref = await newBucket(running, 'Suspended');
  const id = await begin(ref);
  const ETag = await upload(ref, id, 1, bytes(10));
  const done = await complete(ref, id, [{ PartNumber: 1, ETag }]);
  expect(done.headers?.['x-cos-version-id']).toBe('null');
});

test('a download goes on over parts whose object is deleted meanwhile', async () => {
  const ref = await newBucket(running, 'never');
  const id = await begin(ref);
  const parts = [];
  for (let number = 1; number <= 8; number += 1) {
    parts.push({ PartNumber: number, ETag: await upload(ref, id, number, bytes(mib, number)) });
  }
  await complete(ref, id, parts);
  const before = filesOnDisk();
  const url = running.sdk.getObjectUrl({ ...at(ref, 'a'), Sign: true }, () => {});
  const { request } = await import('node:http');
  const { pathname, search, host } = new URL(url);
  const size = await new Promise<number>((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: running.port,
      path: pathname + search,
      headers: { Host: host },
    };
    request(options, (response) => {
      let read = 0;
      response.once('data', () => {
        response.pause();
        void running.sdk.deleteObject(at(ref, 'a')).then(() => response.resume(), reject);
      });
      response.on('data', (chunk: Buffer) => (read += chunk.length));
      response.on('end', () => resolve(read));
      response.on('error', reject);
    })
      .on('error', reject)
      .end();
  });
  expect(size).toBe(8 * mib);
  // Removed once nobody reads them.
  for (let i = 0; i < 100 && filesOnDisk() > before - 8; i += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(filesOnDisk()).toBe(before - 8);
});
