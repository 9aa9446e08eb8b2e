// Bundles the simulator with the product's own sources, and runs it:
//   node test/sim/run.mjs --seeds 1000 [--seed S: from this one on] [--leases on|off|flaky]
//   node test/sim/run.mjs --seed S [--leases on|off|flaky] [--trace] [--shrink]
//   node test/sim/run.mjs --mutants [name]
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..', '..');
// Runs side by side do not disturb each other.
const cache = path.join(root, 'node_modules', '.cache', 'sim', String(process.pid));
const words = process.argv.slice(2);
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill();
  rmSync(cache, { recursive: true, force: true });
});
// Whoever ends this process ends what it has begun.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

const bundle = (entry, outfile, format, plugins = []) =>
  build({
    entryPoints: [path.join(here, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format,
    target: 'node20',
    logLevel: 'silent',
    plugins,
  });

/** What one of the simulator's own files exports. */
const load = async (name) => {
  const outfile = path.join(cache, `${name}.mjs`);
  await bundle(`${name}.ts`, outfile, 'esm');
  return import(pathToFileURL(outfile).href);
};

/** Loads a source with a deliberate bug in the place of the shipped one. */
const mutation = ({ name, file, find, replace }) => ({
  name: 'mutant',
  setup: (esbuild) =>
    esbuild.onLoad({ filter: /\.ts$/ }, ({ path: loaded }) => {
      if (path.relative(root, loaded).split(path.sep).join('/') !== file) return undefined;
      const text = readFileSync(loaded, 'utf8');
      const matches = text.split(find).length - 1;
      if (matches !== 1) throw new Error(`the mutant "${name}" matches ${matches} times in ${file}`);
      return { contents: text.replace(find, () => replace), loader: 'ts' };
    }),
});

/** Runs a bundle; its output is passed on, or returned. */
const run = (outfile, args, keep) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [outfile, ...args], {
      stdio: ['ignore', keep ? 'pipe' : 'inherit', 'inherit'],
    });
    children.add(child);
    let text = '';
    child.stdout?.on('data', (chunk) => (text += chunk));
    child.on('close', (status) => {
      children.delete(child);
      resolve({ status: status ?? 1, text });
    });
  });

/** Works on the items with two processes. */
const inPairs = async (items, work) => {
  const rest = items.slice();
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
};

if (words.includes('--mutants')) {
  const named = words[words.indexOf('--mutants') + 1];
  const { mutants } = await load('mutants');
  const chosen = mutants.filter(
    ({ name }) => named === undefined || named.startsWith('--') || name.includes(named),
  );
  if (chosen.length === 0) {
    process.stderr.write(`no mutant has "${named}" in its name\n`);
    process.exit(1);
  }
  const shipped = await shippedBundle();
  let caught = 0;
  await inPairs([...chosen], async (mutant) => {
    const outfile = path.join(cache, `mutant-${mutants.indexOf(mutant)}.cjs`);
    const leases = mutant.leases ?? 'on';
    let outcome = `SURVIVED ${mutant.seeds} seeds`;
    try {
      await bundle('main.ts', outfile, 'cjs', [mutation(mutant)]);
      for (let from = 1; from <= mutant.seeds;) {
        const range = ['--from', String(from), '--seeds', String(mutant.seeds - from + 1)];
        const { text } = await run(outfile, [...range, '--leases', leases, '--first-failure'], true);
        const [, seed, checker] = /^seed (\d+): ([^:]*): /m.exec(text) ?? [];
        if (seed === undefined) break;
        // A seed that fails without the bug says nothing of it.
        if ((await run(shipped, ['--seed', seed, '--leases', leases], true)).status === 0) {
          outcome = `caught by "${checker}" at seed ${seed}`;
          caught += 1;
          break;
        }
        from = Number(seed) + 1;
      }
    } catch (thrown) {
      outcome =
        String(thrown)
          .split('\n')
          .find((line) => line.includes('matches')) ?? String(thrown);
    }
    process.stdout.write(`${mutant.name.padEnd(60)} ${outcome}\n`);
  });
  process.stdout.write(`${caught} of ${chosen.length} mutants caught\n`);
  process.exitCode = caught === chosen.length ? 0 : 1;
} else if (Number(words[words.indexOf('--seeds') + 1]) >= 2_000 && words.includes('--seeds')) {
  process.exitCode = await runHalves();
} else {
  process.exitCode = (await run(await shippedBundle(), words, false)).status;
}

/** A long run is done by two processes, whose counts are added up. */
async function runHalves() {
  const outfile = await shippedBundle();
  const begin = ['--from', '--seed'].find((name) => words.includes(name));
  const from = begin ? Number(words[words.indexOf(begin) + 1]) : 1;
  const seeds = Number(words[words.indexOf('--seeds') + 1]);
  const half = Math.ceil(seeds / 2);
  const rest = words.filter((word, place) => {
    const named = ['--from', '--seed', '--seeds'];
    return !named.includes(word) && !named.includes(words[place - 1]);
  });
  const leases = words.includes('--leases') ? words[words.indexOf('--leases') + 1] : 'on';
  const began = performance.now();
  const parts = await Promise.all(
    [
      [from, half],
      [from + half, seeds - half],
    ].map(([first, count]) =>
      run(outfile, [...rest, '--from', String(first), '--seeds', String(count), '--json'], true),
    ),
  );
  const counts = new Map();
  let [passed, failed] = [0, 0];
  for (const { text } of parts) {
    for (const line of text.split('\n').filter(Boolean)) {
      if (line.startsWith('counts ')) {
        for (const [name, times] of JSON.parse(line.slice(7)))
          counts.set(name, (counts.get(name) ?? 0) + times);
      } else if (/^\d+ passed, \d+ failed$/.test(line)) {
        const [ofPart] = line.split(' ');
        passed += Number(ofPart);
        failed += Number(line.split(' ')[2]);
      } else process.stdout.write(`${line}\n`);
    }
  }
  // A process that died has told of none of its seeds.
  const untold = seeds - passed - failed;
  if (untold > 0) process.stdout.write(`${untold} seeds were not run to their end\n`);
  const { countLines, shortcomings } = await load('expected');
  for (const line of countLines(counts, leases)) process.stdout.write(`${line}\n`);
  const lacking = shortcomings(counts, { seeds, leases });
  for (const line of lacking) process.stdout.write(`${line}\n`);
  process.stdout.write(`${((seeds * 1000) / (performance.now() - began)).toFixed(1)} seeds per second\n`);
  process.stdout.write(`${passed} passed, ${failed + untold} failed\n`);
  return failed + untold > 0 || lacking.length > 0 ? 1 : 0;
}

async function shippedBundle() {
  const outfile = path.join(cache, 'main.cjs');
  await bundle('main.ts', outfile, 'cjs');
  return outfile;
}
