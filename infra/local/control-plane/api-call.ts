import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from './api-error';
import { checkTc3, readTc3 } from './signature-tc3';
import { checkV1, readV1 } from './signature-v1';

/** A request to the API as it came. */
export interface ApiRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What a request says before it is known who sent it. */
export interface SignedCall {
  readonly secretId: string;
  readonly token: string;
  readonly action: string;
  readonly version: string;
  readonly region: string;
  /** Seconds since the Unix epoch. */
  readonly timestamp: number;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A key that may sign. */
export interface SigningKey {
  readonly secretKey: string;
  readonly token?: { readonly value: string; readonly expiresAtMs: number };
}

const clockSkewMaxSeconds = 300;

/** Reads a call of either signature and proves who sent it. Fails with an ApiError. */
export function readCall<Key extends SigningKey>(
  request: ApiRequest,
  service: string,
  findKey: (secretId: string) => Key | undefined,
  nowMs: number,
): SignedCall & { readonly key: Key } {
  const isTc3 = request.headers.authorization !== undefined;
  const call = isTc3 ? readTc3(request) : readV1(request);
  const key = findKey(call.secretId);
  if (!key) throw new ApiError('AuthFailure.SecretIdNotFound', 'The SecretId is not found.');
  if (Math.abs(call.timestamp - nowMs / 1000) > clockSkewMaxSeconds) {
    const message = 'The signature is expired: its time differs by more than five minutes.';
    throw new ApiError('AuthFailure.SignatureExpire', message);
  }
  if (isTc3) checkTc3(request, service, key.secretKey);
  else checkV1(request, key.secretKey);
  checkToken(call.token, key, nowMs);
  return { ...call, key };
}

function checkToken(token: string, key: SigningKey, nowMs: number): void {
  if (token !== (key.token?.value ?? ''))
    throw new ApiError('AuthFailure.TokenFailure', 'The token does not belong to this key.');
  if (key.token && key.token.expiresAtMs <= nowMs)
    throw new ApiError('AuthFailure.TokenFailure', 'The token is expired.');
}
