import type { BucketRef } from '../../../../lib/domain/rule';
import { formOf } from './form';
import { at, newBucket, raw, type RawAnswer, type RunningCos, setVersioning, startCos } from './harness';

let running: RunningCos;
let source: BucketRef;
beforeAll(async () => {
  running = await startCos();
  source = await newBucket(running, 'never');
  await running.sdk.putObject({ ...at(source, 'source'), Body: content });
});
afterAll(() => running.close());

/** COS's own samples of a sum and its content. https://www.tencentcloud.com/document/product/436/34078 */
const content = '[Object Content]';
const crc64 = '16749565679157681890';

/** Writes the content under the key `a`; the last answer that an error may be in, or a sum. */
type Write = (ref: BucketRef, headers: Record<string, string>) => Promise<RawAnswer>;

const multipart =
  (guarded: 'begin' | 'end'): Write =>
  async (ref, headers) => {
    const begun = await raw(running, ref, 'POST', '/a?uploads', guarded === 'begin' ? { headers } : {});
    const [, id] = /<UploadId>(\w+)</.exec(begun.body) ?? [];
    if (id === undefined) return begun;
    const part = await raw(running, ref, 'PUT', `/a?partNumber=1&uploadId=${id}`, { body: content });
    const body =
      '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>' +
      `<ETag>${part.headers.etag ?? ''}</ETag></Part></CompleteMultipartUpload>`;
    return raw(running, ref, 'POST', `/a?uploadId=${id}`, {
      ...(guarded === 'end' ? { headers } : {}),
      body,
    });
  };

const writes: readonly (readonly [string, Write])[] = [
  ['PUT', (ref, headers) => raw(running, ref, 'PUT', '/a', { headers, body: content })],
  [
    'a form',
    (ref, fields) => {
      const form = formOf({ key: 'a', ...fields }, [content], running.own);
      return raw(running, ref, 'POST', '/', { ...form, sign: false });
    },
  ],
  [
    'a copy',
    (ref, more) => {
      const headers = {
        'x-cos-copy-source': `${source.bucket}.cos.${source.region}.myqcloud.com/source`,
        ...more,
      };
      return raw(running, ref, 'PUT', '/a', { headers });
    },
  ],
  ['an upload that is guarded at its beginning', multipart('begin')],
  ['an upload that is guarded at its end', multipart('end')],
];

const versionsOf = async (ref: BucketRef): Promise<number> =>
  (await raw(running, ref, 'GET', '/?versions')).body.split('<Version>').length - 1;

test.each(writes)(
  '%s: forbid-overwrite protects in a bucket that never had versioning, and in no other',
  async (_name, write) => {
    const guard = { 'x-cos-forbid-overwrite': 'true' };
    const ref = await newBucket(running, 'never');
    expect((await write(ref, guard)).status).toBeLessThan(300);
    await running.sdk.putObject({ ...at(ref, 'a'), Body: 'another' });
    const refused = await write(ref, guard);
    expect([refused.status, refused.body]).toEqual([
      409,
      expect.stringContaining('<Code>FileAlreadyExists</Code>'),
    ]);
    expect((await running.sdk.getObject(at(ref, 'a'))).Body.toString()).toBe('another');
    // Only `true` forbids.
    expect((await write(ref, { 'x-cos-forbid-overwrite': 'false' })).status).toBeLessThan(300);

    await setVersioning(running, ref, 'Enabled');
    expect((await write(ref, guard)).status).toBeLessThan(300);
    expect(await versionsOf(ref)).toBe(2);
    await setVersioning(running, ref, 'Suspended');
    expect((await write(ref, guard)).status).toBeLessThan(300);
    // It took the place of the null version.
    expect(await versionsOf(ref)).toBe(2);
  },
);

test.each(writes)('%s: the sum is in the answer, and in those of HEAD and GET', async (_name, write) => {
  const ref = await newBucket(running);
  const answer = await write(ref, {});
  const [, inDocument] = /<CRC64>(\d+)</.exec(answer.body) ?? [];
  expect(answer.headers['x-cos-hash-crc64ecma'] ?? inDocument).toBe(crc64);
  for (const method of ['HEAD', 'GET'])
    expect((await raw(running, ref, method, '/a')).headers['x-cos-hash-crc64ecma']).toBe(crc64);
});
