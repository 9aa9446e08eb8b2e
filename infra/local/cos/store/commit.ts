import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { CosError } from '../cos-error';
import { type ChangeOrigin, type EventKind, eventRecord, type PendingEvent } from '../events';
import type { Bodies, ReceivedBody } from './bodies';
import type { StoredBucket, StoredEntry } from './entry';
import * as names from './index-keys';
import { createLocks } from './locks';
import type { ObjectIndex, Operation } from './object-index';

/** One change of one key's history: an entry comes, an entry goes, or the one replaces the other. */
export interface Change {
  readonly bucket: StoredBucket;
  readonly key: string;
  readonly add?: StoredEntry | undefined;
  readonly remove?: StoredEntry | undefined;
  readonly event: EventKind;
  readonly origin: ChangeOrigin;
}

/**
 * Where objects change, where events come from, and the only place that knows which bodies are in use. A body's file
 * is noted as unreferenced before it exists and from its last reference on, so that the next start finds each file
 * that a kill left over without looking at all of them.
 */
export interface Commits {
  /** Microseconds; unique and increasing, whatever the clock does. */
  readonly mint: () => bigint;
  /** Streams a body in. Without a `commit` that refers to it, it is to be given to `discard`. */
  readonly receive: (content: Readable, bytesMax: number) => Promise<ReceivedBody>;
  readonly discard: (body: string) => Promise<void>;
  /** One atomic batch with its event. Fails with NoSuchKey if the body that it refers to went away. */
  readonly commit: (change: Change) => Promise<void>;
}

/**
 * Commits of different keys may reach the disk in another order than they read the clock, and a kill may come in
 * between: the next start begins this much later than the last clock on disk.
 */
const clockReserveMicros = 10_000n;

export async function openCommits(
  index: ObjectIndex,
  bodies: Bodies,
  options: { readonly now: () => number; readonly onEvent: (event: PendingEvent) => void },
): Promise<Commits> {
  const inTurn = createLocks();
  let lastMicros = (await index.clock()) + clockReserveMicros;

  const mint = (): bigint => {
    const now = BigInt(Math.floor(options.now() * 1000));
    lastMicros = now > lastMicros ? now : lastMicros + 1n;
    return lastMicros;
  };

  const discard = async (body: string): Promise<void> => {
    if (body === '') return;
    await bodies.remove(body);
    await index.commit([del(names.unreferencedName(body))]);
  };

  /** Locks in one order, so that two changes never wait for each other. */
  const lockAll = async (bodiesInOrder: readonly string[], work: () => Promise<void>): Promise<void> => {
    const [first, ...rest] = bodiesInOrder;
    return first === undefined ? work() : inTurn(first, () => lockAll(rest, work));
  };

  // As many as were on their way when the process ended.
  for (const body of await index.unreferenced()) await discard(body);

  return {
    mint,
    discard,

    async receive(content, bytesMax) {
      const name = randomUUID().replaceAll('-', '');
      await index.commit([noteUnreferenced(name)]);
      try {
        const received = await bodies.receive(name, content, bytesMax);
        if (received.body === '') await discard(name);
        return received;
      } catch (error) {
        await discard(name);
        throw error;
      }
    },

    async commit({ bucket, key, add, remove, event, origin }) {
      const touched = [...new Set([bodyOf(add), bodyOf(remove)])].filter((body) => body !== '').sort();
      await lockAll(touched, async () => {
        const operations: Operation[] = [];
        if (add)
          operations.push(put(names.entryName(bucket.name, key, BigInt(add.micros)), JSON.stringify(add)));
        if (remove) operations.push(del(names.entryName(bucket.name, key, BigInt(remove.micros))));
        const unused: string[] = [];
        for (const body of touched) {
          const before = await index.bodyUsers(body);
          // Whoever it is copied from was deleted in between.
          if (before === 0 && event === 'cos:ObjectCreated:Copy' && body === bodyOf(add))
            throw new CosError('NoSuchKey');
          const after = before + Number(body === bodyOf(add)) - Number(body === bodyOf(remove));
          if (after <= 0) {
            unused.push(body);
            operations.push(del(names.bodyName(body)), noteUnreferenced(body));
          } else {
            operations.push(put(names.bodyName(body), String(after)));
            if (before === 0) operations.push(del(names.unreferencedName(body)));
          }
        }
        const entry = add ?? remove;
        const pending = entry && eventRecord({ bucket, key, entry, kind: event, origin, micros: mint() });
        if (pending) operations.push(put(names.eventName(pending.id), JSON.stringify(pending)));
        operations.push(put(names.clockName, lastMicros.toString()));
        await index.commit(operations);
        // Done is done: a listener that throws fails the process, not the request.
        if (pending) queueMicrotask(() => options.onEvent(pending));
        // What cannot be removed now is noted for the next start.
        for (const body of unused) await discard(body).catch(() => undefined);
      });
    },
  };
}

function bodyOf(entry: StoredEntry | undefined): string {
  return entry?.kind === 'version' ? entry.body : '';
}

/** The name is in the value too, which is what a start reads. */
export function noteUnreferenced(body: string): Operation {
  return put(names.unreferencedName(body), body);
}

function put(key: Buffer, value: string): Operation {
  return { type: 'put', key, value };
}

function del(key: Buffer): Operation {
  return { type: 'del', key };
}
