import { readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { request as send } from 'node:http';
import path from 'node:path';
import { type CosErrorCode, cosErrors } from '../../../../infra/local/cos/cos-error';
import type { BucketRef } from '../../../../lib/domain/rule';
import { formOf } from './form';
import { hostOf, newBucket, raw, type RunningCos, sdkAt, signed, startCos } from './harness';

/**
 * Every code of the closed list is raised here, over the wire. A code without a way to raise it does not compile; one
 * whose way raises another fails.
 */
let running: RunningCos;
let ref: BucketRef;
let plain: BucketRef;
let foreign: BucketRef;
let temporary: { secretId: string; secretKey: string; token: string };
beforeAll(async () => {
  running = await startCos({ restoreMs: 3_600_000 });
  ref = await newBucket(running);
  plain = await newBucket(running, 'never');
  temporary = running.cos.issueTemporaryKey(running.own, { name: 'gone', seconds: -1 });
  for (const bucket of [ref, plain]) await raw(running, bucket, 'PUT', '/a', { body: 'content' });
  foreign = { bucket: `foreign-${running.other.appid}`, region: 'ap-shanghai' };
  await raw(running, foreign, 'PUT', '/', { as: running.other, body: '' });
  await raw(running, ref, 'PUT', '/archived', { body: 'x', headers: { 'x-cos-storage-class': 'ARCHIVE' } });
});
afterAll(() => running.close());

const put = (target: string, headers: Record<string, string> = {}, body = 'x', to = ref) =>
  raw(running, to, 'PUT', target, { headers, body });
const get = (target: string, headers: Record<string, string> = {}, to = ref) =>
  raw(running, to, 'GET', target, { headers });
const post = (target: string, body = '', to = ref) => raw(running, to, 'POST', target, { body });
const own = (name: string): BucketRef => ({
  bucket: `${name}-${running.own.appid}`,
  region: 'ap-guangzhou',
});

async function replicate(rules: readonly string[], from = ref, secretKeyOf = running.own) {
  const role = `<Role>qcs::cam::uin/${running.own.uin}:uin/${running.own.uin}</Role>`;
  const body = `<ReplicationConfiguration>${role}${rules.join('')}</ReplicationConfiguration>`;
  return raw(running, from, 'PUT', '/?replication', { body, as: secretKeyOf });
}

const rule = (to: string, prefix = '') =>
  `<Rule><Status>Enabled</Status><Prefix>${prefix}</Prefix><Destination><Bucket>${to}</Bucket></Destination></Rule>`;
const qcs = ({ bucket, region }: BucketRef) => `qcs::cos:${region}::${bucket}`;

async function begin(to = ref): Promise<string> {
  const { body } = await raw(running, to, 'POST', '/m?uploads');
  return /<UploadId>(.*?)</.exec(body)?.[1] ?? '';
}

async function completeWith(parts: readonly (readonly [number, string])[]) {
  const id = await begin();
  const etags = new Map<number, string>();
  for (const [number] of parts) {
    const part = await put(`/m?partNumber=${number}&uploadId=${id}`);
    etags.set(number, String(part.headers.etag));
  }
  const listed = parts.map(
    ([number, etag]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${etag || etags.get(number)}</ETag></Part>`,
  );
  return post(`/m?uploadId=${id}`, `<CompleteMultipartUpload>${listed.join('')}</CompleteMultipartUpload>`);
}

/** A request whose headers alone are refused. */
function headersOnly(target: string, headers: Record<string, string>): Promise<{ body: string }> {
  return new Promise((resolve, reject) => {
    const Authorization = signed(running, ref, 'PUT', target);
    const request = send(
      {
        host: '127.0.0.1',
        port: running.port,
        method: 'PUT',
        path: target,
        headers: { Host: hostOf(ref), Authorization, ...headers },
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => {
          resolve({ body });
          request.destroy();
        });
      },
    );
    request.on('error', reject);
    // Otherwise Node would announce chunks.
    request.useChunkedEncodingByDefault = false;
    request.flushHeaders();
  });
}

const restore = (days: number, key = 'archived') =>
  post(`/${key}?restore`, `<RestoreRequest><Days>${days}</Days></RestoreRequest>`);

const ways: Record<CosErrorCode, () => Promise<{ readonly body: string }>> = {
  AccessDenied: () => raw(running, ref, 'GET', '/a', { sign: false }),
  AccessForbidden: () =>
    raw(running, ref, 'OPTIONS', '/a', { sign: false, headers: { Origin: 'https://example.com' } }),
  AppendPositionErr: () => post('/log?append&position=7', 'x'),
  AttachmentFull: () =>
    put(
      '/a?acl',
      { 'x-cos-grant-read': Array.from({ length: 101 }, (_, i) => `id="${i + 1}"`).join(',') },
      '',
    ),
  BadDigest: () => put('/b', { 'Content-MD5': 'mQ/fVh815F3k6TAUm8m0eg==' }),
  BucketAlreadyOwnedByYou: () => put('/', {}, ''),
  BucketNotEmpty: () => raw(running, ref, 'DELETE', '/'),
  BucketVersionNotOpen: async () => replicate([rule(qcs(plain))]),
  EntityTooLarge: () => headersOnly('/big', { 'Content-Length': String(5 * 1024 ** 3 + 1) }),
  EntityTooSmall: () =>
    completeWith([
      [1, ''],
      [2, ''],
    ]),
  ExpiredToken: () =>
    raw(running, ref, 'GET', '/a', {
      as: temporary,
      headers: { 'x-cos-security-token': temporary.token },
    }),
  FileAlreadyExists: () => put('/a', { 'x-cos-forbid-overwrite': 'true' }, 'y', plain),
  IncorrectNumberOfFilesInPostRequest: async () => {
    const { headers, body } = formOf({ key: 'f' }, []);
    return raw(running, ref, 'POST', '/', { headers, body, sign: false });
  },
  InternalError: async () => {
    // More than the index holds of a body.
    const body = 'broken'.repeat(2_000);
    await put('/broken', {}, body);
    const bodies = path.join(running.dataDir, 'bodies');
    const files = readdirSync(bodies, { recursive: true, withFileTypes: true });
    const file = files
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .find((name) => readFileSync(name, 'utf8') === body);
    rmSync(file ?? '');
    symlinkSync(file ?? '', file ?? '');
    return get('/broken');
  },
  InvalidAccessKeyId: () =>
    raw(running, ref, 'GET', '/a', { as: { secretId: 'AKIDnobody', secretKey: 'x' } }),
  InvalidArgument: () => get('/?max-keys=many'),
  InvalidBucketName: () => put('/', {}, '', own('a-')),
  InvalidBucketState: async () => {
    const far = await newBucket(running, 'Enabled', 'ap-shanghai');
    const source = await newBucket(running);
    expect((await replicate([rule(qcs(far))], source)).status).toBe(200);
    const body = '<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>';
    return put('/?versioning', {}, body, source);
  },
  InvalidCopySource: () => put('/b', { 'x-cos-copy-source': 'nowhere' }, ''),
  InvalidDigest: () => put('/b', { 'Content-MD5': 'nonsense' }),
  InvalidObjectState: () => get('/archived'),
  InvalidPart: () => completeWith([[1, 'ffffffffffffffffffffffffffffffff']]),
  InvalidPartOrder: () =>
    completeWith([
      [2, ''],
      [1, ''],
    ]),
  InvalidPolicyDocument: async () => {
    const { headers, body } = formOf({ key: 'f' }, ['x'], running.own, 'no policy');
    return raw(running, ref, 'POST', '/', { headers, body, sign: false });
  },
  InvalidRange: () => get('/a', { Range: 'bytes=100-200' }),
  InvalidTag: () =>
    put('/?tagging', {}, '<Tagging><TagSet><Tag><Key>?</Key><Value>v</Value></Tag></TagSet></Tagging>'),
  InvalidURI: () => put('/%1A'),
  KeyTooLong: () => put(`/${'a'.repeat(851)}`),
  MalformedPOSTRequest: () => post('/', 'x'),
  MalformedPolicy: () => put('/?policy', {}, '{}'),
  MalformedXML: () => put('/?versioning', {}, '<a/>'),
  MAZOperationNotSupportOnOAZBucket: () => put('/b', { 'x-cos-storage-class': 'MAZ_STANDARD' }),
  MethodNotAllowed: () => raw(running, { bucket: 'service', region: '' }, 'PUT', '/'),
  MissingContentLength: () => headersOnly('/b', {}),
  MultiBucketNotSupport: async () => {
    const far = [
      await newBucket(running, 'Enabled', 'ap-shanghai'),
      await newBucket(running, 'Enabled', 'ap-shanghai'),
    ];
    return replicate(far.map((to, i) => rule(qcs(to), `p${i}/`)));
  },
  NoSuchBucket: () => get('/a', {}, own('absent')),
  NoSuchCORSConfiguration: () => get('/?cors'),
  NoSuchKey: () => get('/absent'),
  NoSuchLifecycleConfiguration: () => get('/?lifecycle'),
  NoSuchPolicy: () => get('/?policy'),
  NoSuchTagSet: () => get('/?tagging'),
  NoSuchUpload: () => put('/a?partNumber=1&uploadId=absent'),
  NoSuchVersion: () => get('/a?versionId=absent'),
  NotImplemented: () => get('/?website'),
  NotSupportedStorageClass: () => put('/b', { 'x-cos-storage-class': 'COLD' }),
  OAZOperationNotSupportOnMAZBucket: async () => {
    const maz = own('maz');
    const wanted =
      '<CreateBucketConfiguration><BucketAZConfig>MAZ</BucketAZConfig></CreateBucketConfiguration>';
    await put('/', {}, wanted, maz);
    return put('/b', { 'x-cos-storage-class': 'STANDARD' }, 'x', maz);
  },
  ObjectNotAppendable: () => post('/a?append&position=7', 'x'),
  PreconditionFailed: () => get('/a', { 'If-Match': '"other"' }),
  ReplicationConfigurationnotFoundError: () => get('/?replication'),
  RequestTimeTooSkewed: () => {
    const start = Math.floor(Date.now() / 1000) + 3600;
    return raw(running, ref, 'GET', '/a', { keyTime: `${start};${start + 60}` });
  },
  RestoreAlreadyInProgress: async () => {
    await restore(1);
    return restore(2);
  },
  RestoreNonArchiveObject: () => restore(1, 'a'),
  SignatureDoesNotMatch: () =>
    raw(running, ref, 'GET', '/a', { as: { ...running.own, secretKey: 'another' } }),
  TargetBucketNameInvalid: () => replicate([rule('nowhere')]),
  TooManyBuckets: async () => {
    const sdk = sdkAt(running.port, running.other);
    const Region = 'ap-guangzhou';
    for (let i = 0; i < 199; i += 1)
      await sdk.putBucket({ Bucket: `many${i}-${running.other.appid}`, Region });
    const last = { bucket: `many-${running.other.appid}`, region: Region };
    return raw(running, last, 'PUT', '/', { as: running.other, body: '' });
  },
  UserNotSourceBucketOwner: async () => {
    const policy = JSON.stringify({
      version: '2.0',
      statement: [
        {
          effect: 'allow',
          principal: { qcs: [`qcs::cam::uin/${running.other.uin}:uin/${running.other.uin}`] },
          action: ['name/cos:PutBucketReplication'],
          resource: ['*'],
        },
      ],
    });
    const source = await newBucket(running);
    expect((await put('/?policy', {}, policy, source)).status).toBe(204);
    return replicate([rule(qcs(plain))], source, running.other);
  },
  UserNotTargetBucketOwner: () => replicate([rule(qcs(foreign))]),
};

test.each(Object.keys(cosErrors) as CosErrorCode[])('%s is raised over the wire', async (code) => {
  const { body } = await ways[code]();
  expect(/<Code>(.*?)<\/Code>/.exec(body)?.[1]).toBe(code);
});
