import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import {
  type Account,
  type Accounts,
  type Caller,
  openAccounts,
  type SubAccount,
  type TemporaryKey,
} from './accounts';
import type { Policy } from './access/policy';
import type { Circumstances } from './circumstances';
import { CosError } from './cos-error';
import { DataFolderError, damaged, dataFolderErrorOf } from './data-folder-error';
import { createDispatch } from './dispatch';
import type { CosEventRecord, PendingEvent } from './events';
import { beginExchange, type Exchange, replyError } from './exchange';
import { createRequestLog, type RecordedRequest } from './request-log';
import { inItsDialect } from './s3/dialect';
import { openBodies } from './store/bodies';
import { openCommits } from './store/commit';
import { openObjectIndex } from './store/object-index';
import { createObjectStore, type ObjectStore } from './store/object-store';
import { targetOf } from './target';

export { DataFolderError };
export type { Account, CosEventRecord, PendingEvent, RecordedRequest, SubAccount, TemporaryKey };

export interface LocalCosOptions {
  /** Everything is kept here. One process at a time. */
  readonly dataDir: string;
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number;
  /** How long a restore of an archived object takes; hours on COS. */
  readonly restoreMs?: number;
}

const restoreMsDefault = 1_000;

/**
 * COS on a laptop: buckets of any region, of two accounts, behind one request handler. What is not built answers
 * NotImplemented by name.
 */
export interface LocalCos {
  readonly accounts: readonly [Account, Account];
  /** What an execution role of the account is handed. `name` shows in the request log. */
  issueTemporaryKey(
    account: Account,
    options: { readonly name: string; readonly seconds: number; readonly policies?: () => readonly Policy[] },
  ): TemporaryKey;
  /** Users of the accounts, with what they may do; kept as long as this is open. */
  readonly users: { list(): readonly SubAccount[]; replace(users: readonly SubAccount[]): void };
  /** Whose key this is; `undefined`: there is none. */
  findKey(secretId: string): Caller | undefined;
  /** Answers any request; never rejects. */
  handle(request: IncomingMessage, response: ServerResponse, circumstances?: Circumstances): Promise<void>;
  isCosHost(host: string): boolean;
  /** Told of every change after it is committed. */
  onEvent(listener: (event: PendingEvent) => void): void;
  /** Events that are not settled, oldest first; they survive a restart. */
  pendingEvents(limit?: number): Promise<readonly PendingEvent[]>;
  settleEvent(id: string): Promise<void>;
  readonly requests: { list(): readonly RecordedRequest[]; reset(): void };
  /** Waits for the requests under way. */
  close(): Promise<void>;
}

const pendingEventsMax = 100_000;

/** Opens or makes a data folder. Fails with a DataFolderError if it is damaged, foreign, in use, or cannot be written. */
export async function openLocalCos(options: LocalCosOptions): Promise<LocalCos> {
  const { dataDir, now = Date.now, restoreMs = restoreMsDefault } = options;
  const listeners: ((event: PendingEvent) => void)[] = [];
  const onEvent = (event: PendingEvent): void => listeners.forEach((listener) => listener(event));
  const opened = await openFolder(dataDir, { now, onEvent, restoreMs });
  const { store, accounts } = opened;
  const dispatch = createDispatch(store, accounts);
  const requests = createRequestLog();
  const underWay = new Set<Promise<void>>();

  const serve = async (exchange: Exchange): Promise<void> => {
    try {
      await dispatch(exchange);
    } catch (error) {
      fail(exchange, error);
    }
    const { response } = exchange;
    const target = targetOf(exchange.headers['host'] ?? '');
    requests.add({
      at: exchange.nowMs,
      method: exchange.method,
      ...(target?.kind === 'bucket' ? { bucket: target.bucket, region: target.region } : {}),
      ...(exchange.path === '/' ? {} : { key: keyForLog(exchange.path) }),
      status: response.headersSent ? response.statusCode : 0,
      ...exchange.seen,
    });
  };

  return {
    accounts: accounts.list,
    issueTemporaryKey: (account, key) => accounts.issue(account, key, now()),
    users: { list: accounts.users, replace: accounts.setUsers },
    findKey: accounts.find,
    async handle(request, response, circumstances = {}) {
      const exchange = inItsDialect(beginExchange(request, response, now(), circumstances));
      const served = serve(exchange).catch(() => void response.destroy());
      underWay.add(served);
      await served;
      underWay.delete(served);
    },
    isCosHost: (host) => targetOf(host) !== undefined,
    onEvent: (listener) => void listeners.push(listener),
    pendingEvents: async (limit = pendingEventsMax) =>
      (await store.index.events(limit)).map((event) => JSON.parse(event) as PendingEvent),
    settleEvent: (id) => store.settleEvent(id),
    requests,
    async close() {
      await Promise.all(underWay);
      await store.close();
    },
  };
}

const ownNames = new Set(
  ['index', 'bodies', 'incoming'].concat(
    ['accounts.json', 'users.json'].flatMap((name) => [name, `${name}.new`]),
  ),
);

/** All or nothing: a failure leaves the folder closed. */
async function openFolder(
  dataDir: string,
  options: {
    readonly now: () => number;
    readonly onEvent: (event: PendingEvent) => void;
    readonly restoreMs: number;
  },
): Promise<{ store: ObjectStore; accounts: Accounts }> {
  try {
    mkdirSync(dataDir, { recursive: true });
    const foreign = readdirSync(dataDir).find((name) => !ownNames.has(name));
    if (foreign !== undefined) {
      const message = `${dataDir} holds "${foreign}", which is not of a local COS. Use an empty or a new folder`;
      throw new DataFolderError('DATA_FOLDER_FOREIGN', message);
    }
    const accountsFile = path.join(dataDir, 'accounts.json');
    const indexDir = path.join(dataDir, 'index');
    // leveldb takes a folder whose CURRENT is lost for a new one, and everything in it for rubbish.
    const isNew = !existsSync(accountsFile);
    if (!isNew && !existsSync(path.join(indexDir, 'CURRENT'))) throw damaged(dataDir, 'its index is gone');
    const index = await openObjectIndex(indexDir, isNew);
    try {
      const accounts = openAccounts(accountsFile, path.join(dataDir, 'users.json'));
      const bodies = openBodies(dataDir);
      const commits = await openCommits(index, bodies, options);
      const store = createObjectStore(index, bodies, commits, options.restoreMs);
      return { store, accounts };
    } catch (error) {
      await index.close();
      throw error;
    }
  } catch (error) {
    throw dataFolderErrorOf(error, dataDir);
  }
}

/** Answers with an error, or ends an answer that has begun. */
function fail(exchange: Exchange, error: unknown): void {
  if (exchange.response.headersSent || exchange.response.destroyed) {
    exchange.response.destroy();
    return;
  }
  // A client that went away in the middle of its upload hears nothing anyway.
  const known = error instanceof CosError ? error : new CosError('InternalError', messageOf(error));
  replyError(exchange, known);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function keyForLog(rawPath: string): string {
  try {
    return decodeURIComponent(rawPath.slice(1));
  } catch {
    return rawPath.slice(1);
  }
}
