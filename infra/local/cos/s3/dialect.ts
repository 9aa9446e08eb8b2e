import { createHash } from 'node:crypto';
import { checkToken } from '../access/authenticate';
import type { Accounts, Caller } from '../accounts';
import { CosError } from '../cos-error';
import type { Dialect, Exchange } from '../exchange';
import type { SignedRequest } from '../signature';
import { s3BucketOperations, s3ObjectOperations } from './operations';
import { decodeAwsChunks } from './aws-chunked';
import { checked, checksumNames } from './checksums';
import { headersOf, inCosNames, inS3Name } from './names';
import {
  checkSignatureV4,
  checkTimeV4,
  isSignedV4,
  readSignatureV4,
  type Signer,
  unsignedPayload,
} from './signature-v4';

/** An exchange in the dialect that its request is signed in: S3's is turned into COS's own, with the way back. */
export function inItsDialect(exchange: Exchange): Exchange {
  return isSignedV4(exchange) ? { ...exchange, dialect: s3Dialect(exchange) } : exchange;
}

/** S3's side of one request, which is kept as it came: that is what was signed. */
function s3Dialect(received: SignedRequest): Dialect {
  let signer: Signer | undefined;
  return {
    bucketOperations: s3BucketOperations,
    objectOperations: s3ObjectOperations,
    headerName: inS3Name,
    inCosNames: () => inCosNames(received),
    callerOf(accounts: Accounts, nowMs: number): Caller {
      const fields = readSignatureV4(received);
      const caller = accounts.byKey(fields.secretId);
      checkTimeV4(fields, nowMs);
      signer = checkSignatureV4(received, fields, caller.secretKey);
      checkToken(caller, headersOf(received)['x-amz-security-token'] ?? '', nowMs);
      return caller;
    },
    contentOf(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
      // Whoever reads a body has proved the request before.
      if (!signer) throw new CosError('AccessDenied');
      return contentOf(received, signer, chunks);
    },
  };
}

const streaming = /^STREAMING-(AWS4-HMAC-SHA256-PAYLOAD|UNSIGNED-PAYLOAD)(-TRAILER)?$/;

/**
 * The body without its framing, held to every sum that a header or trailer has for it. A sum in a presigned URL is passed
 * over: the AWS SDK puts that of an empty body there, and S3 was observed to ignore it.
 * https://github.com/localstack/localstack/issues/12169
 */
function contentOf(
  received: SignedRequest,
  sign: Signer,
  chunks: AsyncIterable<Buffer>,
): AsyncIterable<Buffer> {
  const { headers } = received;
  const { payload, signature } = readSignatureV4(received);
  const trailers = new Map<string, string>();
  const announced = (headers['x-amz-trailer'] ?? '').split(',').map((name) => name.trim().toLowerCase());
  const names = checksumNames([...Object.keys(headers), ...announced]);
  const expected = (name: string): string | undefined => headers[name] ?? trailers.get(name);
  const [, kind, hasTrailer] = streaming.exec(payload) ?? [];
  if (kind === undefined) return checked(provedBy(payload, chunks), names, expected);

  const length = headers['x-amz-decoded-content-length'] ?? '';
  if (!/^\d{1,15}$/.test(length)) throw new CosError('MissingContentLength');
  const decoded = decodeAwsChunks(chunks, {
    seed: kind === 'UNSIGNED-PAYLOAD' ? undefined : signature,
    sign,
    decodedBytes: Number(length),
    hasTrailer: hasTrailer !== undefined,
    onTrailer: (name, value) => void trailers.set(name, value),
  });
  return checked(decoded, names, expected);
}

/** Fails with BadDigest at the end (inferred; S3 has a code of its own for it). */
async function* provedBy(payload: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const proves = payload !== unsignedPayload;
  for await (const chunk of chunks) {
    if (proves) hash.update(chunk);
    yield chunk;
  }
  if (proves && hash.digest('hex') !== payload)
    throw new CosError('BadDigest', 'The content does not have the digest that x-amz-content-sha256 says.');
}
