import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { raw, type RunningCos, startCos } from '../harness';
import { s3At, s3Refusal } from './s3-client';

let running: RunningCos;
let s3: S3Client;
let Bucket: string;
let nowMs = 0;
const clients: S3Client[] = [];
beforeAll(async () => {
  running = await startCos({ now: () => nowMs });
});
beforeEach(async () => {
  nowMs = Date.now();
  s3 = client(running.own);
  Bucket = `presigned-${running.own.appid}`;
  await s3.send(new CreateBucketCommand({ Bucket })).catch(() => {});
});
afterAll(() => {
  for (const each of clients) each.destroy();
  return running.close();
});

function client(keys: Parameters<typeof s3At>[2]): S3Client {
  const made = s3At(running, 'ap-guangzhou', keys);
  clients.push(made);
  return made;
}

type Presignable = PutObjectCommand | GetObjectCommand | UploadPartCommand;

interface Asked {
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly edit?: (url: string) => string;
}

/** Asks as somebody would who was given nothing but the URL. */
async function presigned(command: Presignable, by = s3) {
  const url = new URL(await getSignedUrl(by, command as PutObjectCommand, { expiresIn: 60 }));
  return (method: string, { body = '', headers = {}, edit = (text) => text }: Asked = {}) =>
    raw(running, { bucket: Bucket, region: 'ap-guangzhou' }, method, edit(`${url.pathname}${url.search}`), {
      sign: false,
      headers: { Host: url.host, ...headers },
      body,
    });
}

const read = async (Key: string): Promise<string> => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return (await Body?.transformToString()) ?? '';
};

test('a URL to put takes any body, and the metadata that it names', async () => {
  const Metadata = { colour: 'red' };
  const ask = await presigned(new PutObjectCommand({ Bucket, Key: 'put', Metadata, Tagging: 'a=b' }));
  // The SDK signed the sum of an empty body, as it does by default.
  expect(await ask('PUT', { body: 'content', headers: { 'Content-Type': 'text/plain' } })).toMatchObject({
    status: 200,
  });
  expect(await read('put')).toBe('content');
  const seen = await s3.send(new HeadObjectCommand({ Bucket, Key: 'put' }));
  expect(seen).toMatchObject({ Metadata, ContentType: 'text/plain', TagCount: 1 });
});

test.each<[string, string, Asked, string]>([
  ['for another key', 'PUT', { edit: (url) => url.replace('/refused', '/other') }, 'SignatureDoesNotMatch'],
  [
    'with other metadata',
    'PUT',
    { edit: (url) => url.replace('colour=red', 'colour=blue') },
    'SignatureDoesNotMatch',
  ],
  ['for longer', 'PUT', { edit: (url) => url.replace('Expires=60', 'Expires=61') }, 'SignatureDoesNotMatch'],
  ['to delete', 'DELETE', { body: '' }, 'SignatureDoesNotMatch'],
  ['with a wrong digest', 'PUT', { headers: { 'Content-MD5': 'AAAAAAAAAAAAAAAAAAAAAA==' } }, 'BadDigest'],
])('a URL to put is refused %s', async (_name, method, asked, code) => {
  const ask = await presigned(new PutObjectCommand({ Bucket, Key: 'refused', Metadata: { colour: 'red' } }));
  expect((await ask(method, { body: 'content', ...asked })).body).toContain(`<Code>${code}</Code>`);
  expect(await s3Refusal(read('refused'))).toBe('404 NoSuchKey');
});

test('a URL ends with its time', async () => {
  const ask = await presigned(new PutObjectCommand({ Bucket, Key: 'late' }));
  nowMs += 61_000;
  const answer = await ask('PUT', { body: 'content' });
  expect([answer.status, answer.body]).toEqual([403, expect.stringContaining('Request has expired')]);
});

test('a part goes to a URL too', async () => {
  const upload = { Bucket, Key: 'parts' };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(upload));
  const ask = await presigned(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1 }));
  const { status, headers } = await ask('PUT', { body: 'part' });
  expect(status).toBe(200);
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: headers.etag }] };
  await s3.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload }));
  expect(await read('parts')).toBe('part');
});

test('a temporary key signs URLs whose token is in them, until it expires', async () => {
  const key = running.cos.issueTemporaryKey(running.own, { name: 'browser', seconds: 30 });
  const put = await presigned(new PutObjectCommand({ Bucket, Key: 'token' }), client(key));
  expect((await put('PUT', { body: 'content' })).status).toBe(200);
  expect(running.cos.requests.list().at(-1)).toMatchObject({ api: 'PutObject', caller: 'browser' });
  const get = await presigned(new GetObjectCommand({ Bucket, Key: 'token' }), client(key));
  expect(await get('GET')).toMatchObject({ status: 200, body: 'content' });
  // The token is signed with the rest of the URL.
  const withoutToken = (url: string): string => url.replace(/&X-Amz-Security-Token=[^&]*/, '');
  expect((await get('GET', { edit: withoutToken })).body).toContain('SignatureDoesNotMatch');
  const tokenless = await presigned(
    new GetObjectCommand({ Bucket, Key: 'token' }),
    client({ secretId: key.secretId, secretKey: key.secretKey }),
  );
  expect((await tokenless('GET')).body).toContain('<Code>InvalidAccessKeyId</Code>');
  nowMs += 31_000;
  expect((await get('GET')).body).toContain('<Code>ExpiredToken</Code>');
});
