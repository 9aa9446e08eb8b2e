// What a new instance pays before its first event: the replicate bundle beside a bundle of nothing but the COS SDK, each
// loaded by processes of their own, in turn. Prints medians. Run it after npm run build.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { zipSync } from 'fflate';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const folder = mkdtempSync(path.join(tmpdir(), 'cold-load-'));
const rounds = 15;
const environment = {
  PATH: process.env.PATH,
  TENCENTCLOUD_REGION: 'ap-guangzhou',
  STATE_BUCKET: 'state-1250000000',
  STATE_REGION: 'ap-guangzhou',
};

try {
  const sdk = path.join(folder, 'sdk.js');
  await build({
    stdin: { contents: "module.exports = require('cos-nodejs-sdk-v5');", resolveDir: root },
    outfile: sdk,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    logLevel: 'error',
  });
  const bundles = { 'COS SDK alone': sdk, replicate: path.join(root, 'dist', 'functions', 'replicate.js') };
  const times = Object.fromEntries(Object.keys(bundles).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const [name, file] of Object.entries(bundles)) times[name].push(loadMs(file));
  for (const [name, file] of Object.entries(bundles)) {
    const zip = zipSync({ 'f.js': readFileSync(file) }, { level: 9 });
    const median = times[name].toSorted((one, other) => one - other)[Math.floor(rounds / 2)];
    const kb = (bytes) => `${Math.round(bytes / 1000)} KB`;
    process.stdout.write(
      `${name.padEnd(14)} ${median.toFixed(0).padStart(4)} ms to load, ${kb(statSync(file).size)}, zipped ${kb(zip.length)}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function loadMs(file) {
  const code = `const t = performance.now(); require(${JSON.stringify(file)}); process.stdout.write(String(performance.now() - t)); process.exit();`;
  return Number(execFileSync(process.execPath, ['-e', code], { env: environment }));
}
