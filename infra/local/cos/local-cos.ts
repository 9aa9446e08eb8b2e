import { mkdirSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { type Account, openAccounts, type TemporaryKey } from './accounts';
import { CosError } from './cos-error';
import { dispatch } from './dispatch';
import type { PendingEvent } from './events';
import { beginExchange, type Exchange, replyError } from './exchange';
import { createRequestLog, type RecordedRequest } from './request-log';
import { openBodies } from './store/bodies';
import { openObjectIndex } from './store/object-index';
import { createObjectStore } from './store/object-store';
import { targetOf } from './target';

export type { Account, PendingEvent, RecordedRequest, TemporaryKey };

export interface LocalCosOptions {
  /** Everything is kept here. One process at a time. */
  readonly dataDir: string;
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number;
}

/**
 * COS on a laptop: buckets of any region, of two accounts, behind one request handler. What is not built answers
 * NotImplemented by name.
 */
export interface LocalCos {
  readonly accounts: readonly [Account, Account];
  /** What an execution role of the account is handed. `name` shows in the request log. */
  issueTemporaryKey(
    account: Account,
    options: { readonly name: string; readonly seconds: number },
  ): TemporaryKey;
  /** Answers any request; never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void;
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

/** Opens or makes a data folder. Fails if it is damaged, foreign, or in use by another process. */
export async function openLocalCos(options: LocalCosOptions): Promise<LocalCos> {
  const { dataDir, now = Date.now } = options;
  mkdirSync(dataDir, { recursive: true });
  const index = await openObjectIndex(path.join(dataDir, 'index'));
  const accounts = openAccounts(path.join(dataDir, 'accounts.json'));
  const listeners: ((event: PendingEvent) => void)[] = [];
  const store = createObjectStore(index, openBodies(dataDir), {
    now,
    lastMicros: await index.clock(),
    onEvent: (event) => listeners.forEach((listener) => listener(event)),
  });
  const requests = createRequestLog();
  const underWay = new Set<Promise<void>>();

  const serve = async (exchange: Exchange): Promise<void> => {
    try {
      await dispatch(exchange, store, accounts);
    } catch (error) {
      fail(exchange, error);
    }
    const target = targetOf(exchange.headers['host'] ?? '');
    requests.add({
      at: exchange.nowMs,
      method: exchange.method,
      ...(target?.kind === 'bucket' ? { bucket: target.bucket, region: target.region } : {}),
      ...(exchange.path === '/' ? {} : { key: keyForLog(exchange.path) }),
      status: exchange.response.statusCode,
      ...exchange.seen,
    });
  };

  return {
    accounts: accounts.list,
    issueTemporaryKey: (account, { name, seconds }) => accounts.issue(account, name, now() + seconds * 1000),
    handle(request, response) {
      const served = serve(beginExchange(request, response, now()));
      underWay.add(served);
      void served.finally(() => underWay.delete(served));
    },
    isCosHost: (host) => targetOf(host) !== undefined,
    onEvent: (listener) => void listeners.push(listener),
    pendingEvents: async (limit = pendingEventsMax) =>
      (await index.events(limit)).map((event) => JSON.parse(event) as PendingEvent),
    settleEvent: (id) => store.settleEvent(id),
    requests,
    async close() {
      await Promise.all(underWay);
      await index.close();
    },
  };
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
