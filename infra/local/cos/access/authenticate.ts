import type { Accounts, Caller } from '../accounts';
import { CosError } from '../cos-error';
import { type Exchange, param } from '../exchange';
import type { S3Request } from '../s3/headers';
import { checkTimeV4, readSignatureV4, signV4 } from '../s3/signature-v4';
import { checkSignature, checkTimes, readSignature, sameText } from '../signature';
import { checkToken } from './token';

/** The caller, proved by the signature; `undefined`: the request is not signed. Fails if it is signed wrongly. */
export function callerOf(exchange: Exchange, accounts: Accounts): Caller | undefined {
  if (exchange.s3) return callerOfS3(exchange, exchange.s3, accounts);
  const fields = readSignature(exchange);
  if (!fields) return undefined;
  const caller = accounts.byKey(fields.secretId);
  exchange.seen.caller = caller.name;
  checkTimes(fields, exchange.nowMs);
  checkSignature(exchange, fields, caller.secretKey);
  const token = exchange.headers['x-cos-security-token'] ?? param(exchange, 'x-cos-security-token') ?? '';
  checkToken(caller, token, exchange.nowMs);
  return caller;
}

/** The caller, proved by a signature of version 4; `undefined`: the request has none. */
function callerOfS3(exchange: Exchange, s3: S3Request, accounts: Accounts): Caller | undefined {
  const fields = readSignatureV4(s3.original);
  if (!fields) return undefined;
  const caller = accounts.byKey(fields.accessKeyId);
  exchange.seen.caller = caller.name;
  checkTimeV4(fields, exchange.nowMs);
  const signing = signV4(s3.original, fields, caller.secretKey);
  if (!sameText(signing.seed, fields.signature)) throw new CosError('SignatureDoesNotMatch');
  s3.signing = signing;
  const token = exchange.headers['x-cos-security-token'] ?? param(s3.original, 'x-amz-security-token') ?? '';
  checkToken(caller, token, exchange.nowMs);
  return caller;
}
