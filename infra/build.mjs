// Builds what runs: one self-contained file per function, and the local cloud's command. Files are replaced in place, so
// that a local cloud that is running meanwhile still finds its functions. The argument: another folder than dist.
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const at = (...parts) => path.join(root, ...parts);
const out = process.argv[2] ?? at('dist');

/** zod carries sixty languages of error texts; the functions speak one. */
const oneLocale = {
  name: 'one-locale',
  setup: (esbuild) =>
    esbuild.onLoad({ filter: /zod[/\\]v4[/\\]locales[/\\]index\.(js|cjs)$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    })),
};

const shared = { bundle: true, platform: 'node', format: 'cjs', target: 'node18', logLevel: 'warning' };

const functions = ['replicate', 'rules', 'reconcile'].filter((name) =>
  existsSync(at('functions', `${name}.ts`)),
);
const { metafile } = await build({
  ...shared,
  entryPoints: functions.map((name) => at('functions', `${name}.ts`)),
  outdir: path.join(out, 'functions'),
  minify: true,
  keepNames: true,
  plugins: [oneLocale],
  metafile: true,
});
// What is inside, for whoever asks.
writeFileSync(path.join(out, 'functions.meta.json'), JSON.stringify(metafile));

const local = {
  main: at('infra', 'local', 'main.ts'),
  bootstrap: at('infra', 'local', 'scf', 'bootstrap.ts'),
};
await build({
  ...shared,
  entryPoints: Object.fromEntries(Object.entries(local).filter(([, file]) => existsSync(file))),
  outdir: path.join(out, 'local'),
  outExtension: { '.js': '.cjs' },
  target: 'node20',
  packages: 'external',
});

await build({
  ...shared,
  entryPoints: { plugin: at('infra', 'serverless', 'plugin.ts') },
  outdir: path.join(out, 'serverless'),
  outExtension: { '.js': '.cjs' },
  target: 'node20',
  packages: 'external',
});
