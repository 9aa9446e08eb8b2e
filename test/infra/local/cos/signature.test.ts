import COS from 'cos-nodejs-sdk-v5';
import { checkSignature, signatureOf } from '../../../../infra/local/cos/signature';
import { at, newBucket, raw, refusal, type RunningCos, sdkAt, startCos } from './harness';

describe('the signature itself', () => {
  test('the documented vector', () => {
    const keyTime = '1557989151;1557996351';
    const headers = {
      date: 'Thu, 16 May 2019 06:45:51 GMT',
      host: 'examplebucket-1250000000.cos.ap-beijing.myqcloud.com',
      'content-type': 'text/plain',
      'content-length': '13',
      'content-md5': 'mQ/fVh815F3k6TAUm8m0eg==',
      'x-cos-acl': 'private',
      'x-cos-grant-read': 'uin="100000000011"',
    };
    const fields = { keyTime, signTime: keyTime, paramList: [], headerList: Object.keys(headers).sort() };
    const path = `/${encodeURIComponent('exampleobject(腾讯云)')}`;
    const signature = signatureOf(
      { method: 'PUT', path, query: [], headers },
      fields,
      'BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz',
    );
    expect(signature).toBe('3b8851a11a569213c17ba8fa7dcf2abec6935172');
  });

  test('a copy with an encoded source, as the SDK signs it', () => {
    const keyTime = '1700000000;1700000900';
    const request = {
      method: 'PUT',
      path: `/dir/${encodeURIComponent('a b+é.txt')}`,
      query: [],
      headers: {
        host: 'dst-1250000000.cos.ap-shanghai.myqcloud.com',
        'x-cos-copy-source':
          'src-1250000000.cos.ap-guangzhou.myqcloud.com/dir/a%20b%2B%C3%A9.txt?versionId=MTg0NDUxNTc1NjIzMTQ1MDAwODg',
        'x-cos-metadata-directive': 'Copy',
      },
    };
    const fields = {
      secretId: 'AKIDexampleexampleexample',
      keyTime,
      signTime: keyTime,
      paramList: [],
      headerList: Object.keys(request.headers),
      signature: 'e5f00b055657df20d8be8dd3d55b73dfa0ec945d',
    };
    expect(() => checkSignature(request, fields, 'exampleSecretKey0123456789abcdef')).not.toThrow();
    expect(() => checkSignature(request, fields, 'another')).toThrow('Signature');
    const changed = { ...request, headers: { ...request.headers, 'x-cos-metadata-directive': 'Replaced' } };
    expect(() => checkSignature(changed, fields, 'exampleSecretKey0123456789abcdef')).toThrow('Signature');
  });
});

describe('over HTTP', () => {
  let running: RunningCos;
  let nowMs = Date.now();
  beforeAll(async () => {
    running = await startCos({ now: () => nowMs });
  });
  beforeEach(() => {
    nowMs = Date.now();
  });
  afterAll(() => running.close());

  test('a wrong secret, an unknown id, no signature', async () => {
    const ref = await newBucket(running);
    const wrong = sdkAt(running.port, { ...running.own, secretKey: 'wrong' });
    expect(await refusal(wrong.putObject({ ...at(ref, 'a'), Body: 'x' }))).toBe('403 SignatureDoesNotMatch');
    const unknown = sdkAt(running.port, { ...running.own, secretId: 'AKIDnobody' });
    expect(await refusal(unknown.putObject({ ...at(ref, 'a'), Body: 'x' }))).toBe('403 InvalidAccessKeyId');
    expect(await raw(running, ref, 'GET', '/a', { sign: false })).toMatchObject({ status: 403 });
  });

  test('an expired signature, and a clock that is far behind', async () => {
    const ref = await newBucket(running);
    const clockOf = (SystemClockOffset: number) => {
      const sdk = sdkAt(running.port, running.own);
      Object.assign((sdk as unknown as { options: object }).options, {
        SystemClockOffset,
        CorrectClockSkew: false,
      });
      return sdk;
    };
    const expired = clockOf(-3_600_000).headObject(at(ref, 'a'));
    expect(await refusal(expired)).toBe('403 403');
    const body = clockOf(-3_600_000).putObject({ ...at(ref, 'a'), Body: 'x' });
    await expect(body).rejects.toMatchObject({ code: 'AccessDenied', message: 'Request has expired' });
    const early = clockOf(3_600_000).putObject({ ...at(ref, 'a'), Body: 'x' });
    await expect(early).rejects.toMatchObject({ code: 'RequestTimeTooSkewed' });
  });

  test.each([-3_600_000, 3_600_000])(
    'the SDK sets a clock right that is %p ms off',
    async (SystemClockOffset) => {
      const ref = await newBucket(running);
      const sdk = sdkAt(running.port, running.own);
      Object.assign((sdk as unknown as { options: object }).options, { SystemClockOffset });
      // Where it says so.
      const said = jest.spyOn(console, 'error').mockImplementation(() => {});
      expect((await sdk.putObject({ ...at(ref, 'a'), Body: 'x' })).statusCode).toBe(200);
      said.mockRestore();
      const statuses = running.cos.requests.list().map(({ status }) => status);
      expect(statuses.slice(-2)).toEqual([403, 200]);
    },
  );

  test('a header list that cannot be read, or names what every object has', async () => {
    const ref = await newBucket(running);
    const time = `${Math.floor(nowMs / 1000)};${Math.floor(nowMs / 1000) + 900}`;
    for (const list of ['%zz', 'constructor', '__proto__']) {
      const Authorization =
        `q-sign-algorithm=sha1&q-ak=${running.own.secretId}&q-sign-time=${time}&q-key-time=${time}` +
        `&q-header-list=${list}&q-url-param-list=&q-signature=x`;
      const answer = await raw(running, ref, 'GET', '/a', { sign: false, headers: { Authorization } });
      expect(answer.body).toContain('<Code>SignatureDoesNotMatch</Code>');
    }
  });

  test('a header of UTF-8 bytes is verified over its bytes, and comes back as them', async () => {
    const ref = await newBucket(running);
    const host = `${ref.bucket}.cos.${ref.region}.myqcloud.com`;
    const value = '中文 é';
    const bytes = Buffer.from(value).toString('latin1');
    const authorizationOf = (meta: string) =>
      COS.getAuthorization({
        SecretId: running.own.secretId,
        SecretKey: running.own.secretKey,
        Method: 'PUT',
        Pathname: '/a',
        Headers: { Host: host, 'x-cos-meta-a': meta },
      } as COS.StaticGetAuthorizationOptions);
    const put = (Authorization: string) =>
      raw(running, ref, 'PUT', '/a', {
        sign: false,
        body: 'x',
        headers: { Authorization, 'x-cos-meta-a': bytes },
      });
    expect((await put(authorizationOf('another'))).body).toContain('<Code>SignatureDoesNotMatch</Code>');
    expect((await put(authorizationOf(value))).status).toBe(200);
    const CopySource = `${host}/a`;
    await running.sdk.putObjectCopy({ ...at(ref, 'b'), CopySource });
    for (const key of ['/a', '/b'])
      expect((await raw(running, ref, 'HEAD', key)).headers['x-cos-meta-a']).toBe(bytes);
    const records = (await running.cos.pendingEvents()).map((event) => JSON.stringify(event.record));
    expect(records.filter((record) => record.includes(`"x-cos-meta-a":"${value}"`))).toHaveLength(2);
  });

  test('a presigned URL', async () => {
    const ref = await newBucket(running);
    await running.sdk.putObject({ ...at(ref, 'a b'), Body: 'hello' });
    const url = running.sdk.getObjectUrl({ ...at(ref, 'a b'), Sign: true }, () => {});
    const path = url.slice(url.indexOf('/', 'http://'.length));
    expect(await raw(running, ref, 'GET', path, { sign: false })).toMatchObject({
      status: 200,
      body: 'hello',
    });
    const other = path.replace('/a%20b', '/other');
    expect(await raw(running, ref, 'GET', other, { sign: false })).toMatchObject({ status: 403 });
  });

  test('a presigned URL to put, with a temporary key whose token is in it', async () => {
    const ref = await newBucket(running);
    const { secretId, secretKey, token } = running.cos.issueTemporaryKey(running.own, {
      name: 'browser',
      seconds: 60,
    });
    const urlOf = (sdk: COS): string => {
      const url = sdk.getObjectUrl({ ...at(ref, 'up'), Method: 'PUT', Sign: true }, () => {});
      return url.slice(url.indexOf('/', 'http://'.length));
    };
    const put = (path: string) => raw(running, ref, 'PUT', path, { sign: false, body: 'x' });
    const path = urlOf(sdkAt(running.port, { secretId, secretKey }, token));
    expect(path).toContain('&x-cos-security-token=');
    expect((await put(path)).status).toBe(200);
    expect(running.cos.requests.list().at(-1)).toMatchObject({ api: 'PutObject', caller: 'browser' });
    expect((await put(urlOf(sdkAt(running.port, { secretId, secretKey })))).body).toContain(
      'InvalidAccessKeyId',
    );
    expect((await raw(running, ref, 'GET', path, { sign: false })).body).toContain('SignatureDoesNotMatch');
    nowMs += 61_000;
    expect((await put(path)).body).toContain('<Code>ExpiredToken</Code>');
  });

  test('a temporary key works with its token until it expires', async () => {
    const ref = await newBucket(running);
    const key = running.cos.issueTemporaryKey(running.own, { name: 'role', seconds: 60 });
    await sdkAt(running.port, key, key.token).putObject({ ...at(ref, 'a'), Body: 'x' });
    expect(running.cos.requests.list().at(-1)).toMatchObject({
      caller: 'role',
      api: 'PutObject',
      bucket: ref.bucket,
    });
    expect(
      await refusal(sdkAt(running.port, key, 'wrong').putObject({ ...at(ref, 'a'), Body: 'x' })),
    ).toMatch('403');
    expect(await refusal(sdkAt(running.port, key).putObject({ ...at(ref, 'a'), Body: 'x' }))).toMatch('403');
    nowMs += 61_000;
    expect(await refusal(sdkAt(running.port, key, key.token).putObject({ ...at(ref, 'a'), Body: 'x' }))).toBe(
      '400 ExpiredToken',
    );
  });

  test('the other account may not read, write, copy from, or list a bucket', async () => {
    const ref = await newBucket(running);
    await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
    const other = sdkAt(running.port, running.other);
    const theirs = { bucket: `theirs-${running.other.appid}`, region: 'ap-shanghai' };
    await other.putBucket({ Bucket: theirs.bucket, Region: theirs.region });
    expect(await refusal(other.getObject(at(ref, 'a')))).toBe('403 AccessDenied');
    expect(await refusal(other.putObject({ ...at(ref, 'b'), Body: 'x' }))).toBe('403 AccessDenied');
    expect(await refusal(other.getBucket({ Bucket: ref.bucket, Region: ref.region }))).toBe(
      '403 AccessDenied',
    );
    const CopySource = `${ref.bucket}.cos.${ref.region}.myqcloud.com/a`;
    expect(await refusal(other.putObjectCopy({ ...at(theirs, 'a'), CopySource }))).toBe('403 AccessDenied');
    const names = (await other.getService({})).Buckets.map((bucket) => bucket.Name);
    expect(names).toEqual([theirs.bucket]);
  });
});
