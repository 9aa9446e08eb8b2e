import { readFileSync } from 'node:fs';
import path from 'node:path';
import { zipSync } from 'fflate';
import { unpack } from '../../../infra/local/deployed-functions';
import { buildBootstrap, buildFunction, removeFolder, temporaryFolder } from './support/bundles';
import { scfFunction, until, watchHost } from './support/scf';

let folder: string;
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => removeFolder(folder));

const code = (files: Readonly<Record<string, string>>) => ({
  name: 'f',
  handler: 'index.main_handler',
  code: {
    cosBucketName: '',
    cosObjectName: '',
    cosBucketRegion: '',
    zipFile: Buffer.from(
      zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]))),
    ).toString('base64'),
  },
});

test('each code is unpacked into a folder of its own, where its handler is', () => {
  const one = unpack(code({ 'index.js': '1', 'lib/part.js': '2' }), folder);
  const other = unpack(code({ 'index.js': '3' }), folder);
  expect(readFileSync(one, 'utf8')).toBe('1');
  expect(readFileSync(path.join(path.dirname(one), 'lib', 'part.js'), 'utf8')).toBe('2');
  expect(readFileSync(other, 'utf8')).toBe('3');
});

test('code without its handler, or with a file outside, is refused', () => {
  expect(() => unpack(code({ 'other.js': '' }), folder)).toThrow('no index.js at its root');
  expect(() => unpack(code({ 'index.js': '', '../../out.js': '' }), folder)).toThrow('holds ../../out.js');
});

test('an event that failed in the old code is tried again in the new one', async () => {
  const bundleOf = (version: string, body: string): string => {
    const source = `exports.main_handler = async () => { ${body} };`;
    return buildFunction(path.join(folder, version), 'index', source);
  };
  const retry = { attempts: 1, delayMs: 300, ageMaxMs: 60_000 };
  const old = scfFunction(bundleOf('old', "throw new Error('old');"), { retry });
  const host = watchHost([old], { bootstrap: buildBootstrap(folder) });
  try {
    const settled = host.settled(old.name, {});
    await until(() => host.reports.length === 1);
    host.put(scfFunction(bundleOf('new', "return 'new';"), { retry }));
    expect(await settled).toBe('succeeded');
    expect(await host.invoke(old.name, {})).toMatchObject({ ok: true, result: 'new' });
    host.take(old.name);
    expect(host.functions()).toEqual([]);
  } finally {
    await host.close();
  }
});
