import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { CosError } from './cos-error';

/** The parts of a request that a signature is over, as they came: header values hold one character a byte. */
export interface SignedRequest {
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  /** Decoded, in the order of the request. */
  readonly query: readonly (readonly [string, string])[];
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface SignatureFields {
  readonly secretId: string;
  readonly keyTime: string;
  readonly signTime: string;
  readonly headerList: readonly string[];
  readonly paramList: readonly string[];
  readonly signature: string;
}

/** Source: https://www.tencentcloud.com/document/product/436/7778 */
export function readSignature(request: SignedRequest): SignatureFields | undefined {
  const header = request.headers['authorization'];
  const fields = header === undefined ? fieldsOfQuery(request) : fieldsOfHeader(header);
  if (fields['q-sign-algorithm'] === undefined && header === undefined) return undefined;
  const need = (name: string): string => {
    const value = fields[name];
    if (value === undefined) throw new CosError('SignatureDoesNotMatch', `The signature has no ${name}.`);
    return value;
  };
  if (need('q-sign-algorithm') !== 'sha1')
    throw new CosError('SignatureDoesNotMatch', 'Only sha1 signatures are known.');
  const list = (name: string): readonly string[] =>
    need(name)
      .split(';')
      .filter((part) => part !== '');
  return {
    secretId: need('q-ak'),
    keyTime: need('q-key-time'),
    signTime: need('q-sign-time'),
    headerList: list('q-header-list'),
    paramList: list('q-url-param-list'),
    signature: need('q-signature'),
  };
}

function fieldsOfHeader(header: string): Record<string, string | undefined> {
  return Object.fromEntries(header.split('&').map((pair) => splitOnce(pair.trim())));
}

function fieldsOfQuery(request: SignedRequest): Record<string, string | undefined> {
  return Object.fromEntries(request.query.filter(([name]) => name.startsWith('q-')));
}

function splitOnce(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}

const skewMaxSeconds = 15 * 60;

/** Fails if the times do not hold now. */
export function checkTimes(fields: SignatureFields, nowMs: number): void {
  const now = Math.floor(nowMs / 1000);
  for (const span of [fields.signTime, fields.keyTime]) {
    const [, start, end] = /^(\d{1,12});(\d{1,12})$/.exec(span) ?? [];
    if (start === undefined || end === undefined)
      throw new CosError('SignatureDoesNotMatch', 'The signature times are malformed.');
    if (Number(start) > now + skewMaxSeconds) throw new CosError('RequestTimeTooSkewed');
    if (Number(end) < now) throw new CosError('AccessDenied', 'Request has expired');
  }
}

/** Fails unless the request was signed with this key. */
export function checkSignature(request: SignedRequest, fields: SignatureFields, secretKey: string): void {
  if (!sameText(signatureOf(request, fields, secretKey), fields.signature))
    throw new CosError('SignatureDoesNotMatch');
}

/** In a time that tells nothing but the length. */
export function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export function signatureOf(
  request: SignedRequest,
  fields: Omit<SignatureFields, 'signature' | 'secretId'>,
  secretKey: string,
): string {
  const params = fields.paramList.map((name) => {
    const found = request.query.find(([key]) => encoded(Buffer.from(key)).toLowerCase() === name);
    return `${name}=${encoded(Buffer.from(found?.[1] ?? ''))}`;
  });
  const headers = fields.headerList.map((name) => {
    const found = percentDecoded(name).toString('latin1');
    const value = Object.hasOwn(request.headers, found) ? request.headers[found] : undefined;
    return `${name}=${encoded(Buffer.from(value ?? '', 'latin1'))}`;
  });
  const http = Buffer.concat([
    Buffer.from(`${request.method.toLowerCase()}\n`),
    percentDecoded(request.path),
    Buffer.from(`\n${params.join('&')}\n${headers.join('&')}\n`),
  ]);
  const toSign = ['sha1', fields.signTime, createHash('sha1').update(http).digest('hex'), ''].join('\n');
  const signKey = createHmac('sha1', secretKey).update(fields.keyTime).digest('hex');
  return createHmac('sha1', signKey).update(toSign).digest('hex');
}

/** RFC 3986, upper-case hex, over bytes. */
export function encoded(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) text += encodedBytes[byte];
  return text;
}

const encodedBytes = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte);
  return /[A-Za-z0-9\-._~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** A `%` that begins no byte stands for itself. */
export function percentDecoded(path: string): Buffer {
  if (!path.includes('%')) return Buffer.from(path, 'latin1');
  const bytes: number[] = [];
  for (let i = 0; i < path.length; i += 1) {
    const hex = path[i] === '%' ? path.slice(i + 1, i + 3) : '';
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else {
      bytes.push(path.charCodeAt(i) & 0xff);
    }
  }
  return Buffer.from(bytes);
}
