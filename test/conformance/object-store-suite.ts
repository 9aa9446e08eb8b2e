import type { BucketRef } from '../../lib/domain/rule';
import type { ObjectStore } from '../../lib/app/ports';

/** A store, and what users do beside it. Both buckets have versioning on and lie in different regions. */
export interface ConformanceWorld {
  readonly store: ObjectStore;
  readonly source: BucketRef;
  readonly destination: BucketRef;
  readonly put: (bucket: BucketRef, key: string, body: string, metadata?: Metadata) => Promise<void>;
  readonly deleteVersion: (bucket: BucketRef, key: string, versionId: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

type Metadata = Readonly<Record<string, string>>;

/** What every implementation of the ObjectStore port must do. Keys are new each time; a real bucket need not be empty. */
export function objectStoreConformance(open: () => Promise<ConformanceWorld>): void {
  let world: ConformanceWorld;
  let count = 0;
  const newKey = (end = 'a'): string => `conformance/${Date.now()}-${(count += 1)}/${end}`;
  beforeAll(async () => {
    world = await open();
  });
  afterAll(() => world?.close());

  const history = async (bucket: BucketRef, key: string) =>
    (await world.store.listKey(bucket, key, { entriesMax: 100 })).entries;

  const newest = async (bucket: BucketRef, key: string) => {
    const entry = (await history(bucket, key)).at(-1);
    if (entry?.kind !== 'version') throw new Error(`no version of ${key}`);
    return entry;
  };

  const copy = async (key: string, metadata: Metadata = {}, version = newest(world.source, key)) => {
    const { source, destination, store } = world;
    const request = { source, key, destination, storageClass: 'STANDARD', metadata } as const;
    return store.copyVersion({ ...request, version: await version });
  };

  const codeOf = async (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => 'done',
      (error: unknown) => (error as { code?: unknown }).code,
    );

  test('a key that never was has no history and no head', async () => {
    const key = newKey();
    expect(await world.store.listKey(world.source, key, { entriesMax: 10 })).toEqual({
      entries: [],
      complete: true,
    });
    expect(await world.store.headObject(world.source, key)).toBeUndefined();
  });

  test('a history is listed oldest first, and HEAD is of its newest entry', async () => {
    const key = newKey();
    for (const body of ['1', '22', '333']) await world.put(world.source, key, body);
    const entries = await history(world.source, key);
    expect(entries.map((entry) => entry.kind === 'version' && entry.sizeBytes)).toEqual([1, 2, 3]);
    const ids = entries.map((entry) => entry.versionId);
    expect(new Set(ids).size).toBe(3);
    expect(await world.store.headObject(world.source, key)).toMatchObject({
      versionId: ids[2],
      sizeBytes: 3,
    });
    expect(await world.store.headObject(world.source, key, ids[0])).toMatchObject({
      versionId: ids[0],
      sizeBytes: 1,
    });
  });

  test('a history is read in pages towards what is older', async () => {
    const key = newKey();
    for (const body of ['1', '22', '333']) await world.put(world.source, key, body);
    const first = await world.store.listKey(world.source, key, { entriesMax: 2 });
    expect([first.entries.length, first.complete]).toEqual([2, false]);
    const olderThan = first.entries[0]?.versionId ?? '';
    const second = await world.store.listKey(world.source, key, { entriesMax: 2, olderThan });
    expect(second.entries.map((entry) => entry.kind === 'version' && entry.sizeBytes)).toEqual([1]);
    expect(second.complete).toBe(true);
  });

  test('a key’s history holds no entry of a key that begins like it', async () => {
    const key = newKey('a');
    await world.put(world.source, key, '1');
    await world.put(world.source, `${key}b`, '22');
    const page = await world.store.listKey(world.source, key, { entriesMax: 10 });
    expect(page.entries).toHaveLength(1);
    expect(page.complete).toBe(true);
  });

  test('a bucket is listed by the bytes of its keys, within a key newest first, and goes on after an entry', async () => {
    const prefix = newKey('');
    // By UTF-16 the second would come last.
    const keys = ['a', 'a/b', 'é', '\uffee', '😀'].map((end) => `${prefix}${end}`);
    for (const key of [...keys].reverse()) await world.put(world.source, key, 'x');
    await world.put(world.source, keys[1] ?? '', 'xx');
    const listed: string[] = [];
    let after: { key: string; versionId?: string } | undefined;
    for (;;) {
      const page = await world.store.listVersions(world.source, {
        prefix,
        entriesMax: 2,
        ...(after ? { after } : {}),
      });
      listed.push(
        ...page.entries.map(({ key, entry }) => `${key} ${entry.kind === 'version' && entry.sizeBytes}`),
      );
      const last = page.entries.at(-1);
      if (page.complete || !last) break;
      after = { key: last.key, versionId: last.entry.versionId };
    }
    const expected = keys.flatMap((key, i) => (i === 1 ? [`${key} 2`, `${key} 1`] : [`${key} 1`]));
    expect(listed).toEqual(expected);
  });

  test('a copy is a new version with its own id, the content, and exactly the metadata that was given', async () => {
    const key = newKey('é a+b');
    await world.put(world.source, key, 'content', { 'x-cos-meta-old': 'gone' });
    const version = await newest(world.source, key);
    const made = await copy(key, { 'x-cos-meta-crr-stamp': 'stamp' });
    expect(made.versionId).toBe((await newest(world.destination, key)).versionId);
    expect(made.versionId).not.toBe(version.versionId);
    expect(made.etag).toBe(version.etag);
    const head = await world.store.headObject(world.destination, key);
    expect(head).toMatchObject({ sizeBytes: 7, etag: version.etag, storageClass: 'STANDARD' });
    expect(head?.crc64).toBe(made.crc64);
    expect(head?.metadata).toMatchObject({ 'x-cos-meta-crr-stamp': 'stamp' });
    expect(head?.metadata).not.toHaveProperty('x-cos-meta-old');
  });

  test('an older version is copied as such', async () => {
    const key = newKey();
    await world.put(world.source, key, 'older');
    const older = await newest(world.source, key);
    await world.put(world.source, key, 'new');
    await copy(key, {}, Promise.resolve(older));
    expect(await world.store.headObject(world.destination, key)).toMatchObject({ sizeBytes: 5 });
  });

  test('a version that is gone cannot be copied, and neither can another content under its id', async () => {
    const key = newKey();
    await world.put(world.source, key, 'x');
    const version = await newest(world.source, key);
    const other = { ...version, etag: 'ffffffffffffffffffffffffffffffff' };
    expect(await codeOf(copy(key, {}, Promise.resolve(other)))).toBe('REQUEST_REFUSED');
    await world.deleteVersion(world.source, key, version.versionId);
    expect(await codeOf(copy(key, {}, Promise.resolve(version)))).toBe('SOURCE_GONE');
    expect(await history(world.destination, key)).toEqual([]);
  });

  test('a delete marker hides the versions, and more than one may lie on them', async () => {
    const key = newKey();
    await world.put(world.destination, key, 'x');
    const first = await world.store.putDeleteMarker(world.destination, key);
    const second = await world.store.putDeleteMarker(world.destination, key);
    expect(await world.store.headObject(world.destination, key)).toBeUndefined();
    const entries = await history(world.destination, key);
    expect(entries.map((entry) => entry.kind)).toEqual(['version', 'deleteMarker', 'deleteMarker']);
    expect(entries.slice(1).map((entry) => entry.versionId)).toEqual([first.versionId, second.versionId]);
  });

  test('a head of a marker’s id, or of an id that never was, is none', async () => {
    const key = newKey();
    await world.put(world.destination, key, 'x');
    const { versionId } = await world.store.putDeleteMarker(world.destination, key);
    expect(await world.store.headObject(world.destination, key, versionId)).toBeUndefined();
    const deleted = (await history(world.destination, key))[0]?.versionId ?? '';
    await world.deleteVersion(world.destination, key, deleted);
    expect(await world.store.headObject(world.destination, key, deleted)).toBeUndefined();
  });

  test('a bucket that is not there is a reason of its own', async () => {
    const absent = { bucket: `absent-${world.source.bucket}`, region: world.source.region };
    const key = newKey();
    expect(await codeOf(world.store.listKey(absent, key, { entriesMax: 1 }))).toBe('BUCKET_MISSING');
    expect(await codeOf(world.store.putDeleteMarker(absent, key))).toBe('BUCKET_MISSING');
  });
}
