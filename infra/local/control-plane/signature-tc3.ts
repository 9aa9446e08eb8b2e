import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ApiRequest, SignedCall } from './api-call';
import { ApiError } from './api-error';

const authorizationForm =
  /^TC3-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{4}-\d\d-\d\d)\/([a-z0-9-]+)\/tc3_request,\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})$/;

function fieldsOf(request: ApiRequest) {
  const found = authorizationForm.exec(request.headers.authorization ?? '');
  const [, secretId, date, service, signedHeaders, signature] = found ?? [];
  if (!secretId || !date || !service || !signedHeaders || !signature)
    throw new ApiError('AuthFailure.InvalidAuthorization', 'The Authorization header cannot be read.');
  return { secretId, date, service, signedHeaders, signature };
}

/** https://cloud.tencent.com/document/api/583/33846 */
export function readTc3(request: ApiRequest): SignedCall {
  const header = (name: string): string => String(request.headers[name] ?? '');
  return {
    secretId: fieldsOf(request).secretId,
    token: header('x-tc-token'),
    action: header('x-tc-action'),
    version: header('x-tc-version'),
    region: header('x-tc-region'),
    timestamp: Number(header('x-tc-timestamp')),
    params:
      request.method === 'GET' ? Object.fromEntries(new URLSearchParams(request.query)) : bodyOf(request),
  };
}

function bodyOf({ body }: ApiRequest): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.length === 0 ? '{}' : body.toString());
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below, as for any body that is no object.
  }
  throw new ApiError('InvalidParameter', 'The body is not a JSON object.');
}

/** Fails unless the request was signed with this key, for this service, on the day of its timestamp. */
export function checkTc3(request: ApiRequest, service: string, secretKey: string): void {
  const { date, signedHeaders, signature, ...fields } = fieldsOf(request);
  const timestamp = String(request.headers['x-tc-timestamp'] ?? '');
  const names = signedHeaders.split(';');
  if (!names.includes('host') || !names.includes('content-type') || fields.service !== service)
    throw mismatch();
  if (new Date(Number(timestamp) * 1000).toISOString().slice(0, 10) !== date) throw mismatch();
  const headers = names.map(
    (name) =>
      `${name}:${String(request.headers[name] ?? '')
        .trim()
        .toLowerCase()}\n`,
  );
  const canonical = [
    request.method,
    request.path,
    request.query,
    headers.join(''),
    signedHeaders,
    sha256(request.body),
  ].join('\n');
  const scope = `${date}/${service}/tc3_request`;
  const toSign = ['TC3-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n');
  const key = [date, service, 'tc3_request'].reduce<Buffer | string>(
    (secret, part) => hmac(secret, part),
    `TC3${secretKey}`,
  );
  if (!timingSafeEqual(hmac(key, toSign), Buffer.from(signature, 'hex'))) throw mismatch();
}

function mismatch(): ApiError {
  const message = 'The provided credentials could not be validated. Please check your signature is correct.';
  return new ApiError('AuthFailure.SignatureFailure', message);
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
