import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openDataFolder } from '../../../infra/local/data-folder';
import { removeFolder, temporaryFolder } from './support/bundles';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => removeFolder(folder));

test('the master secret is kept over restarts, readable by its owner only', () => {
  const { masterSecret } = openDataFolder(folder);
  expect(masterSecret).toMatch(/^[0-9a-f]{64}$/);
  expect(openDataFolder(folder).masterSecret).toBe(masterSecret);
  expect(statSync(path.join(folder, 'api-master-secret')).mode & 0o777).toBe(0o600);
});

test('a folder that is named is made and kept, a temporary one goes', () => {
  const kept = openDataFolder(path.join(folder, 'new', 'one'));
  kept.discard();
  expect(existsSync(kept.cosDir)).toBe(true);
  const temporary = openDataFolder();
  expect(existsSync(temporary.cosDir)).toBe(true);
  temporary.discard();
  expect(existsSync(temporary.dir)).toBe(false);
});

test("a folder with somebody else's files is refused and left as it is", () => {
  writeFileSync(path.join(folder, 'thesis.txt'), 'x');
  expect(() => openDataFolder(folder)).toThrow(/holds files that are not a local cloud's\. Name an empty/);
  expect(readdirSync(folder)).toEqual(['thesis.txt']);
});

test.each([
  ['local-cloud.json', '{"format":', /Unexpected end of JSON|cannot be used/],
  ['local-cloud.json', 'null', /does not say "format": 1/],
  ['local-cloud.json', '{"format":2}', /does not say "format": 1/],
  ['api-master-secret', 'short', /api-master-secret does not hold a secret of ours/],
])('a damaged %s is named, with what to do', (file, text, expected) => {
  openDataFolder(folder);
  writeFileSync(path.join(folder, file), text);
  expect(() => openDataFolder(folder)).toThrow(expected);
  expect(() => openDataFolder(folder)).toThrow(
    /if it is damaged, move it away, or start with another --data/,
  );
});

test('a file in place of the folder is refused', () => {
  const file = path.join(folder, 'file');
  writeFileSync(file, 'x');
  expect(() => openDataFolder(file)).toThrow(/cannot be used/);
  mkdirSync(path.join(folder, 'dir'));
  expect(() => openDataFolder(path.join(folder, 'dir'))).not.toThrow();
});
