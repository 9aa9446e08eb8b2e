import { versionIdAt, versionIdMicros } from '../../../../lib/domain/version-id';
import { CosError } from '../cos-error';
import type { ChangeOrigin, EventKind } from '../events';
import type { Bodies, ReceivedBody } from './bodies';
import type { Commits } from './commit';
import {
  hasOwnId,
  type StoredBucket,
  type StoredEntry,
  type StoredMarker,
  type StoredVersion,
  type Tag,
} from './entry';
import * as names from './index-keys';
import { createGates, createLocks } from './locks';
import type { ObjectIndex, Operation } from './object-index';

/** What a request says of an object beside its body. */
export interface ObjectFacts {
  readonly etag: string;
  readonly storageClass: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
}

/** What became of a plain write or delete, under the bucket's state at that moment. */
export interface Written<Entry> {
  readonly bucket: StoredBucket;
  /** `undefined`: there was nothing to delete. */
  readonly entry: Entry;
}

export type ObjectStore = ReturnType<typeof createObjectStore>;

/** Buckets and histories. Every change of an object goes through `commits`, which raises its event. */
export function createObjectStore(index: ObjectIndex, bodies: Bodies, commits: Commits) {
  const inTurn = createLocks();
  const gates = createGates();

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
  const replacedBy = async (bucket: StoredBucket, key: string): Promise<StoredEntry | undefined> =>
    bucket.versioning === 'Enabled' ? undefined : withoutId(bucket, key);

  const identity = (
    bucket: StoredBucket,
    micros = commits.mint(),
  ): Pick<StoredEntry, 'versionId' | 'micros'> => {
    const versionId = bucket.versioning === 'Enabled' ? versionIdAt(micros) : 'null';
    return { versionId, micros: micros.toString() };
  };

  return {
    index,
    bodies,
    mint: commits.mint,
    receive: commits.receive,
    discard: commits.discard,

    createBucket: (bucket: StoredBucket): Promise<void> =>
      gates.alone(bucket.name, async () => {
        const existing = await index.bucket(bucket.name);
        if (existing)
          throw new CosError(
            existing.appid === bucket.appid ? 'BucketAlreadyOwnedByYou' : 'BucketAlreadyExists',
          );
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
        for await (const _ of index.scan(name, names.prefixSpan(name, '')))
          throw new CosError('BucketNotEmpty');
        await index.commit([{ type: 'del', key: names.bucketName(name) }]);
      }),

    /** The entry of a version id, or the newest. Markers are entries too. */
    find,

    /** Writes a new version of a body that was received, or that another version has. */
    write: (
      named: StoredBucket,
      key: string,
      content: Pick<ReceivedBody, 'body' | 'size' | 'crc64'>,
      facts: ObjectFacts,
      change: {
        readonly event: EventKind;
        readonly forbidOverwrite: boolean;
        readonly origin: ChangeOrigin;
        /** Of `mint`; without it the version is of the moment of its commit. */
        readonly mintedMicros: bigint | undefined;
      },
    ): Promise<Written<StoredVersion>> =>
      onKey(named, key, async (bucket) => {
        const { event, forbidOverwrite, origin } = change;
        // It protects nothing in a bucket that ever had versioning.
        const guarded = forbidOverwrite && bucket.versioning === 'never';
        if (guarded && (await index.newest(bucket.name, key))) throw new CosError('FileAlreadyExists');
        const remove = await replacedBy(bucket, key);
        const { body, size, crc64 } = content;
        const entry: StoredVersion = {
          kind: 'version',
          ...identity(bucket, change.mintedMicros),
          ...facts,
          size,
          crc64,
          body,
        };
        await commits.commit({ bucket, key, add: entry, remove, event, origin });
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

    /** Tags change in place: neither a version nor an event. Fails with NoSuchVersion if it was deleted meanwhile. */
    setTags: (
      named: StoredBucket,
      key: string,
      version: StoredVersion,
      tags: readonly Tag[],
    ): Promise<void> =>
      onKey(named, key, async (bucket) => {
        const micros = BigInt(version.micros);
        const entry = await index.entryAt(bucket.name, key, micros);
        if (entry?.kind !== 'version') throw new CosError('NoSuchVersion');
        await index.commit([put(names.entryName(bucket.name, key, micros), { ...entry, tags })]);
      }),

    settleEvent: (id: string): Promise<void> => index.commit([{ type: 'del', key: names.eventName(id) }]),
  };
}

function put(key: Buffer, value: unknown): Operation {
  return { type: 'put', key, value: JSON.stringify(value) };
}
