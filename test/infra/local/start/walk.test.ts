import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { walkImportFolder } from '../../../../infra/local/start/import/walk';
import { removeFolder, temporaryFolder } from '../support/bundles';

let folder: string;
beforeEach(() => {
  folder = path.join(temporaryFolder(), 'photos');
  mkdirSync(folder);
});
afterEach(() => removeFolder(path.dirname(folder)));

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), text);
}

test('files become keys under the name of their folder', async () => {
  write('a b+c.txt', 'abc');
  write('deep/er/中文 😀.txt', '');
  const walked = await walkImportFolder(`${folder}/`);
  expect(walked.files.map(({ key, bytes }) => [key, bytes])).toEqual([
    ['photos/a b+c.txt', 3],
    ['photos/deep/er/中文 😀.txt', 0],
  ]);
  expect(walked).toMatchObject({ name: 'photos', bytes: 3, symlinks: 0, left: [] });
});

test('symbolic links are counted and not followed', async () => {
  write('real.txt', 'x');
  symlinkSync(folder, path.join(folder, 'circle'));
  symlinkSync('/etc/hostname', path.join(folder, 'file'));
  const walked = await walkImportFolder(folder);
  expect(walked.symlinks).toBe(2);
  expect(walked.files.map(({ key }) => key)).toEqual(['photos/real.txt']);
});

test('a key that COS has no place for is left out with its reason', async () => {
  write(`${'d'.repeat(200)}/${'e'.repeat(200)}/${'f'.repeat(200)}/${'g'.repeat(200)}/${'h'.repeat(60)}`, 'x');
  const walked = await walkImportFolder(folder);
  expect(walked.files).toEqual([]);
  expect(walked.left).toEqual([expect.objectContaining({ reason: 'its key is over 850 bytes' })]);
});

test('a folder that cannot be read is named, with what to do', async () => {
  const missing = path.join(folder, 'missing');
  await expect(walkImportFolder(missing)).rejects.toThrow(
    new RegExp(`The folder ${missing} cannot be imported:\n  ENOENT[^]*Nothing was started\\.`),
  );
});

test('a file in place of a folder is an error', async () => {
  write('file', 'x');
  await expect(walkImportFolder(path.join(folder, 'file'))).rejects.toMatchObject({
    code: 'IMPORT_FOLDER_UNREADABLE',
    message: expect.stringContaining('ENOTDIR') as string,
  });
});
