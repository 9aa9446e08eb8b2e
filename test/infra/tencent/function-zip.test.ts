import { readFileSync } from 'node:fs';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { codeHash, packFunction } from '../../../infra/tencent/function-zip';

const root = path.join(__dirname, '..', '..', '..');
const bundleOf = (name: string): Buffer => readFileSync(path.join(root, 'dist', 'functions', `${name}.js`));
/** What is uploaded of each; the rule API holds routing and its own document beside the rest. */
const zipBytesMax = { replicate: 400_000, rules: 450_000, reconcile: 400_000 };

test.each(Object.entries(zipBytesMax))(
  'the zip of %s is its bundle and nothing else, below %i bytes',
  (name, most) => {
    const zip = packFunction(`${name}.js`, bundleOf(name));
    expect(Object.keys(unzipSync(zip))).toEqual([`${name}.js`]);
    expect(zip.length).toBeLessThan(most);
  },
);

test('equal code is an equal zip, and other code another', () => {
  const pack = (code: string) => codeHash(packFunction('a.js', Buffer.from(code)));
  expect(pack('1')).toBe(pack('1'));
  expect(pack('1')).not.toBe(pack('2'));
});

test.each(Object.keys(zipBytesMax))('no development dependency and no secret is in %s', (name) => {
  const { devDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    devDependencies: Readonly<Record<string, string>>;
  };
  const { outputs } = JSON.parse(readFileSync(path.join(root, 'dist', 'functions.meta.json'), 'utf8')) as {
    outputs: Readonly<Record<string, { inputs: Readonly<Record<string, unknown>> }>>;
  };
  const [, own] = Object.entries(outputs).find(([file]) => file.endsWith(`${name}.js`)) ?? [];
  const packages = Object.keys(own?.inputs ?? {}).flatMap(
    (file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? [],
  );
  expect(packages).toContain('cos-nodejs-sdk-v5');
  // The COS SDK has its own use of what the local cloud parses with.
  expect(
    packages.filter((each) => Object.hasOwn(devDependencies, each) && each !== 'fast-xml-parser'),
  ).toEqual([]);
  expect(bundleOf(name).toString()).not.toMatch(/AKID[A-Za-z0-9]{20,}|BEGIN [A-Z ]*PRIVATE KEY/);
});
