import { versionIdMicros } from '../../../../lib/domain/version-id';
import { listVersions } from '../../../support/local';
import {
  at,
  newBucket,
  raw,
  refusal,
  type RunningCos,
  setVersioning,
  startCos,
  removeVersion,
} from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

const { put, remove, get } = {
  put: (ref: { bucket: string; region: string }, key: string, Body: string) =>
    running.sdk.putObject({ ...at(ref, key), Body }),
  remove: (ref: { bucket: string; region: string }, key: string, VersionId?: string) =>
    running.sdk.deleteObject({ ...at(ref, key), ...(VersionId === undefined ? {} : { VersionId }) }),
  get: async (ref: { bucket: string; region: string }, key: string, VersionId?: string) =>
    (
      await running.sdk.getObject({ ...at(ref, key), ...(VersionId === undefined ? {} : { VersionId }) })
    ).Body.toString(),
};
const told = async (ref: { bucket: string; region: string }) =>
  (await listVersions(running.sdk, ref)).map(({ key, entry }) => {
    const id = entry.versionId === 'null' ? ' null' : '';
    return `${key} ${entry.kind}${id}`;
  });

test('never versioned: no ids, overwrite replaces, delete removes', async () => {
  const ref = await newBucket(running, 'never');
  expect((await put(ref, 'a', 'one')).headers?.['x-cos-version-id']).toBeUndefined();
  await put(ref, 'a', 'two');
  expect(await told(ref)).toEqual(['a version null']);
  expect((await raw(running, ref, 'GET', '/?versions')).body).toContain('<VersionId/>');
  expect((await raw(running, ref, 'GET', '/?versioning')).body).toContain('<VersioningConfiguration/>');
  const removed = await remove(ref, 'a');
  expect(removed.headers?.['x-cos-delete-marker']).toBeUndefined();
  expect(await told(ref)).toEqual([]);
});

test('enabled: each write is a version, a delete a marker, deletes stack', async () => {
  const ref = await newBucket(running);
  const one = (await put(ref, 'a', 'one')).headers?.['x-cos-version-id'] as string;
  const two = (await put(ref, 'a', 'two')).headers?.['x-cos-version-id'] as string;
  const marker = await remove(ref, 'a');
  await remove(ref, 'a');
  expect(marker).toMatchObject({ statusCode: 204, headers: { 'x-cos-delete-marker': 'true' } });
  expect(await told(ref)).toEqual(['a deleteMarker', 'a deleteMarker', 'a version', 'a version']);
  expect(await get(ref, 'a', one)).toBe('one');
  expect(await get(ref, 'a', two)).toBe('two');
  expect(await refusal(get(ref, 'a'))).toBe('404 NoSuchKey');
  const markerId = marker.headers?.['x-cos-version-id'] as string;
  expect(await refusal(get(ref, 'a', markerId))).toBe('404 NoSuchKey');
  expect(await refusal(get(ref, 'a', 'MTg0NDUxNTc1NjIzMTQ1MDAwODg'))).toBe('404 NoSuchVersion');
  expect(await refusal(running.sdk.headObject(at(ref, 'a')))).toBe('404 404');
});

test('a delete of a version removes just it, and of a marker brings the object back', async () => {
  const ref = await newBucket(running);
  const one = (await put(ref, 'a', 'one')).headers?.['x-cos-version-id'] as string;
  await put(ref, 'a', 'two');
  const markerId = (await remove(ref, 'a')).headers?.['x-cos-version-id'] as string;
  const data = await remove(ref, 'a', one);
  expect(data.headers).toMatchObject({ 'x-cos-version-id': one });
  expect(data.headers?.['x-cos-delete-marker']).toBeUndefined();
  expect(await told(ref)).toEqual(['a deleteMarker', 'a version']);
  const back = await remove(ref, 'a', markerId);
  expect(back.headers).toMatchObject({ 'x-cos-version-id': markerId, 'x-cos-delete-marker': 'true' });
  expect(await get(ref, 'a')).toBe('two');
});

test('what is older than versioning is null and stays when versioning comes on', async () => {
  const ref = await newBucket(running, 'never');
  await put(ref, 'a', 'old');
  await setVersioning(running, ref, 'Enabled');
  await put(ref, 'a', 'new');
  expect(await told(ref)).toEqual(['a version', 'a version null']);
  expect(await get(ref, 'a', 'null')).toBe('old');
});

test('suspended: a write replaces the null version, and so does a marker; other versions stay', async () => {
  const ref = await newBucket(running);
  await put(ref, 'a', 'kept');
  await setVersioning(running, ref, 'Suspended');
  expect((await raw(running, ref, 'GET', '/?versioning')).body).toContain('<Status>Suspended</Status>');
  expect((await put(ref, 'a', 'first')).headers?.['x-cos-version-id']).toBeUndefined();
  await put(ref, 'a', 'second');
  expect(await told(ref)).toEqual(['a version null', 'a version']);
  expect(await get(ref, 'a')).toBe('second');
  expect((await remove(ref, 'a')).headers).toMatchObject({
    'x-cos-delete-marker': 'true',
    'x-cos-version-id': 'null',
  });
  expect(await told(ref)).toEqual(['a deleteMarker null', 'a version']);
  await put(ref, 'a', 'third');
  expect(await told(ref)).toEqual(['a version null', 'a version']);
});

test('ids are of COS’s form, unique and increasing, also for simultaneous writes of one key', async () => {
  const ref = await newBucket(running);
  const before = BigInt(Date.now() - 1000) * 1000n;
  await Promise.all(Array.from({ length: 40 }, (_, i) => put(ref, 'a', `${i}`)));
  const ids = (await listVersions(running.sdk, ref)).map(
    ({ entry }) => versionIdMicros(entry.versionId) ?? 0n,
  );
  expect(new Set(ids).size).toBe(40);
  expect(ids.every((micros, i) => i === 0 || micros < (ids[i - 1] as bigint))).toBe(true);
  expect(ids.every((micros) => micros > before && micros < BigInt(Date.now() + 1000) * 1000n)).toBe(true);
});

test('a marker for a key that never was', async () => {
  const ref = await newBucket(running);
  await remove(ref, 'never');
  expect(await told(ref)).toEqual(['never deleteMarker']);
});

test('tags are those of the version that is named', async () => {
  const ref = await newBucket(running);
  const put = await running.sdk.putObject({ ...at(ref, 'a'), Body: 'old' });
  const VersionId = String(put.headers?.['x-cos-version-id']);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'new' });
  const Tags = [{ Key: 'k', Value: 'v' }];
  await running.sdk.putObjectTagging({ ...at(ref, 'a'), VersionId, Tags } as never);
  expect((await running.sdk.getObjectTagging({ ...at(ref, 'a'), VersionId } as never)).Tags).toEqual(Tags);
  expect((await running.sdk.getObjectTagging(at(ref, 'a'))).Tags).toEqual([]);
  await running.sdk.deleteObjectTagging({ ...at(ref, 'a'), VersionId } as never);
  expect((await running.sdk.getObjectTagging({ ...at(ref, 'a'), VersionId } as never)).Tags).toEqual([]);
  await removeVersion(running, ref, 'a', VersionId);
  expect(await refusal(running.sdk.getObjectTagging({ ...at(ref, 'a'), VersionId } as never))).toBe(
    '404 NoSuchVersion',
  );
});
