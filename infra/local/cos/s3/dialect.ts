import type { Exchange } from '../exchange';
import type { SignedRequest } from '../signature';
import { unchunked, withSha256 } from './body';
import type { S3Request } from './headers';

/** Whether a request is written for S3: by its signature, or by a header of S3's own. */
export function speaksS3({ headers, query }: SignedRequest): boolean {
  if (headers['authorization']?.startsWith('AWS4-HMAC-SHA256')) return true;
  if (query.some(([name]) => name.toLowerCase() === 'x-amz-algorithm')) return true;
  return (
    headers['authorization'] === undefined && Object.keys(headers).some((name) => name.startsWith('x-amz-'))
  );
}

/** The same request in COS's words. */
export function inWordsOfCos(exchange: Exchange): Exchange {
  const { headers, method, path, query } = exchange;
  const translated: Record<string, string> = { ...headers };
  for (const [name, value] of Object.entries(headers)) {
    const own = headerOfCos(name);
    if (own !== undefined) translated[own] = own.endsWith('-directive') ? directiveOfCos(value) : value;
  }
  if (chunked.test(headers['x-amz-content-sha256'] ?? '')) withoutChunkedEncoding(translated);
  const s3: S3Request = { original: { method, path, query, headers } };
  return {
    ...exchange,
    headers: translated,
    query: query.filter(([name]) => !/^x-(amz-.*|id)$/i.test(name)),
    s3,
    ...decoderOf(headers['x-amz-content-sha256'], s3),
  };
}

/** Headers of S3 that COS has under a name of its own. Others (checksums, SDK notes) say nothing to it. */
const shared =
  /^x-amz-(meta-.+|acl|grant-.+|storage-class|tagging|tagging-directive|metadata-directive|copy-source|copy-source-range|copy-source-if-.+|security-token|server-side-encryption.*|copy-source-server-side.*|object-lock-.+|website-redirect-location)$/;

function headerOfCos(name: string): string | undefined {
  return shared.test(name) ? name.replace('x-amz-', 'x-cos-') : undefined;
}

function directiveOfCos(value: string): string {
  return value.toUpperCase() === 'REPLACE' ? 'Replaced' : 'Copy';
}

const chunked = /^STREAMING-(AWS4-HMAC-SHA256-PAYLOAD|UNSIGNED-PAYLOAD)(-TRAILER)?$/;

/** `aws-chunked` is of the message, not of the object. */
function withoutChunkedEncoding(headers: Record<string, string>): void {
  const rest = (headers['content-encoding'] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && one !== 'aws-chunked');
  if (rest.length > 0) headers['content-encoding'] = rest.join(',');
  else delete headers['content-encoding'];
}

function decoderOf(contentSha256: string | undefined, s3: S3Request): Pick<Exchange, 'decode'> {
  if (contentSha256 === undefined || contentSha256 === 'UNSIGNED-PAYLOAD') return {};
  const [, kind] = chunked.exec(contentSha256) ?? [];
  if (kind === undefined) return { decode: (bytes) => withSha256(bytes, contentSha256) };
  const signed = kind === 'AWS4-HMAC-SHA256-PAYLOAD';
  return { decode: (bytes) => unchunked(bytes, signed ? s3.signing : undefined) };
}
