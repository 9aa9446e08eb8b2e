import { createHash, createHmac } from 'node:crypto';
import { CosError, notImplemented } from '../cos-error';
import { encoded, percentDecoded, sameText, type SignedRequest } from '../signature';

/** What a signature of version 4 says of itself. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html */
export interface SignatureV4 {
  readonly secretId: string;
  /** `20260101/ap-guangzhou/s3/aws4_request` */
  readonly scope: string;
  /** `20260101T000000Z` */
  readonly timestamp: string;
  /** In the order of the canonical request. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** A digest in hex, or what stands for one. */
  readonly payload: string;
  /** Of a presigned URL; `undefined`: the signature is in a header. */
  readonly expiresSeconds: number | undefined;
}

const algorithm = 'AWS4-HMAC-SHA256';
export const unsignedPayload = 'UNSIGNED-PAYLOAD';

/** Whether a request is signed as S3's are. */
export function isSignedV4({ headers, query }: SignedRequest): boolean {
  return (
    (headers['authorization'] ?? '').startsWith('AWS') || query.some(([name]) => name === 'X-Amz-Algorithm')
  );
}

/** Fails with SignatureDoesNotMatch if a field is missing, and NotImplemented for another algorithm. */
export function readSignatureV4({ headers, query }: SignedRequest): SignatureV4 {
  const header = headers['authorization'];
  const param = (name: string): string | undefined => query.find(([key]) => key === name)?.[1];
  const named = header === undefined ? param('X-Amz-Algorithm') : header.split(' ', 1)[0];
  if (named !== algorithm) throw notImplemented(`The signature algorithm ${named}`);
  const ofHeader = new Map(
    [...(header ?? '').slice(algorithm.length).matchAll(/(\w+)=([^,\s]*)/g)].map(([, key, value]) => [
      key,
      value,
    ]),
  );
  const need = (value: string | undefined, name: string): string => {
    if (value === undefined || value === '')
      throw new CosError('SignatureDoesNotMatch', `The signature has no ${name}.`);
    return value;
  };
  const field = (name: string): string =>
    need(header === undefined ? param(`X-Amz-${name}`) : ofHeader.get(name), name);
  const [secretId = '', ...scope] = field('Credential').split('/');
  const presigned = header === undefined;
  const expires = presigned ? field('Expires') : undefined;
  return {
    secretId,
    scope: scope.join('/'),
    timestamp: need(presigned ? param('X-Amz-Date') : headers['x-amz-date'], 'X-Amz-Date'),
    signedHeaders: field('SignedHeaders').split(';'),
    signature: field('Signature'),
    payload: headers['x-amz-content-sha256'] ?? (presigned ? unsignedPayload : emptyDigest),
    expiresSeconds: expires === undefined ? undefined : Number(expires),
  };
}

const skewMaxMs = 15 * 60_000;
const expiresSecondsMax = 7 * 86_400;

/** Fails with RequestTimeTooSkewed, or AccessDenied if a presigned URL is no longer good. */
export function checkTimeV4({ timestamp, scope, expiresSeconds }: SignatureV4, nowMs: number): void {
  const signedMs = Date.parse(
    timestamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  if (Number.isNaN(signedMs) || !scope.startsWith(`${timestamp.slice(0, 8)}/`))
    throw new CosError('SignatureDoesNotMatch', 'The time of the signature is malformed.');
  if (signedMs > nowMs + skewMaxMs) throw new CosError('RequestTimeTooSkewed');
  if (expiresSeconds === undefined) {
    if (signedMs < nowMs - skewMaxMs) throw new CosError('RequestTimeTooSkewed');
    return;
  }
  if (!(expiresSeconds >= 1 && expiresSeconds <= expiresSecondsMax))
    throw new CosError('InvalidArgument', `X-Amz-Expires must be from 1 to ${expiresSecondsMax} seconds.`);
  if (signedMs + expiresSeconds * 1000 < nowMs) throw new CosError('AccessDenied', 'Request has expired');
}

/** Signs texts in the scope of one request. */
export type Signer = (kind: '' | '-PAYLOAD' | '-TRAILER', lines: readonly string[]) => string;

/** Fails with SignatureDoesNotMatch; gives what signs the chunks that follow. */
export function checkSignatureV4(request: SignedRequest, fields: SignatureV4, secretKey: string): Signer {
  const [date, region, service, end] = fields.scope.split('/');
  if (service !== 's3' || end !== 'aws4_request')
    throw new CosError('SignatureDoesNotMatch', 'The scope of the signature is not s3.');
  // Any region is taken: which one COS asks for is not documented.
  const key = [date, region, service, end].reduce<Buffer | string>(
    (from, part) => hmac(from, part ?? ''),
    `AWS4${secretKey}`,
  );
  const sign: Signer = (kind, lines) =>
    hmac(key, [algorithm + kind, fields.timestamp, fields.scope, ...lines].join('\n')).toString('hex');
  if (!fields.signedHeaders.includes('host'))
    throw new CosError('SignatureDoesNotMatch', 'The host is not signed.');
  if (!sameText(sign('', [sha256(canonicalRequest(request, fields))]), fields.signature))
    throw new CosError('SignatureDoesNotMatch');
  return sign;
}

function canonicalRequest(request: SignedRequest, { signedHeaders, payload }: SignatureV4): string {
  const query = request.query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encoded(Buffer.from(name))}=${encoded(Buffer.from(value))}`)
    .sort();
  const headers = signedHeaders.map((name) => {
    const value = Object.hasOwn(request.headers, name) ? (request.headers[name] ?? '') : '';
    return `${name}:${value.trim().replace(/ +/g, ' ')}\n`;
  });
  return [
    request.method,
    encoded(percentDecoded(request.path)).replaceAll('%2F', '/'),
    query.join('&'),
    headers.join(''),
    signedHeaders.join(';'),
    payload,
  ].join('\n');
}

/** Hex, over one byte a character. */
export function sha256(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex');
}

export const emptyDigest = sha256('');

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'latin1').digest();
}
