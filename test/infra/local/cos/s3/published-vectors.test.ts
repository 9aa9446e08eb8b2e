import {
  checkSignatureV4,
  checkTimeV4,
  readSignatureV4,
} from '../../../../../infra/local/cos/s3/signature-v4';
import { decodeAwsChunks } from '../../../../../infra/local/cos/s3/aws-chunked';
import { CosError } from '../../../../../infra/local/cos/cos-error';

/**
 * The examples that AWS publishes, to the byte.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
 */
const secretKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const size = 66_560;

function request(payload: string, signature: string, more: Readonly<Record<string, string>>) {
  const headers: Record<string, string> = {
    host: 's3.amazonaws.com',
    'content-encoding': 'aws-chunked',
    'x-amz-content-sha256': payload,
    'x-amz-date': '20130524T000000Z',
    'x-amz-decoded-content-length': String(size),
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    ...more,
  };
  const signed = Object.keys(headers).sort().join(';');
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,` +
    `SignedHeaders=${signed},Signature=${signature}`;
  return { method: 'PUT', path: '/examplebucket/chunkObject.txt', query: [], headers };
}

const signedChunks = {
  payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  headers: { 'content-length': '66824' },
  seed: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  chunks: [
    'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
    '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
    'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
  ],
  trailer: undefined,
};
const withTrailer = {
  payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  headers: { 'x-amz-trailer': 'x-amz-checksum-crc32c' },
  seed: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
  chunks: [
    'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
    '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
    '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
  ],
  trailer: 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435',
};

type Example = typeof signedChunks | typeof withTrailer;

function bodyOf({ chunks, trailer }: Example): string {
  const framed = ['a'.repeat(65_536), 'a'.repeat(1024), ''].map(
    (chunk, i) => `${chunk.length.toString(16)};chunk-signature=${chunks[i]}\r\n${chunk}`,
  );
  const end =
    trailer === undefined
      ? '\r\n'
      : `x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:${trailer}\r\n\r\n`;
  return `${framed.join('\r\n')}${end}`;
}

/** In pieces that end anywhere. */
async function* inPieces(body: string, bytes: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < body.length; from += bytes) yield Buffer.from(body.slice(from, from + bytes));
}

async function decoded(example: Example, body = bodyOf(example), pieceBytes = 1000): Promise<string> {
  const signed = request(example.payload, example.seed, example.headers);
  const fields = readSignatureV4(signed);
  const sign = checkSignatureV4(signed, fields, secretKey);
  const trailers: string[] = [];
  const framing = {
    seed: fields.signature,
    sign,
    decodedBytes: size,
    hasTrailer: example.trailer !== undefined,
    onTrailer: (name: string, value: string) => void trailers.push(`${name}=${value}`),
  };
  let bytes = 0;
  for await (const chunk of decodeAwsChunks(inPieces(body, pieceBytes), framing)) bytes += chunk.length;
  return `${bytes} ${trailers.join()}`;
}

const refusal = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'not refused',
    (error: unknown) => (error instanceof CosError ? `${error.code} ${error.message}` : String(error)),
  );

test.each([1, 7, 1000, 100_000])('signed chunks are decoded from pieces of %i bytes', async (bytes) => {
  expect(await decoded(signedChunks, bodyOf(signedChunks), bytes)).toBe(`${size} `);
  expect(await decoded(withTrailer, bodyOf(withTrailer), bytes)).toBe(
    `${size} x-amz-checksum-crc32c=sOO8/Q==`,
  );
});

test('a changed byte, signature or trailer is refused', async () => {
  const body = bodyOf(withTrailer);
  const wrong = (from: string, to: string) => refusal(decoded(withTrailer, body.replace(from, to)));
  expect(await wrong('aaaa', 'aaba')).toMatch(/^SignatureDoesNotMatch/);
  expect(await wrong('b474', 'b475')).toMatch(/^SignatureDoesNotMatch/);
  expect(await wrong('2ca2', '2ca3')).toMatch(/^SignatureDoesNotMatch/);
  expect(await wrong('sOO8', 'sOO9')).toMatch(/^SignatureDoesNotMatch/);
  expect(await wrong('d81f', 'd81e')).toMatch(/^SignatureDoesNotMatch/);
  expect(await wrong(/10000;chunk-signature=\w+/.exec(body)?.[0] ?? '', '10000')).toMatch(
    /^SignatureDoesNotMatch/,
  );
});

test.each([
  ['no size', (body: string) => `x${body}`, /does not begin with its size/],
  ['an end in the middle', (body: string) => body.slice(0, 1000), /it ends in a chunk/],
  ['more after the end', (body: string) => `${body}x`, /something follows/],
  [
    'a chunk that is longer than its size',
    (body: string) => body.replace('10000;', 'ffff;'),
    /Signature|does not end/,
  ],
  ['an endless line', () => '0'.repeat(10_000), /a line is too long/],
])('%s is refused', async (_what, change, why) => {
  expect(await refusal(decoded(signedChunks, change(bodyOf(signedChunks))))).toMatch(why);
});

describe('times', () => {
  const signedMs = Date.UTC(2013, 4, 24);
  const fields = readSignatureV4(request(signedChunks.payload, signedChunks.seed, {}));
  const at = (nowMs: number, more: object = {}) =>
    refusal((async () => checkTimeV4({ ...fields, ...more }, nowMs))());

  test('a signature holds for fifteen minutes around its time, a presigned URL for as long as it says', async () => {
    expect(await at(signedMs)).toBe('not refused');
    expect(await at(signedMs + 16 * 60_000)).toMatch(/^RequestTimeTooSkewed/);
    expect(await at(signedMs - 16 * 60_000)).toMatch(/^RequestTimeTooSkewed/);
    expect(await at(signedMs + 16 * 60_000, { expiresSeconds: 3600 })).toBe('not refused');
    expect(await at(signedMs + 61 * 60_000, { expiresSeconds: 3600 })).toMatch(/^AccessDenied/);
    expect(await at(signedMs, { expiresSeconds: 604_801 })).toMatch(/^InvalidArgument/);
    expect(await at(signedMs, { timestamp: 'yesterday' })).toMatch(/^SignatureDoesNotMatch/);
    expect(await at(signedMs, { scope: '20130525/us-east-1/s3/aws4_request' })).toMatch(
      /^SignatureDoesNotMatch/,
    );
  });
});
