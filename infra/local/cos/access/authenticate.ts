import type { Accounts, Caller } from '../accounts';
import { CosError } from '../cos-error';
import { type Exchange, param } from '../exchange';
import { checkSignature, checkTimes, readSignature, sameText } from '../signature';

/** The caller, proved by the signature; `undefined`: the request is not signed. Fails if it is signed wrongly. */
export function callerOf(exchange: Exchange, accounts: Accounts): Caller | undefined {
  if (exchange.dialect) {
    const caller = exchange.dialect.callerOf(accounts, exchange.nowMs);
    exchange.seen.caller = caller.name;
    return caller;
  }
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

/** A temporary key needs its token, another has none. Fails with InvalidAccessKeyId or ExpiredToken. */
export function checkToken(caller: Caller, token: string, nowMs: number): void {
  if (caller.token === undefined) {
    if (token !== '') throw new CosError('InvalidAccessKeyId', 'A permanent key has no token.');
    return;
  }
  if (!sameText(token, caller.token.value))
    throw new CosError('InvalidAccessKeyId', 'The token does not belong to this key.');
  if (caller.token.expiresAtMs <= nowMs) throw new CosError('ExpiredToken');
}
