import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

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

/**
 * The parts of an `Authorization` header, or of a presigned query, by their names.
 * Source: https://www.tencentcloud.com/document/product/436/7778
 */
export type RawSignature = Readonly<Record<string, string | undefined>>;

export function rawSignature(header: string): RawSignature {
  return Object.fromEntries(header.split('&').map((pair) => splitOnce(pair.trim())));
}

function splitOnce(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}

/** The fields of a signature, or what is wrong with them. */
export function parseSignature(raw: RawSignature): SignatureFields | { readonly wrong: string } {
  const names = [
    'q-ak',
    'q-key-time',
    'q-sign-time',
    'q-header-list',
    'q-url-param-list',
    'q-signature',
  ] as const;
  const missing = ['q-sign-algorithm', ...names].find((name) => raw[name] === undefined);
  if (missing !== undefined) return { wrong: `The signature has no ${missing}.` };
  if (raw['q-sign-algorithm'] !== 'sha1') return { wrong: 'Only sha1 signatures are known.' };
  const [secretId = '', keyTime = '', signTime = '', headers = '', params = '', signature = ''] = names.map(
    (name) => raw[name],
  );
  if (![keyTime, signTime].every((span) => spanPattern.test(span)))
    return { wrong: 'The signature times are malformed.' };
  const list = (text: string): readonly string[] => text.split(';').filter((part) => part !== '');
  return { secretId, keyTime, signTime, headerList: list(headers), paramList: list(params), signature };
}

const spanPattern = /^(\d{1,12});(\d{1,12})$/;
const skewMaxSeconds = 15 * 60;

/** Whether the times of a signature hold now. */
export function timesOf(fields: SignatureFields, nowMs: number): 'valid' | 'skewed' | 'expired' {
  const now = Math.floor(nowMs / 1000);
  for (const span of [fields.signTime, fields.keyTime]) {
    const [, start, end] = spanPattern.exec(span) ?? [];
    if (Number(start) > now + skewMaxSeconds) return 'skewed';
    if (Number(end) < now) return 'expired';
  }
  return 'valid';
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
