import { reportHotKey } from './hot-key';
import { runSeed } from './run-seed';
import type { Failure } from './failure';
import { countLines, shortcomings } from './expected';
import { type Options, readOptions } from './options';
import type { RunOptions } from './scenario';
import { shrink } from './shrink';

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.hotKeyRuns > 0) {
    const sound = await reportHotKey(options.hotKeyRuns, (line) => void process.stdout.write(`${line}\n`));
    process.exitCode = sound ? 0 : 1;
    return;
  }
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  let failed = 0;
  let ran = 0;
  const counts = new Map<string, number>();
  // Most errors here are played faults: nobody reads where they were made.
  if (!options.trace) Error.stackTraceLimit = 0;
  const began = process.hrtime.bigint();
  let playing: string | undefined;
  // Where nothing is left to do and a seed still waits, Node ends as if all were well.
  process.once('exit', () => {
    if (playing === undefined) return;
    write(`seed ${playing}: stuck: it waits for something that never comes`);
    process.exitCode = 1;
  });
  for (const seed of options.seeds) {
    playing = seed;
    const run = { seed, leases: options.leases, without: options.without };
    const result = await runSeed({ ...run, trace: options.trace });
    ran += 1;
    if (ran % 1_000 === 0) process.stderr.write(`${ran} of ${options.seeds.length} seeds\n`);
    for (const [name, times] of result.counts) counts.set(name, (counts.get(name) ?? 0) + times);
    if (options.trace) for (const line of result.lines) write(line);
    if (result.failure) {
      failed += 1;
      write(`seed ${seed}: ${result.failure.checker}: ${result.failure.message}`);
      if (options.firstFailure) break;
      if (options.shrink) await explain(run, result.failure, write);
      // Of the first one at once; the others may fail for the same reason.
      else if (failed === 1 && !options.trace) await show(run, write);
      write(`  node test/sim/run.mjs --seed ${seed} --leases ${options.leases} --shrink`);
    }
  }
  playing = undefined;
  if (options.counts !== 'none') report(counts, options, write);
  // Of a part of a run, whoever adds the parts up says what the whole lacks.
  const lacking =
    options.counts === 'full'
      ? shortcomings(counts, { seeds: options.seeds.length, leases: options.leases })
      : [];
  for (const line of lacking) write(line);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  if (options.counts === 'full') write(`${(options.seeds.length / seconds).toFixed(1)} seeds per second`);
  write(`${options.seeds.length - failed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || lacking.length > 0 ? 1 : 0;
}

/** How often everything occurred; as one line of JSON for the process that adds several up. */
function report(counts: ReadonlyMap<string, number>, options: Options, write: (line: string) => void): void {
  if (options.counts === 'json') return write(`counts ${JSON.stringify([...counts])}`);
  for (const line of countLines(counts, options.leases)) write(line);
}

/** The shortest trace that still fails, and the command that prints it again. */
async function explain(
  run: Omit<RunOptions, 'trace'>,
  { checker }: Failure,
  write: (line: string) => void,
): Promise<void> {
  const without = await shrink({ ...run, trace: false }, checker);
  await show({ ...run, without }, write);
  const less = without.size === 0 ? '' : ` --without ${[...without].join(',')}`;
  write(`node test/sim/run.mjs --seed ${run.seed} --leases ${run.leases} --trace${less}`);
}

/** What happened to the key of a failure, and to all keys. */
async function show(run: Omit<RunOptions, 'trace'>, write: (line: string) => void): Promise<void> {
  const { lines, failure } = await runSeed({ ...run, trace: true });
  const key = failure?.key;
  const isAbout = (line: string): boolean =>
    key === undefined || line.includes(key) || /operator|platform|reconcile|suspend|resume|fault/.test(line);
  for (const line of lines.filter(isAbout)) write(line);
}

void main();
