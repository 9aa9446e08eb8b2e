import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The house rules of docs/architecture.md, read off the sources: which folder may import which, and where the
 * environment, the clock and chance may be touched.
 */
const root = path.join(__dirname, '..');

interface Source {
  /** From the root, with `/`. */
  readonly file: string;
  readonly text: string;
  /** What it imports: files from the root without ending, or package names. */
  readonly imports: readonly string[];
}

function sourcesUnder(folder: string): readonly Source[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs|cjs)$/.test(name))
    .map((name) => readSource(path.join(folder, name)));
}

function readSource(file: string): Source {
  const text = readFileSync(path.join(root, file), 'utf8');
  return { file, text, imports: importsOf(file, text) };
}

function importsOf(file: string, text: string): readonly string[] {
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(|\brequire\()'([^']+)'/g);
  return [...found].map(([, name = '']) =>
    name.startsWith('.') ? path.posix.join(path.posix.dirname(file), name) : name,
  );
}

/** May only import from these, beside itself. */
const arrows: readonly { readonly from: string; readonly to: readonly RegExp[] }[] = [
  { from: 'lib/domain/', to: [/^lib\/domain\//] },
  {
    from: 'lib/app/api/',
    to: [/^lib\/(domain|app)\//, /^node:crypto$/, /^hono/, /^@hono\/zod-openapi$/, /^fast-xml-parser$/],
  },
  { from: 'lib/app/', to: [/^lib\/(domain|app)\//, /^node:util$/] },
  { from: 'lib/', to: [/^lib\//, /^node:/, /^[a-z@]/] },
  { from: 'functions/', to: [/^lib\//, /^functions\//, /^@middy\/core$/] },
];

function brokenArrows(source: Source): readonly string[] {
  const rule = arrows.find(({ from }) => source.file.startsWith(from));
  if (!rule) return [];
  return source.imports.filter((name) => !rule.to.some((allowed) => allowed.test(name)));
}

const shipped = [...sourcesUnder('lib'), ...sourcesUnder('functions')];

test('there are sources to read', () => {
  expect(shipped.length).toBeGreaterThan(30);
});

test.each(shipped.map((source) => [source.file, source] as const))(
  '%s imports only along the arrows',
  (_, source) => {
    expect(brokenArrows(source)).toEqual([]);
    expect(source.imports.filter((name) => /^(infra|test|bench|console)\//.test(name))).toEqual([]);
  },
);

test('the deployment knows no local cloud, and its library no framework', () => {
  const importing = (folder: string, forbidden: RegExp): readonly string[] =>
    sourcesUnder(folder)
      .filter(({ imports }) => imports.some((name) => forbidden.test(name)))
      .map(({ file }) => file);
  expect(importing('infra/serverless', /^(infra\/local|test)\//)).toEqual([]);
  expect(importing('infra/tencent', /^(infra\/(local|serverless)|test)\/|^(osls|serverless)/)).toEqual([]);
});

test('the environment is read in lib/config.ts only', () => {
  const readers = shipped.filter(({ text }) => text.includes('process.env')).map(({ file }) => file);
  expect(readers).toEqual(['lib/config.ts']);
});

test('clock and chance are touched in adapters only', () => {
  const touch = /Date\.now\(|Math\.random\(|randomBytes\(|new Date\(\)|setTimeout\(|setInterval\(/;
  const touching = shipped.filter(({ text }) => touch.test(text)).map(({ file }) => file);
  expect(touching.filter((file) => !file.startsWith('lib/adapters/'))).toEqual([]);
});

test('nothing shipped knows of the local cloud', () => {
  const knowing = shipped.filter(({ text }) => /127\.0\.0\.1|localhost|local cloud|infra\/local/i.test(text));
  expect(knowing.map(({ file }) => file)).toEqual([]);
});

test('nothing is exported by default, and no file is called by a word that says nothing', () => {
  const all = [...shipped, ...sourcesUnder('infra'), ...sourcesUnder('test')].filter(({ file }) =>
    file.endsWith('.ts'),
  );
  expect(all.filter(({ text }) => /^export default /m.test(text)).map(({ file }) => file)).toEqual([]);
  const vague = /(^|[/-])(utils?|helpers?|misc|common|manager|service)\.ts$|\/index\.ts$/;
  expect(all.filter(({ file }) => vague.test(file)).map(({ file }) => file)).toEqual([]);
});

test('a broken arrow is noticed', () => {
  const file = 'lib/domain/planted.ts';
  const text = "import { readFileSync } from 'node:fs';\nimport { x } from '../app/ports';\n";
  expect(brokenArrows({ file, text, imports: importsOf(file, text) })).toEqual(['node:fs', 'lib/app/ports']);
});
