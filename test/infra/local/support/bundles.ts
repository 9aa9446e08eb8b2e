import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildSync } from 'esbuild';

const repository = path.join(__dirname, '..', '..', '..', '..');

/** A temporary folder; the caller removes it with `removeFolder`. */
export function temporaryFolder(): string {
  return mkdtempSync(path.join(os.tmpdir(), 'local-cloud-test-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Builds the instances' bootstrap as the real build does. */
export function buildBootstrap(folder: string): string {
  const outfile = path.join(folder, 'bootstrap.cjs');
  const entry = path.join(repository, 'infra', 'local', 'scf', 'bootstrap.ts');
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'error',
  });
  return outfile;
}

/** Builds a function's bundle out of a few lines of source, packages included, as a deployment would. */
export function buildFunction(folder: string, name: string, source: string): string {
  const outfile = path.join(folder, `${name}.js`);
  buildSync({
    stdin: { contents: source, resolveDir: repository, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    logLevel: 'error',
  });
  return outfile;
}
