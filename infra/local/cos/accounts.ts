import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { KeptMap } from '../kept-map';
import type { Policy } from './access/policy';
import { CosError } from './cos-error';

/** A root account of the local cloud and its key. */
export interface Account {
  readonly appid: string;
  readonly uin: string;
  readonly secretId: string;
  readonly secretKey: string;
}

/** A user of a root account, who may do what the policies say. */
export interface SubAccount {
  readonly name: string;
  readonly secretId: string;
  readonly secretKey: string;
  /** Of the owner's account. */
  readonly appid: string;
  readonly uin: string;
  readonly policies: readonly Policy[];
}

/** What an execution role is handed. */
export interface TemporaryKey {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Who signed a request. */
export interface Caller {
  readonly account: Account;
  /** The secret id, or the name that a temporary key was issued under. */
  readonly name: string;
  readonly secretKey: string;
  /** The user's, or the account's own. */
  readonly uin: string;
  /** What is allowed; `undefined`: everything in the account. */
  readonly policies?: readonly Policy[] | undefined;
  /** For a temporary key. */
  readonly token?: { readonly value: string; readonly expiresAtMs: number };
}

export interface Accounts {
  readonly list: readonly [Account, Account];
  /** `policies`: what may be done with it at the time of each request; `undefined`: everything in the account. */
  issue(
    account: Account,
    key: { readonly name: string; readonly seconds: number; readonly policies?: () => readonly Policy[] },
    nowMs: number,
  ): TemporaryKey;
  /** Users beside the accounts, kept with them. */
  setUsers: (users: readonly SubAccount[]) => void;
  users: () => readonly SubAccount[];
  find: (secretId: string) => Caller | undefined;
  /** Fails with InvalidAccessKeyId. */
  byKey(secretId: string): Caller;
}

/** How long the use of an expired key is answered with ExpiredToken. */
const expiredKeptMs = 3_600_000;
const appids = ['1250000000', '1250000001'] as const;

/**
 * Accounts are made on the first start and kept, so that printed keys work again; users are kept in a file of their own.
 * Fails if a file is damaged.
 */
export function openAccounts(file: string, usersFile: string): Accounts {
  const list = existsSync(file) ? readAccounts(file) : makeAccounts(file);
  const temporary = new Map<string, Caller>();
  const signing = randomBytes(32);
  const kept = new KeptMap<'users', readonly SubAccount[]>(usersFile);
  const users = (): readonly SubAccount[] => kept.get('users') ?? [];
  const find = (secretId: string): Caller | undefined => {
    const root = list.find((account) => account.secretId === secretId);
    if (root) return { account: root, name: secretId, secretKey: root.secretKey, uin: root.uin };
    const user = users().find((each) => each.secretId === secretId);
    const owner = list.find((account) => account.appid === user?.appid);
    return user && owner ? { account: owner, ...user } : temporary.get(secretId);
  };

  return {
    list,
    setUsers: (next) => void kept.set('users', next),
    users,
    issue(account, { name, seconds, policies }, nowMs) {
      const expiresAtMs = nowMs + seconds * 1000;
      const secretId = `AKID${randomBytes(24).toString('base64url')}`;
      const secretKey = randomBytes(24).toString('base64url');
      const token = createHmac('sha256', signing).update(`${secretId} ${expiresAtMs}`).digest('base64url');
      for (const [id, caller] of temporary) {
        if ((caller.token?.expiresAtMs ?? 0) + expiredKeptMs < nowMs) temporary.delete(id);
      }
      temporary.set(secretId, {
        account,
        name,
        secretKey,
        uin: account.uin,
        // A role's policy can change while its keys live.
        get policies() {
          return policies?.();
        },
        token: { value: token, expiresAtMs },
      });
      return { secretId, secretKey, token, expiresAtMs };
    },
    find,
    byKey(secretId) {
      const caller = find(secretId);
      if (!caller) throw new CosError('InvalidAccessKeyId');
      return caller;
    },
  };
}

function makeAccounts(file: string): readonly [Account, Account] {
  const make = (appid: string, uin: string): Account => ({
    appid,
    uin,
    secretId: `AKID${randomBytes(24).toString('hex').slice(0, 32)}`,
    secretKey: randomBytes(24).toString('hex').slice(0, 32),
  });
  const list = [make(appids[0], '100000000001'), make(appids[1], '100000000002')] as const;
  // Whole or not at all, whenever the process is killed.
  writeFileSync(`${file}.new`, `${JSON.stringify(list, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return list;
}

function readAccounts(file: string): readonly [Account, Account] {
  const list = parsedList(readFileSync(file, 'utf8'));
  const sound = (account: Partial<Account> | undefined): account is Account =>
    [account?.appid, account?.uin, account?.secretId, account?.secretKey].every(
      (field) => typeof field === 'string',
    );
  const [first, second] = list;
  if (sound(first) && sound(second)) return [first, second];
  throw new Error(`${path.basename(file)} does not hold two accounts`);
}

function parsedList(text: string): readonly Partial<Account>[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? (parsed as Partial<Account>[]) : [];
  } catch {
    return [];
  }
}
