import { createHash, createHmac } from 'node:crypto';
import { CosError } from '../cos-error';
import { encoded, percentDecoded, type SignedRequest } from '../signature';

/** What a signature of version 4 says of itself. */
export interface SignatureV4 {
  readonly accessKeyId: string;
  /** `<date>/<region>/s3/aws4_request` */
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20261101T120000Z` */
  readonly time: string;
  /** Presigned: for how long it holds. */
  readonly expiresSeconds: number | undefined;
}

/** What chunks of a body are signed with, one after another. */
export interface ChunkSigning {
  readonly key: Buffer;
  readonly scope: string;
  readonly time: string;
  /** The signature of the headers, to which that of the first chunk is tied. */
  readonly seed: string;
}

const algorithm = 'AWS4-HMAC-SHA256';
const skewMaxMs = 15 * 60_000;
const presignedSecondsMax = 604_800;

/**
 * Reads a signature off the header or the query; `undefined`: the request has none.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
export function readSignatureV4(request: SignedRequest): SignatureV4 | undefined {
  const header = request.headers['authorization'];
  if (header !== undefined) return header.startsWith(algorithm) ? ofHeader(request, header) : undefined;
  const query = new Map(request.query.map(([name, value]) => [name.toLowerCase(), value]));
  if (query.get('x-amz-algorithm') !== algorithm) return undefined;
  const [accessKeyId, scope] = splitCredential(query.get('x-amz-credential'));
  const expiresSeconds = Number(query.get('x-amz-expires'));
  if (!Number.isInteger(expiresSeconds) || expiresSeconds < 1 || expiresSeconds > presignedSecondsMax) {
    throw malformed('X-Amz-Expires');
  }
  return {
    accessKeyId,
    scope,
    signedHeaders: needed(query.get('x-amz-signedheaders'), 'X-Amz-SignedHeaders').split(';'),
    signature: needed(query.get('x-amz-signature'), 'X-Amz-Signature'),
    time: needed(query.get('x-amz-date'), 'X-Amz-Date'),
    expiresSeconds,
  };
}

function ofHeader(request: SignedRequest, header: string): SignatureV4 {
  const fields = new Map(
    header
      .slice(algorithm.length)
      .split(',')
      .map((field): [string, string] => {
        const [name = '', ...value] = field.trim().split('=');
        return [name, value.join('=')];
      }),
  );
  const [accessKeyId, scope] = splitCredential(fields.get('Credential'));
  return {
    accessKeyId,
    scope,
    signedHeaders: needed(fields.get('SignedHeaders'), 'SignedHeaders').split(';'),
    signature: needed(fields.get('Signature'), 'Signature'),
    time: needed(request.headers['x-amz-date'], 'x-amz-date'),
    expiresSeconds: undefined,
  };
}

function splitCredential(credential: string | undefined): [string, string] {
  const [, id, scope] = /^([^/]+)\/(\d{8}\/[^/]+\/s3\/aws4_request)$/.exec(credential ?? '') ?? [];
  if (id === undefined || scope === undefined) throw malformed('Credential');
  return [id, scope];
}

function needed(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw malformed(name);
  return value;
}

function malformed(name: string): CosError {
  return new CosError('SignatureDoesNotMatch', `The signature has no well-formed ${name}.`);
}

/** Fails if the time of a signature does not hold now. */
export function checkTimeV4({ time, expiresSeconds, scope }: SignatureV4, nowMs: number): void {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time) ?? [];
  if (y === undefined || !scope.startsWith(time.slice(0, 8))) throw malformed('date');
  const signedMs = Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
  if (signedMs > nowMs + skewMaxMs) throw new CosError('RequestTimeTooSkewed');
  if (expiresSeconds === undefined && signedMs < nowMs - skewMaxMs)
    throw new CosError('RequestTimeTooSkewed');
  if (expiresSeconds !== undefined && nowMs > signedMs + expiresSeconds * 1000)
    throw new CosError('AccessDenied', 'Request has expired');
}

/** The signature that this request has with this key, and what its chunks are signed with. */
export function signV4(
  request: SignedRequest,
  fields: Omit<SignatureV4, 'signature'>,
  secretKey: string,
): ChunkSigning {
  const key = signingKey(secretKey, fields.scope);
  const toSign = [algorithm, fields.time, fields.scope, sha256(canonicalRequest(request, fields))].join('\n');
  return { key, scope: fields.scope, time: fields.time, seed: hmac(key, toSign).toString('hex') };
}

function canonicalRequest(
  request: SignedRequest,
  { signedHeaders, expiresSeconds }: Omit<SignatureV4, 'signature'>,
): string {
  const path = encoded(percentDecoded(request.path)).replaceAll('%2F', '/');
  const query = request.query
    .filter(([name]) => name.toLowerCase() !== 'x-amz-signature')
    .map(([name, value]) => `${encoded(Buffer.from(name))}=${encoded(Buffer.from(value))}`)
    .sort();
  const headers = signedHeaders.map((name) => {
    const value = Object.hasOwn(request.headers, name) ? (request.headers[name] ?? '') : '';
    return `${name}:${Buffer.from(value, 'latin1').toString().trim().replaceAll(/ +/g, ' ')}`;
  });
  const body =
    request.headers['x-amz-content-sha256'] ??
    (expiresSeconds === undefined ? sha256('') : 'UNSIGNED-PAYLOAD');
  return [request.method, path, query.join('&'), ...headers, '', signedHeaders.join(';'), body].join('\n');
}

function signingKey(secretKey: string, scope: string): Buffer {
  return scope
    .split('/')
    .reduce((key: string | Buffer, part) => hmac(key, part), `AWS4${secretKey}`) as Buffer;
}

/** Ties one chunk to what was signed before it. */
export function signChunk({ key, time, scope }: ChunkSigning, before: string, chunk: Buffer): string {
  const toSign = ['AWS4-HMAC-SHA256-PAYLOAD', time, scope, before, sha256(''), sha256(chunk)].join('\n');
  return hmac(key, toSign).toString('hex');
}

/** Ties the headers that follow a body to its last chunk. */
export function signTrailer({ key, time, scope }: ChunkSigning, before: string, trailer: string): string {
  return hmac(key, ['AWS4-HMAC-SHA256-TRAILER', time, scope, before, sha256(trailer)].join('\n')).toString(
    'hex',
  );
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
