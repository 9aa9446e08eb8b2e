import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { mutants } from './mutants';
import { runSeed } from './run-seed';

const seedsOfEach = 40;
/** A busy machine plays a few seeds a second. */
const patienceMs = 240_000;
// Most errors are played faults: nobody reads where they were made.
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = 10;
});

const root = path.join(__dirname, '..', '..');

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  'the mutant "%s" fits the source once',
  (_name, { file, find }) => {
    expect(readFileSync(path.join(root, file), 'utf8').split(find)).toHaveLength(2);
  },
);

const nothing: ReadonlySet<string> = new Set();

test.each(['on', 'off', 'flaky'] as const)(
  'no seed breaks an invariant, leases %s',
  async (leases) => {
    const failed: string[] = [];
    for (let seed = 1; seed <= seedsOfEach; seed += 1) {
      const { failure } = await runSeed({ seed: `${seed}`, leases, without: nothing, trace: false });
      if (failure)
        failed.push(`node test/sim/run.mjs --seed ${seed} --leases ${leases} --shrink: ${failure.message}`);
    }
    expect(failed).toEqual([]);
  },
  patienceMs,
);

test('a seed is the same run each time, to the last request', async () => {
  const run = () => runSeed({ seed: 'again', leases: 'flaky', without: nothing, trace: true });
  const [one, two] = [await run(), await run()];
  expect(one.lines.length).toBeGreaterThan(200);
  expect(two.hash).toBe(one.hash);
});

test.each(['copy only the newest', 'a gap is filled without', 'open attempts are ignored'])(
  'the deliberate bug "%s" is caught',
  (name) => {
    const args = [path.join(__dirname, 'run.mjs'), '--mutants', name];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stdout).toContain('1 of 1 mutants caught');
  },
  patienceMs,
);
