import type { Caller } from '../accounts';
import { CosError } from '../cos-error';
import { sameText } from '../signature';

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
