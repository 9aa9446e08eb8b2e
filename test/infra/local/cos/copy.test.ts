import { readdirSync } from 'node:fs';
import path from 'node:path';
import { listVersions } from '../../../support/local';
import {
  at,
  newBucket,
  raw,
  refusal,
  removeVersion,
  type RunningCos,
  setVersioning,
  startCos,
} from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

type Ref = { bucket: string; region: string };
const sourceOf = (ref: Ref, key: string, versionId?: string) =>
  `${ref.bucket}.cos.${ref.region}.myqcloud.com/${encodeURIComponent(key)}${versionId ? `?versionId=${versionId}` : ''}`;
const copy = (to: Ref, key: string, CopySource: string, Headers: Record<string, string> = {}) =>
  running.sdk.putObjectCopy({ ...at(to, key), CopySource, Headers });
const bodyFiles = () =>
  readdirSync(path.join(running.dataDir, 'bodies'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile(),
  ).length;

async function pair(): Promise<{ from: Ref; to: Ref }> {
  return { from: await newBucket(running), to: await newBucket(running, 'Enabled', 'ap-shanghai') };
}

test('metadata and tags are kept, the class falls back to STANDARD, and no byte is copied', async () => {
  const { from, to } = await pair();
  const made = await running.sdk.putObject({
    ...at(from, 'a b'),
    Body: 'hello',
    ContentType: 'text/x',
    StorageClass: 'STANDARD_IA',
    Headers: { 'x-cos-meta-a': '1', 'x-cos-tagging': 'k=v' },
  });
  const files = bodyFiles();
  const result = (await copy(to, 'copy', sourceOf(from, 'a b'))) as unknown as Record<string, string>;
  expect(bodyFiles()).toBe(files);
  expect(result).toMatchObject({ ETag: made.ETag, CRC64: made.headers?.['x-cos-hash-crc64ecma'] });
  const [listed] = await listVersions(running.sdk, to);
  expect(listed?.entry).toMatchObject({ versionId: result['VersionId'], storageClass: 'STANDARD' });
  const got = await running.sdk.getObject(at(to, 'copy'));
  expect(got.Body.toString()).toBe('hello');
  expect(got.headers).toMatchObject({ 'content-type': 'text/x', 'x-cos-meta-a': '1' });
  expect((await running.sdk.getObjectTagging(at(to, 'copy'))).Tags).toEqual([{ Key: 'k', Value: 'v' }]);
});

test('replaced metadata and tags are exactly those of the request', async () => {
  const { from, to } = await pair();
  const Headers = { 'x-cos-meta-a': '1', 'x-cos-tagging': 'k=v' };
  await running.sdk.putObject({ ...at(from, 'a'), Body: 'x', ContentType: 'text/x', Headers });
  await copy(to, 'a', sourceOf(from, 'a'), {
    'x-cos-metadata-directive': 'Replaced',
    'x-cos-meta-b': '2',
    'x-cos-tagging-directive': 'Replaced',
    'x-cos-tagging': 'n=m',
    'x-cos-storage-class': 'intelligent_tiering',
  });
  const { headers } = await running.sdk.headObject(at(to, 'a'));
  expect(headers).toMatchObject({ 'x-cos-meta-b': '2', 'x-cos-storage-class': 'INTELLIGENT_TIERING' });
  expect(headers?.['x-cos-meta-a']).toBeUndefined();
  expect((await running.sdk.getObjectTagging(at(to, 'a'))).Tags).toEqual([{ Key: 'n', Value: 'm' }]);
});

test('a named version is copied, and named in the answer; a marker and what is missing are refused', async () => {
  const { from, to } = await pair();
  const one = (await running.sdk.putObject({ ...at(from, 'a'), Body: 'one' })).headers?.[
    'x-cos-version-id'
  ] as string;
  await running.sdk.putObject({ ...at(from, 'a'), Body: 'two' });
  const answer = await copy(to, 'a', sourceOf(from, 'a', one));
  expect(answer.headers).toMatchObject({ 'x-cos-copy-source-version-id': one });
  expect((await running.sdk.getObject(at(to, 'a'))).Body.toString()).toBe('one');
  const marker = (await running.sdk.deleteObject(at(from, 'a'))).headers?.['x-cos-version-id'] as string;
  expect(await refusal(copy(to, 'a', sourceOf(from, 'a')))).toBe('404 NoSuchKey');
  expect(await refusal(copy(to, 'a', sourceOf(from, 'a', marker)))).toMatch(/^400/);
  expect(await refusal(copy(to, 'a', sourceOf(from, 'never')))).toBe('404 NoSuchKey');
  expect(await refusal(copy(to, 'a', sourceOf(from, 'a', 'MTg0NDUxNTc1NjIzMTQ1MDAwODg')))).toBe(
    '404 NoSuchVersion',
  );
  expect(await refusal(copy(to, 'a', sourceOf({ ...from, region: 'ap-beijing' }, 'a')))).toBe(
    '404 NoSuchBucket',
  );
});

test('a null version can be named', async () => {
  const { from, to } = await pair();
  await setVersioning(running, from, 'Suspended');
  await running.sdk.putObject({ ...at(from, 'a'), Body: 'null one' });
  await setVersioning(running, from, 'Enabled');
  await running.sdk.putObject({ ...at(from, 'a'), Body: 'newer' });
  await copy(to, 'a', sourceOf(from, 'a', 'null'));
  expect((await running.sdk.getObject(at(to, 'a'))).Body.toString()).toBe('null one');
});

test.each([
  ['If-Match', '"other"'],
  ['If-None-Match', 'own'],
  ['If-Unmodified-Since', 'Thu, 01 Jan 2015 00:00:00 GMT'],
  ['If-Modified-Since', 'Thu, 01 Jan 2037 00:00:00 GMT'],
])('the condition %s is held against the source', async (name, value) => {
  const { from, to } = await pair();
  const { ETag } = await running.sdk.putObject({ ...at(from, 'a'), Body: 'x' });
  const condition = { [`x-cos-copy-source-${name}`]: value === 'own' ? ETag : value };
  expect(await refusal(copy(to, 'a', sourceOf(from, 'a'), condition))).toBe('412 PreconditionFailed');
  expect(await listVersions(running.sdk, to)).toEqual([]);
  if (name !== 'If-Match') return;
  await copy(to, 'a', sourceOf(from, 'a'), { 'x-cos-copy-source-If-Match': ETag });
  expect(await listVersions(running.sdk, to)).toHaveLength(1);
});

test('an archived source is refused, and so is reading it', async () => {
  const { from, to } = await pair();
  await running.sdk.putObject({ ...at(from, 'a'), Body: 'x', StorageClass: 'ARCHIVE' });
  expect(await refusal(copy(to, 'a', sourceOf(from, 'a')))).toBe('403 InvalidObjectState');
  expect(await refusal(running.sdk.getObject(at(from, 'a')))).toBe('403 InvalidObjectState');
});

test('the body lives as long as anything refers to it', async () => {
  const { from, to } = await pair();
  const before = bodyFiles();
  const one = (await running.sdk.putObject({ ...at(from, 'a'), Body: 'shared' })).headers?.[
    'x-cos-version-id'
  ] as string;
  await copy(to, 'a', sourceOf(from, 'a'));
  await removeVersion(running, from, 'a', one);
  expect((await running.sdk.getObject(at(to, 'a'))).Body.toString()).toBe('shared');
  const [listed] = await listVersions(running.sdk, to);
  await removeVersion(running, to, 'a', listed?.entry.versionId ?? '');
  expect(bodyFiles()).toBe(before);
});

test('copies and deletes of one body at the same time neither lose nor leak it', async () => {
  const bodyOf = (round: number): string => `body ${round}`.repeat(1_500);
  const { from, to } = await pair();
  const before = bodyFiles();
  for (let round = 0; round < 20; round += 1) {
    const key = `k${round}`;
    const id = (await running.sdk.putObject({ ...at(from, key), Body: bodyOf(round) })).headers?.[
      'x-cos-version-id'
    ] as string;
    const copied = copy(to, key, sourceOf(from, key, id)).then(
      () => true,
      () => false,
    );
    await removeVersion(running, from, key, id);
    const got = await copied.then(
      async (done) => done && (await running.sdk.getObject(at(to, key))).Body.toString(),
    );
    expect(got === false || got === bodyOf(round)).toBe(true);
  }
  expect(bodyFiles() - before).toBe((await listVersions(running.sdk, to)).length);
});

test('an empty object, a copy onto itself, and a source that cannot be parsed', async () => {
  const { from, to } = await pair();
  await running.sdk.putObject({ ...at(from, 'empty'), Body: '' });
  await copy(to, 'empty', sourceOf(from, 'empty'));
  expect((await running.sdk.headObject(at(to, 'empty'))).headers?.['content-length']).toBe('0');
  await copy(to, 'empty', sourceOf(to, 'empty'));
  expect(await listVersions(running.sdk, to)).toHaveLength(2);
  const headers = { 'x-cos-copy-source': 'nonsense' };
  expect((await raw(running, to, 'PUT', '/a', { headers })).body).toContain('<Code>InvalidCopySource</Code>');
});
