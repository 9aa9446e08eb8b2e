import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ApiRequest, SignedCall } from './api-call';
import { ApiError } from './api-error';

const hashes: Readonly<Record<string, string>> = { HmacSHA1: 'sha1', HmacSHA256: 'sha256' };
const common = new Set(
  'Action Version Region Timestamp Nonce SecretId Token Signature SignatureMethod Language RequestClient'.split(
    ' ',
  ),
);

function formOf(request: ApiRequest): readonly (readonly [string, string])[] {
  const text = request.method === 'GET' ? request.query : request.body.toString();
  return [...new URLSearchParams(text)];
}

/** All parameters in one form, objects written as `Environment.Variables.0.Key`. https://cloud.tencent.com/document/api/583/17238 */
export function readV1(request: ApiRequest): SignedCall {
  const form = formOf(request);
  const value = (name: string): string => form.find(([key]) => key === name)?.[1] ?? '';
  for (const name of ['Action', 'SecretId', 'Signature'])
    if (value(name) === '') throw new ApiError('MissingParameter', `The request has no ${name}.`);
  return {
    secretId: value('SecretId'),
    token: value('Token'),
    action: value('Action'),
    version: value('Version'),
    region: value('Region'),
    timestamp: Number(value('Timestamp')),
    params: nested(form.filter(([name]) => !common.has(name))),
  };
}

/** Fails unless the request was signed with this key. */
export function checkV1(request: ApiRequest, secretKey: string): void {
  const form = formOf(request);
  const value = (name: string): string | undefined => form.find(([key]) => key === name)?.[1];
  const hash = hashes[value('SignatureMethod') ?? 'HmacSHA1'];
  if (hash === undefined) throw new ApiError('InvalidParameterValue', 'The SignatureMethod is not known.');
  const signed = form
    .filter(([name]) => name !== 'Signature')
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, text]) => `${name}=${text}`);
  const host = request.host.replace(/:\d+$/, '');
  const toSign = `${request.method}${host}${request.path}?${signed.join('&')}`;
  const expected = createHmac(hash, secretKey).update(toSign).digest();
  const given = Buffer.from(value('Signature') ?? '', 'base64');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    const message =
      'The provided credentials could not be validated. Please check your signature is correct.';
    throw new ApiError('AuthFailure.SignatureFailure', message);
  }
}

const depthMax = 16;

/** Objects out of dotted names; one whose names are all numbers is a list. */
function nested(form: readonly (readonly [string, string])[]): Readonly<Record<string, unknown>> {
  const groups = new Map<string, [string, string][]>();
  const leaves: [string, unknown][] = [];
  for (const [name, value] of form) {
    const dot = name.indexOf('.');
    if (dot < 0 || name.split('.').length > depthMax) leaves.push([name, value]);
    else
      groups.set(name.slice(0, dot), [
        ...(groups.get(name.slice(0, dot)) ?? []),
        [name.slice(dot + 1), value],
      ]);
  }
  for (const [name, inner] of groups) leaves.push([name, listOrObject(nested(inner))]);
  return Object.fromEntries(leaves);
}

function listOrObject(value: Readonly<Record<string, unknown>>): unknown {
  return Object.keys(value).every((name) => /^\d+$/.test(name)) ? Object.values(value) : value;
}
