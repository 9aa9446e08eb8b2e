import { versionIdAt } from '../../../../lib/domain/version-id';
import { CosError } from '../cos-error';
import { type EventKind, eventRecord, type PendingEvent } from '../events';
import type { Bodies, ReceivedBody } from './bodies';
import type { StoredBucket, StoredEntry, StoredMarker, StoredVersion, Tag } from './entry';
import * as names from './index-keys';
import { createLocks } from './locks';
import type { ObjectIndex, Operation } from './object-index';

/** What a request says of an object beside its body. */
export interface ObjectFacts {
  readonly etag: string;
  readonly storageClass: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
}

/** Where a change came from, for its event. */
export interface ChangeOrigin {
  readonly requestId: string;
  readonly sourceIp: string;
  readonly authorization: string;
}

export type ObjectStore = ReturnType<typeof createObjectStore>;

/** Buckets, histories and their changes. Every change of an object goes through `commit`, which raises its event. */
export function createObjectStore(
  index: ObjectIndex,
  bodies: Bodies,
  options: {
    readonly now: () => number;
    readonly lastMicros: bigint;
    readonly onEvent: (event: PendingEvent) => void;
  },
) {
  const inTurn = createLocks();
  let lastMicros = options.lastMicros;

  /** Unique and increasing, whatever the clock does. */
  const mint = (): bigint => {
    const now = BigInt(Math.floor(options.now() * 1000));
    lastMicros = now > lastMicros ? now : lastMicros + 1n;
    return lastMicros;
  };

  /** One atomic change of one key. The only place where objects change, and where events come from. */
  const commit = async (
    bucket: StoredBucket,
    key: string,
    change: {
      readonly add?: StoredEntry;
      readonly remove?: StoredEntry;
      readonly event: EventKind;
      /** The body of `add` is another entry's too. */
      readonly copied?: boolean;
    },
    origin: ChangeOrigin,
  ): Promise<void> => {
    const { add, remove } = change;
    const shared = [...new Set([bodyOf(add), bodyOf(remove)])].filter((body) => body !== '').sort();
    await lockAll(shared, async () => {
      const operations: Operation[] = [];
      if (add) operations.push(put(names.entryName(bucket.name, key, BigInt(add.micros)), add));
      if (remove) operations.push(del(names.entryName(bucket.name, key, BigInt(remove.micros))));
      const unused: string[] = [];
      for (const body of shared) {
        const before = await index.bodyUsers(body);
        // Whoever it is copied from was deleted in between.
        if (before === 0 && change.copied && body === bodyOf(add)) throw new CosError('NoSuchKey');
        const after = before + Number(body === bodyOf(add)) - Number(body === bodyOf(remove));
        if (after <= 0) unused.push(body);
        operations.push(
          after > 0
            ? { type: 'put', key: names.bodyName(body), value: String(after) }
            : del(names.bodyName(body)),
        );
      }
      const subject = add ?? remove;
      const pending =
        subject && eventRecord({ bucket, key, entry: subject, kind: change.event, origin, micros: mint() });
      if (pending)
        operations.push({ type: 'put', key: names.eventName(pending.id), value: JSON.stringify(pending) });
      operations.push({ type: 'put', key: names.clockName, value: lastMicros.toString() });
      await index.commit(operations);
      for (const body of unused) await bodies.discard(body);
      if (pending) options.onEvent(pending);
    });
  };

  /** Locks in one order, so that two changes never wait for each other. */
  const lockAll = async (bodiesInOrder: readonly string[], work: () => Promise<void>): Promise<void> => {
    const [first, ...rest] = bodiesInOrder;
    return first === undefined ? work() : inTurn(`body ${first}`, () => lockAll(rest, work));
  };

  /** What a plain write replaces: the `null` entry of a suspended bucket, or anything without versioning. */
  const replacedBy = async (bucket: StoredBucket, key: string): Promise<StoredEntry | undefined> => {
    if (bucket.versioning === 'Enabled') return undefined;
    for await (const entry of index.history(bucket.name, key)) if (!hasOwnId(entry)) return entry;
    return undefined;
  };

  const idFor = (bucket: StoredBucket, micros: bigint): string =>
    bucket.versioning === 'Enabled' ? versionIdAt(micros) : bucket.versioning === 'Suspended' ? 'null' : '';

  return {
    index,
    bodies,

    createBucket: (bucket: StoredBucket): Promise<void> =>
      inTurn(`bucket ${bucket.name}`, async () => {
        const existing = await index.bucket(bucket.name);
        if (existing)
          throw new CosError(
            existing.appid === bucket.appid ? 'BucketAlreadyOwnedByYou' : 'BucketAlreadyExists',
          );
        await index.commit([put(names.bucketName(bucket.name), bucket)]);
      }),

    changeBucket: (name: string, change: Partial<StoredBucket>): Promise<void> =>
      inTurn(`bucket ${name}`, async () => {
        const bucket = await index.bucket(name);
        if (!bucket) throw new CosError('NoSuchBucket');
        await index.commit([put(names.bucketName(name), { ...bucket, ...change })]);
      }),

    removeBucket: (name: string): Promise<void> =>
      inTurn(`bucket ${name}`, async () => {
        for await (const _ of index.scan(name, names.prefixSpan(name, '')))
          throw new CosError('BucketNotEmpty');
        await index.commit([del(names.bucketName(name))]);
      }),

    /** The entry of a version id, or the newest. Markers are entries too. */
    async find(
      bucket: StoredBucket,
      key: string,
      versionId: string | undefined,
    ): Promise<StoredEntry | undefined> {
      if (versionId === undefined) return index.newest(bucket.name, key);
      for await (const entry of index.history(bucket.name, key)) {
        if (entry.versionId === versionId || (versionId === 'null' && entry.versionId === '')) return entry;
      }
      return undefined;
    },

    /** Writes a new version of a body that was received, or that another version has. */
    write: (
      bucket: StoredBucket,
      key: string,
      content: Pick<ReceivedBody, 'body' | 'size' | 'crc64'>,
      facts: ObjectFacts,
      change: { readonly event: EventKind; readonly forbidOverwrite: boolean; readonly origin: ChangeOrigin },
    ): Promise<StoredVersion> =>
      inTurn(`key ${bucket.name}/${key}`, async () => {
        // It protects nothing in a bucket that ever had versioning.
        if (
          change.forbidOverwrite &&
          bucket.versioning === 'never' &&
          (await index.newest(bucket.name, key))
        ) {
          throw new CosError('FileAlreadyExists');
        }
        const remove = await replacedBy(bucket, key);
        const micros = mint();
        const add: StoredVersion = {
          kind: 'version',
          versionId: idFor(bucket, micros),
          micros: micros.toString(),
          ...facts,
          size: content.size,
          crc64: content.crc64,
          body: content.body,
        };
        const copied = change.event === 'cos:ObjectCreated:Copy';
        await commit(
          bucket,
          key,
          { add, event: change.event, copied, ...(remove ? { remove } : {}) },
          change.origin,
        );
        return add;
      }),

    /** A plain delete: a marker, or without versioning the object itself. `undefined`: there was nothing to delete. */
    remove: (bucket: StoredBucket, key: string, origin: ChangeOrigin): Promise<StoredMarker | undefined> =>
      inTurn(`key ${bucket.name}/${key}`, async () => {
        const remove = await replacedBy(bucket, key);
        if (bucket.versioning === 'never') {
          if (remove) await commit(bucket, key, { remove, event: 'cos:ObjectRemove:Delete' }, origin);
          return undefined;
        }
        const micros = mint();
        const add: StoredMarker = {
          kind: 'deleteMarker',
          versionId: idFor(bucket, micros),
          micros: micros.toString(),
        };
        const event = 'cos:ObjectRemove:DeleteMarkerCreated';
        await commit(bucket, key, { add, event, ...(remove ? { remove } : {}) }, origin);
        return add;
      }),

    /** Deletes one entry for good. `undefined`: there is none. */
    removeVersion: (
      bucket: StoredBucket,
      key: string,
      versionId: string,
      origin: ChangeOrigin,
    ): Promise<StoredEntry | undefined> =>
      inTurn(`key ${bucket.name}/${key}`, async () => {
        for await (const entry of index.history(bucket.name, key)) {
          if (entry.versionId !== versionId && !(versionId === 'null' && entry.versionId === '')) continue;
          await commit(bucket, key, { remove: entry, event: 'cos:ObjectRemove:Delete' }, origin);
          return entry;
        }
        return undefined;
      }),

    /** Tags change in place: neither a version nor an event. */
    setTags: (
      bucket: StoredBucket,
      key: string,
      version: StoredVersion,
      tags: readonly Tag[],
    ): Promise<void> =>
      inTurn(`key ${bucket.name}/${key}`, async () => {
        for await (const entry of index.history(bucket.name, key)) {
          if (entry.micros !== version.micros) continue;
          await index.commit([
            put(names.entryName(bucket.name, key, BigInt(entry.micros)), { ...entry, tags }),
          ]);
          return;
        }
        throw new CosError('NoSuchVersion');
      }),

    settleEvent: (id: string): Promise<void> => index.commit([del(names.eventName(id))]),
  };
}

function bodyOf(entry: StoredEntry | undefined): string {
  return entry?.kind === 'version' ? entry.body : '';
}

function hasOwnId(entry: StoredEntry): boolean {
  return entry.versionId !== '' && entry.versionId !== 'null';
}

function put(key: Buffer, value: unknown): Operation {
  return { type: 'put', key, value: JSON.stringify(value) };
}

function del(key: Buffer): Operation {
  return { type: 'del', key };
}
