import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { versionIdAt, versionIdMicros } from '../../../../lib/domain/version-id';
import { CosError } from '../cos-error';
import { type ChangeOrigin, type EventKind, eventRecord } from '../events';
import type { Bodies } from './bodies';
import type { Change, Commits } from './commit';
import {
  type Content,
  compositeBody,
  filesOf,
  isInline,
  type OpenBody,
  openedBytes,
  openSlices,
  type Slice,
  sliceOf,
} from './content';
import { combineCrc64 } from './crc64-combine';
import {
  hasOwnId,
  type ObjectFacts,
  type StoredBucket,
  type StoredDocument,
  type StoredEntry,
  type StoredMarker,
  type StoredVersion,
} from './entry';
import * as names from './index-keys';
import { createGates, createLocks } from './locks';
import type { ObjectIndex, Operation } from './object-index';
import { createUploads, slicesOf } from './uploads';

/** How a version comes to be. */
export interface WriteChange extends Pick<Change, 'composites' | 'uses' | 'operations' | 'shared'> {
  readonly event: EventKind | undefined;
  readonly forbidOverwrite: boolean;
  readonly origin: ChangeOrigin;
  /** Of `mint`; without it the version is of the moment of its commit. */
  readonly mintedMicros: bigint | undefined;
}

/** What may change of a version in place: neither a version nor an event comes of it. */
export type InPlace = Partial<Pick<StoredVersion, 'tags' | 'acl' | 'restore'>>;

/** What became of a plain write or delete, under the bucket's state at that moment. */
export interface Written<Entry> {
  readonly bucket: StoredBucket;
  /** `undefined`: there was nothing to delete. */
  readonly entry: Entry;
}

export type ObjectStore = ReturnType<typeof createObjectStore>;

/** Buckets and histories. Every change of an object goes through `commits`, which raises its event. */
export function createObjectStore(
  index: ObjectIndex,
  bodies: Bodies,
  commits: Commits,
  /** How long a restore of an archived object takes. */
  restoreMs: number,
) {
  const timers = new Set<NodeJS.Timeout>();
  const inTurn = createLocks();
  const gates = createGates();
  let settled: Operation[] = [];
  let settling: Promise<void> | undefined;

  /**
   * One change of a key after the other, under the bucket as it is then: a body may have taken an hour, and versioning
   * may have been switched or the bucket deleted meanwhile.
   */
  const onKey = <Result>(
    named: StoredBucket,
    key: string,
    work: (bucket: StoredBucket) => Promise<Result>,
  ): Promise<Result> =>
    gates.together(named.name, async () => {
      const bucket = await index.bucket(named.name);
      if (bucket?.createdMs !== named.createdMs) throw new CosError('NoSuchBucket');
      return inTurn(`${named.name}/${key}`, () => work(bucket));
    });

  const find = async (bucket: StoredBucket, key: string, versionId: string | undefined) => {
    if (versionId === undefined) return index.newest(bucket.name, key);
    if (versionId === 'null') return withoutId(bucket, key);
    const micros = versionIdMicros(versionId);
    const entry = micros === undefined ? undefined : await index.entryAt(bucket.name, key, micros);
    // The place of a `null` entry is nobody's id.
    return entry?.versionId === versionId ? entry : undefined;
  };

  const withoutId = async (bucket: StoredBucket, key: string): Promise<StoredEntry | undefined> => {
    for await (const entry of index.history(bucket.name, key)) if (!hasOwnId(entry)) return entry;
    return undefined;
  };

  /** What a plain write replaces: the `null` entry of a suspended bucket, or anything without versioning. */
  const replacedBy = async (bucket: StoredBucket, key: string): Promise<StoredEntry | undefined> => {
    if (bucket.versioning === 'Enabled') return undefined;
    // Without versioning there is one entry at most, and no marker.
    return bucket.versioning === 'never' ? index.currentVersion(bucket.name, key) : withoutId(bucket, key);
  };

  const identity = (
    bucket: StoredBucket,
    micros = commits.mint(),
  ): Pick<StoredEntry, 'versionId' | 'micros'> => {
    const versionId = bucket.versioning === 'Enabled' ? versionIdAt(micros) : 'null';
    return { versionId, micros: micros.toString() };
  };

  const uploads = createUploads(index, commits);

  const open: OpenBody = async (body) => {
    if (!isInline(body)) return bodies.open(body);
    const bytes = await index.bytes(body);
    if (!bytes) throw new CosError('NoSuchKey');
    return openedBytes(bytes);
  };

  const read = async (
    version: StoredVersion,
    start: number,
    end: number,
  ): Promise<{ readonly content: AsyncIterable<Buffer>; readonly close: () => void }> => {
    const slices = sliceOf(await slicesOf(index, version), start, end);
    const close = bodies.hold(filesOf(slices));
    try {
      return { content: await openSlices(open, slices), close };
    } catch (error) {
      close();
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? new CosError('NoSuchKey') : error;
    }
  };

  return {
    index,
    uploads,
    restoreMs,
    mint: commits.mint,
    receive: commits.receive,
    discard: commits.discard,

    createBucket: (bucket: StoredBucket): Promise<void> =>
      gates.alone(bucket.name, async () => {
        // Nobody else can own it: the name ends in the account's APPID.
        if (await index.bucket(bucket.name)) throw new CosError('BucketAlreadyOwnedByYou');
        await index.commit([put(names.bucketName(bucket.name), bucket)]);
      }),

    /** Waits for the changes under way in the bucket. */
    changeBucket: (name: string, change: Partial<StoredBucket>): Promise<void> =>
      gates.alone(name, async () => {
        const bucket = await index.bucket(name);
        if (!bucket) throw new CosError('NoSuchBucket');
        await index.commit([put(names.bucketName(name), { ...bucket, ...change })]);
      }),

    removeBucket: (name: string): Promise<void> =>
      gates.alone(name, async () => {
        for (const span of [names.prefixSpan(name, ''), names.uploadPrefixSpan(name, '')])
          if (!(await index.isEmpty(span))) throw new CosError('BucketNotEmpty');
        const gone = [names.bucketName(name), ...(await index.documentNames(name))];
        await index.commit(gone.map((key): Operation => ({ type: 'del', key })));
      }),

    /** `undefined` removes it. */
    setDocument: (
      bucket: StoredBucket,
      name: string,
      document: StoredDocument | undefined,
    ): Promise<void> => {
      const key = names.documentName(bucket.name, name);
      return index.commit([document === undefined ? { type: 'del', key } : put(key, document)]);
    },

    /** The entry of a version id, or the newest. Markers are entries too. */
    find,

    /** Writes a new version of a content that was received, or that another version has. */
    write: (
      named: StoredBucket,
      key: string,
      content: Content,
      facts: ObjectFacts,
      change: WriteChange,
    ): Promise<Written<StoredVersion>> =>
      onKey(named, key, async (bucket) => {
        const { forbidOverwrite, mintedMicros, ...more } = change;
        // It protects nothing in a bucket that ever had versioning.
        const guarded = forbidOverwrite && bucket.versioning === 'never';
        if (guarded && (await index.currentVersion(bucket.name, key)))
          throw new CosError('FileAlreadyExists');
        const remove = await replacedBy(bucket, key);
        const { body, size, crc64 } = content;
        const entry: StoredVersion = {
          kind: 'version',
          ...identity(bucket, mintedMicros),
          ...facts,
          size,
          crc64,
          body,
        };
        const mayBeOlder = mintedMicros !== undefined;
        await commits.commit({ ...more, bucket, key, add: entry, mayBeOlder, remove });
        return { bucket, entry };
      }),

    /**
     * Appends to an object, or begins one at position 0. Versioning does not see it: it is the `null` entry of its key.
     * Fails with ObjectNotAppendable or AppendPositionErr.
     */
    append: (
      named: StoredBucket,
      key: string,
      added: Content & { readonly position: number },
      facts: ObjectFacts,
      origin: ChangeOrigin,
    ): Promise<Written<StoredVersion>> =>
      onKey(named, key, async (bucket) => {
        const newest = await index.newest(bucket.name, key);
        const before = newest?.kind === 'version' ? newest : undefined;
        if (before && !before.appendable) throw new CosError('ObjectNotAppendable');
        if (added.position !== (before?.size ?? 0)) throw new CosError('AppendPositionErr');
        const slices = [
          ...(before ? await slicesOf(index, before) : []),
          ...(added.size > 0 ? [{ file: added.body, start: 0, size: added.size }] : []),
        ];
        const body = slices.length === 0 ? '' : compositeBody(randomUUID());
        const crc64 = combineCrc64(BigInt(before?.crc64 ?? 0), BigInt(added.crc64), added.size).toString();
        const { storageClass, metadata, tags, acl } = before ?? facts;
        const entry: StoredVersion = {
          kind: 'version',
          ...identity({ ...bucket, versioning: 'Suspended' }),
          storageClass,
          metadata,
          tags,
          acl,
          etag: facts.etag,
          size: (before?.size ?? 0) + added.size,
          crc64,
          body,
          appendable: true,
        };
        const remove = await withoutId(bucket, key);
        const composites = body === '' ? [] : [{ body, slices }];
        // No documented event type tells of it.
        await commits.commit({ bucket, key, add: entry, remove, composites, origin });
        return { bucket, entry };
      }),

    /** A plain delete: a marker, or without versioning the object itself. */
    remove: (
      named: StoredBucket,
      key: string,
      origin: ChangeOrigin,
    ): Promise<Written<StoredMarker | undefined>> =>
      onKey(named, key, async (bucket) => {
        const remove = await replacedBy(bucket, key);
        if (bucket.versioning === 'never') {
          if (remove) await commits.commit({ bucket, key, remove, event: 'cos:ObjectRemove:Delete', origin });
          return { bucket, entry: undefined };
        }
        const entry: StoredMarker = { kind: 'deleteMarker', ...identity(bucket) };
        const event = 'cos:ObjectRemove:DeleteMarkerCreated';
        await commits.commit({ bucket, key, add: entry, remove, event, origin });
        return { bucket, entry };
      }),

    /** Deletes one entry for good. `undefined`: there is none. */
    removeVersion: (
      named: StoredBucket,
      key: string,
      versionId: string,
      origin: ChangeOrigin,
    ): Promise<StoredEntry | undefined> =>
      onKey(named, key, async (bucket) => {
        const remove = await find(bucket, key, versionId);
        if (remove) await commits.commit({ bucket, key, remove, event: 'cos:ObjectRemove:Delete', origin });
        return remove;
      }),

    /** Fails with NoSuchVersion if it was deleted meanwhile. */
    changeInPlace: (
      named: StoredBucket,
      key: string,
      version: StoredVersion,
      change: InPlace,
      /** Told with the change. */
      event?: EventKind,
      origin?: ChangeOrigin,
    ): Promise<void> =>
      onKey(named, key, async (bucket) => {
        const micros = BigInt(version.micros);
        const entry = await index.entryAt(bucket.name, key, micros);
        if (entry?.kind !== 'version') throw new CosError('NoSuchVersion');
        const changed = { ...entry, ...change };
        const pending =
          event &&
          origin &&
          eventRecord({ bucket, key, entry: changed, micros: commits.mint(), kind: event, origin });
        await commits.apply({
          operations: [put(names.entryName(bucket.name, key, micros), changed)],
          pending,
        });
      }),

    /** Some bytes of a version, `end` not included, as slices that a part may share. */
    slices: async (version: StoredVersion, start: number, end: number): Promise<readonly Slice[]> =>
      sliceOf(await slicesOf(index, version), start, end),

    /** The sums of some bytes of a version, read from its files. `etag`: their MD5. */
    sumOf: async (
      version: StoredVersion,
      start: number,
      end: number,
    ): Promise<{ readonly etag: string; readonly crc64: string }> => {
      const { content, close } = await read(version, start, end);
      try {
        return await bodies.sumOf(content);
      } finally {
        close();
      }
    },

    /**
     * Reads some bytes of a version. Its files stay until `close`, whatever is deleted meanwhile. Fails with NoSuchKey if
     * the version was deleted before.
     */
    read,

    /** Does something after a time, unless the store is closed by then. It may fail: what it is about may be gone. */
    later: (milliseconds: number, work: () => Promise<void>): void => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        void work().catch(() => undefined);
      }, milliseconds);
      timers.add(timer.unref());
    },

    close: async (): Promise<void> => {
      timers.forEach(clearTimeout);
      await settling?.catch(() => undefined);
      await index.close();
    },

    /** Those of one turn of the event loop go together: a kill in between only delivers them once more. */
    settleEvent: (id: string): Promise<void> => {
      settled.push({ type: 'del', key: names.eventName(id) });
      settling ??= setImmediate().then(() => {
        const operations = settled;
        [settled, settling] = [[], undefined];
        return index.commit(operations);
      });
      return settling;
    },
  };
}

function put(key: Buffer, value: unknown): Operation {
  return { type: 'put', key, value: JSON.stringify(value) };
}
