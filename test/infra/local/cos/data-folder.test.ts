import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { openLocalCos } from '../../../../infra/local/cos/local-cos';
import { ClassicLevel } from 'classic-level';
import { openBodies } from '../../../../infra/local/cos/store/bodies';
import { noteUnreferenced, openCommits } from '../../../../infra/local/cos/store/commit';
import { openObjectIndex } from '../../../../infra/local/cos/store/object-index';
import { temporaryFolder } from '../../../support/local';
import { at, newBucket, startCos } from './harness';

const folder = temporaryFolder();
afterAll(() => folder.remove());

let folders = 0;
async function openedOnce(): Promise<string> {
  const dataDir = path.join(folder.path, `data${(folders += 1)}`);
  await (await openLocalCos({ dataDir })).close();
  return dataDir;
}

const files = (dir: string) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

test.each<[string, string, (dataDir: string) => void]>([
  [
    'an index whose CURRENT is lost',
    'DATA_FOLDER_DAMAGED',
    (dir) => rmSync(path.join(dir, 'index', 'CURRENT')),
  ],
  ['a lost index', 'DATA_FOLDER_DAMAGED', (dir) => rmSync(path.join(dir, 'index'), { recursive: true })],
  [
    'an index that points nowhere',
    'DATA_FOLDER_DAMAGED',
    (dir) => writeFileSync(path.join(dir, 'index', 'CURRENT'), 'nonsense\n'),
  ],
  ['broken accounts', 'DATA_FOLDER_DAMAGED', (dir) => writeFileSync(path.join(dir, 'accounts.json'), '[{')],
  ['one account', 'DATA_FOLDER_DAMAGED', (dir) => writeFileSync(path.join(dir, 'accounts.json'), '[{}]')],
  [
    'a folder of somebody else',
    'DATA_FOLDER_FOREIGN',
    (dir) => writeFileSync(path.join(dir, 'thesis.txt'), ''),
  ],
])('%s is refused, and the folder is left closed', async (_, code, spoil) => {
  const dataDir = await openedOnce();
  spoil(dataDir);
  for (let round = 0; round < 2; round += 1) {
    await expect(openLocalCos({ dataDir })).rejects.toMatchObject({ name: 'DataFolderError', code });
  }
});

test('a file where the folder should be is refused', async () => {
  const dataDir = path.join(folder.path, 'file');
  writeFileSync(dataDir, '');
  await expect(openLocalCos({ dataDir })).rejects.toMatchObject({ code: 'DATA_FOLDER_UNUSABLE' });
});

test('a start that was killed before its accounts were written is begun again', async () => {
  const dataDir = await openedOnce();
  rmSync(path.join(dataDir, 'accounts.json'));
  writeFileSync(path.join(dataDir, 'accounts.json.new'), '[');
  await (await openLocalCos({ dataDir })).close();
  expect(readdirSync(dataDir).sort()).toEqual(['accounts.json', 'bodies', 'incoming', 'index']);
});

test('a start removes what a kill left over, and only that', async () => {
  const dataDir = path.join(folder.path, 'killed');
  const first = await startCos({ dataDir });
  const ref = await newBucket(first);
  await first.sdk.putObject({ ...at(ref, 'a'), Body: 'kept' });
  await first.close();
  const kept = files(path.join(dataDir, 'bodies'));
  // As a kill between the rename of a body and its commit leaves it, and one in the middle of an upload.
  const left = `ab${'0'.repeat(30)}`;
  mkdirSync(path.join(dataDir, 'bodies', 'ab'), { recursive: true });
  writeFileSync(path.join(dataDir, 'bodies', 'ab', left), 'left');
  writeFileSync(path.join(dataDir, 'incoming', 'half'), 'ha');
  const index = await openObjectIndex(path.join(dataDir, 'index'), false);
  await index.commit([noteUnreferenced(left)]);
  await index.close();

  const second = await startCos({ dataDir });
  expect(files(path.join(dataDir, 'bodies'))).toEqual(kept);
  expect(files(path.join(dataDir, 'incoming'))).toEqual([]);
  expect((await second.sdk.getObject(at(ref, 'a'))).Body.toString()).toBe('kept');
  await second.close();
  const again = await openObjectIndex(path.join(dataDir, 'index'), false);
  expect(await again.unreferenced()).toEqual([]);
  await again.close();
});

/** In the index, written in one go, streamed. */
const bodySizes = [3, 8 * 1024 + 1, 64 * 1024 + 1];

test.each(bodySizes.slice(1))('a body of %d bytes is noted before its file exists', async (size) => {
  const dir = path.join(folder.path, `noted-${size}`);
  const index = await openObjectIndex(path.join(dir, 'index'), true);
  const bodies = openBodies(dir);
  const noted: (readonly string[])[] = [];
  const watched: typeof bodies = {
    ...bodies,
    receive: (body, content, bytesMax, beforeFile) =>
      bodies.receive(body, content, bytesMax, async () => {
        await beforeFile();
        noted.push(await index.unreferenced(), files(path.join(dir, 'bodies')));
      }),
  };
  const commits = await openCommits(index, watched, { now: Date.now, onEvent: () => {} });
  const { body } = await commits.receive(Readable.from([Buffer.alloc(size)]), size);
  expect(noted).toEqual([[body], []]);
  expect(await index.unreferenced()).toEqual([body]);
  await index.close();
});

test('a small body has no file and no note, and what is not committed is forgotten', async () => {
  const dir = path.join(folder.path, 'small');
  const index = await openObjectIndex(path.join(dir, 'index'), true);
  const commits = await openCommits(index, openBodies(dir), { now: Date.now, onEvent: () => {} });
  const { body } = await commits.receive(Readable.from([Buffer.from('x')]), 10);
  expect(await index.unreferenced()).toEqual([]);
  await commits.discard(body);
  // Nothing knows its bytes any more.
  await commits.apply({ uses: [{ body, by: 1 }] });
  expect(await index.bytes(body)).toBeUndefined();
  expect(files(path.join(dir, 'bodies'))).toEqual([]);
  await index.close();
});

test.each(bodySizes)(
  'a body of %d bytes is read whole and in ranges, copied, and kept over a restart',
  async (size) => {
    const dataDir = path.join(folder.path, `sizes-${size}`);
    let running = await startCos({ dataDir });
    const ref = await newBucket(running, 'Enabled');
    const Body = Buffer.alloc(size, 'abc');
    await running.sdk.putObject({ ...at(ref, 'a'), Body });
    const CopySource = `${ref.bucket}.cos.${ref.region}.myqcloud.com/a`;
    await running.sdk.putObjectCopy({ ...at(ref, 'b'), CopySource });
    const { VersionId } = await running.sdk.headObject(at(ref, 'a'));
    await running.sdk.deleteObject({ ...at(ref, 'a'), ...(VersionId ? { VersionId } : {}) });
    await running.close();
    running = await startCos({ dataDir });
    expect((await running.sdk.getObject(at(ref, 'b'))).Body).toEqual(Body);
    const ranged = await running.sdk.getObject({ ...at(ref, 'b'), Range: `bytes=1-${size - 2}` });
    expect(ranged.Body).toEqual(Body.subarray(1, -1));
    await running.close();
  },
);

test.each(bodySizes)(
  'what is refused, replaced or deleted of %d bytes is nowhere afterwards',
  async (size) => {
    const dataDir = path.join(folder.path, `notes-${size}`);
    const running = await startCos({ dataDir });
    const ref = await newBucket(running, 'never');
    const put = (Body: string, Headers: Record<string, string> = {}) =>
      running.sdk.putObject({ ...at(ref, 'a'), Body, Headers });
    await put('1'.repeat(size));
    await put('2'.repeat(size));
    await put('');
    await expect(put('x'.repeat(size), { 'Content-MD5': 'mQ/fVh815F3k6TAUm8m0eg==' })).rejects.toMatchObject({
      code: 'BadDigest',
    });
    await running.sdk.deleteObject(at(ref, 'a'));
    await running.close();
    const level = new ClassicLevel(path.join(dataDir, 'index'));
    const spaces = new Set((await level.keys().all()).map((key) => key.slice(0, key.indexOf('\0'))));
    await level.close();
    // The bucket, events that nobody has settled here, the clock and the format.
    expect([...spaces].sort()).toEqual(['b', 'e', 'm']);
    expect(files(path.join(dataDir, 'bodies'))).toEqual([]);
  },
);

test('a body over the limit is refused while it comes, and its stream can still be read', async () => {
  const dir = path.join(folder.path, 'bounded');
  const bodies = openBodies(dir);
  const content = Readable.from([Buffer.alloc(5), Buffer.alloc(6), Buffer.alloc(7)]);
  const kept = content.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  const nothing = async () => {};
  await expect(bodies.receive('ab01', kept, 10, nothing)).rejects.toMatchObject({ code: 'EntityTooLarge' });
  expect(content.destroyed).toBe(false);
  expect(files(dir)).toEqual([]);
  expect(await bodies.receive('ab02', Readable.from([Buffer.alloc(10)]), 10, nothing)).toMatchObject({
    size: 10,
  });
});
