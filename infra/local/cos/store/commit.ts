import { randomUUID } from 'node:crypto';
import { CosError } from '../cos-error';
import { type ChangeOrigin, type EventKind, eventRecord, type PendingEvent } from '../events';
import type { Bodies, ReceivedBody } from './bodies';
import { bringUpToDate, noteCurrent } from './current-keys';
import { type Composite, filesOf, isComposite, isInline } from './content';
import type { StoredBucket, StoredEntry } from './entry';
import * as names from './index-keys';
import { createLocks } from './locks';
import type { ObjectIndex, Operation } from './object-index';

/** One change of one key's history: an entry comes, an entry goes, or the one replaces the other. */
export interface Change extends Omit<Batch, 'pending'> {
  readonly bucket: StoredBucket;
  readonly key: string;
  readonly add?: StoredEntry | undefined;
  /** `add` was minted before others may have come on top. */
  readonly mayBeOlder?: boolean;
  readonly remove?: StoredEntry | undefined;
  /** Absent if COS documents none. */
  readonly event?: EventKind | undefined;
  readonly origin: ChangeOrigin;
  /** The body of `add` is another entry's too. */
  readonly shared?: boolean;
}

/** A body gains or loses a user. */
export interface Use {
  readonly body: string;
  readonly by: 1 | -1;
  /** It must be in use before, as what is copied is. */
  readonly shared?: boolean;
}

/** What reaches the index together. */
export interface Batch {
  readonly operations?: readonly Operation[];
  readonly uses?: readonly Use[];
  /** New composite bodies; each is a user of its files, and needs one itself. */
  readonly composites?: readonly (Composite & { readonly shared?: boolean })[];
  readonly pending?: PendingEvent | undefined;
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
  readonly receive: (content: AsyncIterable<Buffer>, bytesMax: number) => Promise<ReceivedBody>;
  readonly discard: (body: string) => Promise<void>;
  /** One atomic batch with its event. Fails with NoSuchKey if a body that it shares went away. */
  readonly commit: (change: Change) => Promise<void>;
  /** The same without a change of a history. */
  readonly apply: (batch: Batch) => Promise<void>;
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

  /** Bytes of inline bodies that no commit has brought to the index yet. */
  const arriving = new Map<string, Buffer>();

  const discard = async (body: string): Promise<void> => {
    if (body === '' || arriving.delete(body)) return;
    await bodies.remove(body);
    const bytes = isInline(body) ? [del(names.inlineName(body))] : [];
    await index.commit([...bytes, del(names.unreferencedName(body))]);
  };

  /** Locks in one order, so that two changes never wait for each other. */
  const lockAll = async (inOrder: readonly string[], work: () => Promise<void>, from = 0): Promise<void> => {
    const name = inOrder[from];
    return name === undefined ? work() : inTurn(name, () => lockAll(inOrder, work, from + 1));
  };

  /** All bodies whose users may change: with a composite that may go, its files. */
  const touchedBy = async ({ uses = [], composites = [] }: Batch): Promise<readonly string[]> => {
    const touched = new Set(uses.map((use) => use.body));
    for (const { slices } of composites) for (const file of filesOf(slices)) touched.add(file);
    for (const { body, by } of uses) {
      if (by > 0 || !isComposite(body)) continue;
      for (const file of filesOf((await index.composite(body)) ?? [])) touched.add(file);
    }
    touched.delete('');
    return [...touched].sort();
  };

  const apply = async (batch: Batch): Promise<void> => {
    const touched = await touchedBy(batch);
    await lockAll(touched, async () => {
      const { operations, unused } = await countUses(index, batch, arriving);
      const { pending } = batch;
      if (pending) operations.push(put(names.eventName(pending.id), JSON.stringify(pending)));
      operations.push(put(names.clockName, lastMicros.toString()));
      await index.commit([...(batch.operations ?? []), ...operations]);
      for (const body of touched) arriving.delete(body);
      // Done is done: a listener that throws fails the process, not the request.
      if (pending) queueMicrotask(() => options.onEvent(pending));
      for (const body of unused) {
        // What cannot be removed now is noted for the next start.
        const removed = discard(body).catch(() => undefined);
        if (!bodies.isHeld(body)) await removed;
      }
    });
  };

  await bringUpToDate(index);
  // As many as were on their way when the process ended.
  for (const body of await index.unreferenced()) await discard(body);

  return {
    mint,
    discard,
    apply,

    async receive(content, bytesMax) {
      const name = randomUUID().replaceAll('-', '');
      let noted = false;
      const note = (): Promise<void> => {
        noted = true;
        return index.commit([noteUnreferenced(name)]);
      };
      try {
        const received = await bodies.receive(name, content, bytesMax, note);
        if (received.bytes) arriving.set(received.body, received.bytes);
        return received;
      } catch (error) {
        if (noted) await discard(name);
        throw error;
      }
    },

    async commit({ bucket, key, add, mayBeOlder = false, remove, event, origin, shared = false, ...more }) {
      const operations: Operation[] = [...(more.operations ?? [])];
      const uses: Use[] = [...(more.uses ?? [])];
      if (add) {
        operations.push(put(names.entryName(bucket.name, key, BigInt(add.micros)), JSON.stringify(add)));
        uses.push({ body: bodyOf(add), by: 1, shared });
      }
      if (remove) {
        operations.push(del(names.entryName(bucket.name, key, BigInt(remove.micros))));
        uses.push({ body: bodyOf(remove), by: -1 });
      }
      if (add || remove)
        operations.push(await noteCurrent(index, bucket.name, key, { add, mayBeOlder, remove }));
      const entry = add ?? remove;
      const pending =
        entry && event && eventRecord({ bucket, key, entry, kind: event, origin, micros: mint() });
      await apply({ ...more, operations, uses, pending });
    },
  };
}

/** The operations that count users anew, and the files that nobody uses any more. */
async function countUses(
  index: ObjectIndex,
  { uses = [], composites = [] }: Batch,
  arriving: ReadonlyMap<string, Buffer>,
): Promise<{ operations: Operation[]; unused: readonly string[] }> {
  const operations: Operation[] = [];
  const unused: string[] = [];
  const changes = new Map<string, number>();
  const shared = new Set<string>();
  const count = ({ body, by, shared: mustBeUsed }: Use): void => {
    if (body === '') return;
    changes.set(body, (changes.get(body) ?? 0) + by);
    if (mustBeUsed) shared.add(body);
  };
  uses.forEach(count);
  for (const { body, slices, shared: ofShared = false } of composites) {
    operations.push(put(names.compositeName(body), JSON.stringify(slices)));
    for (const file of filesOf(slices)) count({ body: file, by: 1, shared: ofShared });
  }
  // A composite that goes changes the users of its files.
  for (const body of [...changes.keys()].filter((name) => isComposite(name))) await settle(body);
  for (const body of [...changes.keys()].filter((name) => !isComposite(name))) await settle(body);
  return { operations, unused };

  async function settle(body: string): Promise<void> {
    const change = changes.get(body) ?? 0;
    if (change === 0 && !shared.has(body)) return;
    const before = arriving.has(body) ? 0 : await index.bodyUsers(body);
    // Whoever it is copied from was deleted in between.
    if (before === 0 && shared.has(body)) throw new CosError('NoSuchKey');
    const after = before + change;
    if (after > 0) {
      operations.push(put(names.bodyName(body), String(after)));
      const bytes = arriving.get(body);
      if (bytes)
        operations.push({ type: 'put', key: names.inlineName(body), value: bytes, valueEncoding: 'buffer' });
      else if (before === 0 && !isComposite(body)) operations.push(del(names.unreferencedName(body)));
      return;
    }
    operations.push(del(names.bodyName(body)));
    if (!isComposite(body)) {
      unused.push(body);
      operations.push(noteUnreferenced(body));
      return;
    }
    operations.push(del(names.compositeName(body)));
    for (const file of filesOf((await index.composite(body)) ?? [])) count({ body: file, by: -1 });
  }
}

function bodyOf(entry: StoredEntry): string {
  return entry.kind === 'version' ? entry.body : '';
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
