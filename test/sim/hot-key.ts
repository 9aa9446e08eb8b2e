import { defaultSettings } from '../../lib/app/settings';
import { buildWorld } from './build-world';
import { checkQuietWorld } from './checks/quiet-world';
import { faultKinds, type FaultRates } from './faults';
import type { Scenario } from './scenario';
import type { BucketHabits } from './sim-cos';

const overwrites = 100;
const burstMs = 1_000;
const workers = 20;
const key = 'hot';

export interface HotKeyResult {
  readonly writes: number;
  /** Versions at the destination that repeat a source version. */
  readonly redundant: number;
  /** What an invariant says against it. */
  readonly failure: string | undefined;
}

/** One key, overwritten a hundred times within a second; each write's event comes to one of twenty workers. No faults. */
export async function runHotKey(seed: string, leases: 'on' | 'off'): Promise<HotKeyResult> {
  const built = buildWorld({ seed, leases, without: new Set(), trace: false }, () =>
    scenario(leases === 'on'),
  );
  const { world, chance, users, operators, books, verdict, settle } = built;
  const [rule] = built.scenario.rules;
  if (rule === undefined) throw new Error('the scenario has no rule');
  await settle(operators.create(rule));
  for (let i = 0; i < overwrites; i += 1) {
    world.scheduler.after(chance.between(0, burstMs), () => users.put(chance, rule.source, key));
  }
  await settle();
  checkQuietWorld(world, books, [key], verdict);
  const copies = world.cos.ledger.of(rule.settings.destination.bucket, key);
  const sources = new Set(
    copies.map(({ author }) => (author.kind === 'replication' ? author.of : undefined)),
  );
  return {
    writes: copies.length,
    redundant: copies.length - sources.size,
    failure: verdict.failure && `${verdict.failure.checker}: ${verdict.failure.message}`,
  };
}

function scenario(leases: boolean): Scenario {
  const source = { bucket: 'a-1250000000', region: 'ap-guangzhou' };
  const destination = { bucket: 'b-1250000000', region: 'ap-shanghai' };
  const habits: BucketHabits = { idsFrom: 'end', listedBy: 'landing', clockSkewMs: 0 };
  return {
    settings: {
      replication: { ...defaultSettings, leases, longestUploadMs: 3_000 },
      configLifetimeMs: 15_000,
      settleMs: 2_000,
      listingLagMs: 1,
      functionTimeoutMs: 120_000,
      batchRate: 0,
      workersMax: workers,
    },
    buckets: [source, destination].map((ref) => ({ ref, habits })),
    rules: [
      {
        id: 'hot',
        source,
        settings: {
          status: 'Enabled',
          prefixes: [''],
          tags: [],
          destination,
          deleteMarkerReplication: 'Enabled',
          description: '',
        },
      },
    ],
    keys: [key],
    busyKeys: [key],
    faultRates: Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as unknown as FaultRates,
    rulesStay: true,
    rulesArePutBack: false,
    allInParts: false,
    operations: 0,
  };
}

/** At most this share of all writes may be redundant with leases on. */
const redundantShareMax = 0.01;

/** Prints the share of redundant writes with leases, and without. Returns whether it is as small as it must be. */
export async function reportHotKey(runs: number, write: (line: string) => void): Promise<boolean> {
  write(`${overwrites} overwrites of one key in ${burstMs} ms, ${workers} workers, ${runs} runs`);
  let sound = true;
  for (const leases of ['on', 'off'] as const) {
    let writes = 0;
    let redundant = 0;
    for (let run = 1; run <= runs; run += 1) {
      const result = await runHotKey(`hot key ${run}`, leases);
      writes += result.writes;
      redundant += result.redundant;
      if (result.failure !== undefined) {
        sound = false;
        write(`run ${run}, leases ${leases}: ${result.failure}`);
      }
    }
    const share = redundant / writes;
    write(
      `leases ${leases.padEnd(3)} ${redundant} of ${writes} writes redundant (${(share * 100).toFixed(2)} %)`,
    );
    if (leases === 'on' && share > redundantShareMax) sound = false;
  }
  return sound;
}
