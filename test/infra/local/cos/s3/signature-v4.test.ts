import { unchunked, withSha256 } from '../../../../../infra/local/cos/s3/body';
import { signV4 } from '../../../../../infra/local/cos/s3/signature-v4';

/** The examples of S3's own documents: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const scope = '20130524/us-east-1/s3/aws4_request';
const time = '20130524T000000Z';
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const fields = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', scope, time, expiresSeconds: undefined };

test('a signed header', () => {
  const headers = {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': empty,
    'x-amz-date': time,
  };
  const request = { method: 'GET', path: '/test.txt', query: [], headers };
  const signedHeaders = ['host', 'range', 'x-amz-content-sha256', 'x-amz-date'];
  expect(signV4(request, { ...fields, signedHeaders }, secret).seed).toBe(
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  );
});

test('a signed query', () => {
  const request = {
    method: 'GET',
    path: '/test.txt',
    query: [
      ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
      ['X-Amz-Credential', `AKIAIOSFODNN7EXAMPLE/${scope}`],
      ['X-Amz-Date', time],
      ['X-Amz-Expires', '86400'],
      ['X-Amz-SignedHeaders', 'host'],
      ['X-Amz-Signature', 'whatever'],
    ] as const,
    headers: { host: 'examplebucket.s3.amazonaws.com' },
  };
  const presigned = { ...fields, signedHeaders: ['host'], expiresSeconds: 86_400 };
  expect(signV4(request, presigned, secret).seed).toBe(
    'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
});

describe('a body in signed chunks', () => {
  const signing = signV4(
    {
      method: 'PUT',
      path: '/examplebucket/chunkObject.txt',
      query: [],
      headers: {
        host: 's3.amazonaws.com',
        'content-encoding': 'aws-chunked',
        'content-length': '66824',
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
        'x-amz-date': time,
        'x-amz-decoded-content-length': '66560',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      },
    },
    {
      ...fields,
      signedHeaders: [
        'content-encoding',
        'content-length',
        'host',
        'x-amz-content-sha256',
        'x-amz-date',
        'x-amz-decoded-content-length',
        'x-amz-storage-class',
      ],
    },
    secret,
  );
  const chunk = (bytes: string, signature: string): string =>
    `${bytes.length.toString(16)};chunk-signature=${signature}\r\n${bytes}\r\n`;
  const first = chunk('a'.repeat(65_536), 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648');
  const second = chunk('a'.repeat(1_024), '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497');
  const last = '0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n';

  /** The wire, in pieces of any size. */
  async function* wire(text: string, step: number): AsyncIterable<Buffer> {
    const bytes = Buffer.from(text, 'latin1');
    for (let i = 0; i < bytes.length; i += step) yield bytes.subarray(i, i + step);
  }
  const decoded = async (text: string, step = 1000): Promise<string> => {
    const parts: Buffer[] = [];
    for await (const part of unchunked(wire(text, step), signing)) parts.push(part);
    return Buffer.concat(parts).toString('latin1');
  };

  test('is what was sent, in whatever pieces it arrives', async () => {
    expect(signing.seed).toBe('4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9');
    for (const step of [7, 1000, 1_000_000]) {
      expect(await decoded(first + second + last, step)).toBe('a'.repeat(66_560));
    }
  });

  test.each([
    ['a changed byte', first.replace('aaaa', 'aaba') + second + last, 'SignatureDoesNotMatch'],
    ['chunks in another order', second + first + last, 'SignatureDoesNotMatch'],
    ['a chunk less', first + last, 'SignatureDoesNotMatch'],
    ['an end that is cut off', first + second, 'InvalidArgument'],
    [
      'a chunk that is longer than it says',
      first.replace('10000;', 'ffff;') + second + last,
      'SignatureDoesNotMatch',
    ],
    ['no chunks', 'plain text', 'InvalidArgument'],
  ])('is refused with %s', async (_name, text, code) => {
    await expect(decoded(text)).rejects.toMatchObject({ code });
  });

  test('of which only the headers after it are signed, or nothing', async () => {
    const parts: Buffer[] = [];
    const unsigned = '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n';
    for await (const part of unchunked(wire(unsigned, 3), undefined)) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe('hello');
  });

  test('a whole body is held against its digest at its end', async () => {
    const read = async (expected: string): Promise<number> => {
      let bytes = 0;
      for await (const part of withSha256(wire('', 1), expected)) bytes += part.length;
      return bytes;
    };
    expect(await read(empty)).toBe(0);
    await expect(read(empty.replace('e3', 'e4'))).rejects.toMatchObject({
      code: 'XAmzContentSHA256Mismatch',
    });
  });
});
