import { defaultSettings } from '../../lib/app/settings';
import type { BucketRef, RuleSettings } from '../../lib/domain/rule';
import type { Chance } from './chance';
import { bringEventsEverything, drawFaultRates, type FaultRates } from './faults';
import type { BucketHabits } from './sim-cos';
import type { SimSettings } from './world';
import { latestLandingMs } from './wire';

/** What a seed is asked to be, beside what it draws itself. */
export interface RunOptions {
  readonly seed: string;
  readonly leases: 'on' | 'off' | 'flaky';
  /** Names of faults, and of kinds of operations, that are left out, to find the shortest trace. */
  readonly without: ReadonlySet<string>;
  readonly trace: boolean;
}

/** What one seed decides before anything happens. */
export interface Scenario {
  readonly settings: SimSettings;
  readonly buckets: readonly { readonly ref: BucketRef; readonly habits: BucketHabits }[];
  readonly rules: readonly NamedRule[];
  readonly keys: readonly string[];
  /** Those that users write all along; the others are written in the end only. */
  readonly busyKeys: readonly string[];
  readonly faultRates: FaultRates;
  /** Nobody changes a rule once all are made. */
  readonly rulesStay: boolean;
  /** However operators change rules at first, they put them back as they were made. */
  readonly rulesArePutBack: boolean;
  /** Users upload objects of one size in parts: listings hardly tell a version of a key from another. */
  readonly allInParts: boolean;
  readonly operations: number;
}

export interface NamedRule {
  readonly id: string;
  readonly source: BucketRef;
  readonly settings: RuleSettings;
}

const guangzhou: BucketRef = { bucket: 'a-1250000000', region: 'ap-guangzhou' };
const shanghai: BucketRef = { bucket: 'b-1250000000', region: 'ap-shanghai' };
const beijing: BucketRef = { bucket: 'c-1250000000', region: 'ap-beijing' };

const allKeys = ['p/a', 'p/b', 'q/c', 'q/é 🦊'];
const lastKey = 'p/last';

export function drawScenario(options: RunOptions, chance: Chance): Scenario {
  const settings = drawSettings(options, chance);
  const most = Math.floor(settings.replication.clockToleranceMs / 2);
  const habits = (): BucketHabits => ({
    idsFrom: chance.pick(['start', 'end']),
    listedBy: chance.happens(0.7) || options.without.has('idOrder') ? 'landing' : 'id',
    clockSkewMs: options.without.has('clockSkew') ? 0 : chance.between(-1, 1) * most,
  });
  const buckets = [guangzhou, shanghai, beijing].map((ref) => ({ ref, habits: habits() }));
  const rules = drawRules(chance, options.without.has('deployments'));
  const busyKeys = allKeys.slice(0, chance.between(3, 4));
  const faultRates = drawFaultRates(chance, options.without);
  // Where events must bring everything, much depends on each of them, and on all that follows the last change of a rule.
  const bring = bringEventsEverything(faultRates);
  const rulesStay = bring && chance.fork('rules stay').happens(0.5);
  return {
    settings: { ...settings, batchRate: bring ? 0.5 : settings.batchRate },
    buckets,
    rules,
    keys: [...busyKeys, lastKey],
    busyKeys,
    faultRates,
    rulesStay,
    rulesArePutBack: !rulesStay && chance.fork('rules are put back').happens(0.8),
    allInParts: chance.fork('all in parts').happens(0.2),
    operations: chance.between(38, 60),
  };
}

function drawSettings({ leases }: RunOptions, chance: Chance): SimSettings {
  const clockToleranceMs = chance.pick([2_000, 30_000]);
  const listingBelievedAfterMs = chance.pick([10_000, 20_000]);
  const functionTimeoutMs = chance.pick([40_000, 120_000]);
  const historyPageEntries = chance.pick([2, 4, 1_000]);
  const roundsMax = chance.pick([2, 6]);
  return {
    replication: {
      ...defaultSettings,
      historyPageEntries,
      roundsMax,
      backOffsMax: Math.min(roundsMax - 1, defaultSettings.backOffsMax),
      clockToleranceMs,
      listingBelievedAfterMs,
      longestTransferMs: chance.pick([latestLandingMs + 15_000, 900_000]),
      longestUploadMs: chance.fork('uploads').happens(0.25) ? 150_000 : 3_000,
      // By then a function that sent a delete is over as well.
      deleteSettlesMs: Math.max(functionTimeoutMs, latestLandingMs + chance.pick([15_000, 90_000])),
      // A run is shorter than a day.
      recordsKeptMs: functionTimeoutMs === 40_000 ? 400_000 : defaultSettings.recordsKeptMs,
      singleCopyBytesMax: 64,
      keysAtOnce: chance.pick([1, 8]),
      leases: leases !== 'off',
      leaseMs: leases === 'flaky' ? chance.pick([1, 200, 5_000, 60_000]) : 60_000,
    },
    configLifetimeMs: chance.pick([5_000, 15_000]),
    settleMs: 2_000,
    // Last-Modified is in whole seconds.
    listingLagMs: listingBelievedAfterMs - 1_000,
    functionTimeoutMs,
    batchRate: 0.15,
  };
}

/** Where rules may go instead. */
export const destinations: readonly BucketRef[] = [shanghai, beijing];

/** The one tag that rules ask for, and that some versions carry. */
export const teamTag = { key: 'team', value: 'a' };

function drawRules(chance: Chance, oneDeployment: boolean): readonly NamedRule[] {
  const rule = (
    id: string,
    source: BucketRef,
    destination: BucketRef,
    ...prefixes: readonly string[]
  ): NamedRule => ({
    id,
    source,
    settings: {
      status: 'Enabled',
      prefixes: prefixes.length === 0 ? [''] : prefixes,
      tags: [],
      destination: chance.happens(0.2) ? { ...destination, storageClass: 'STANDARD_IA' } : destination,
      deleteMarkerReplication: chance.happens(0.8) ? 'Enabled' : 'Disabled',
      description: '',
    },
  });
  const more = oneDeployment ? 0 : 1;
  const shape = chance.weighted({
    one: 4,
    prefixes: 3,
    several: 1,
    tagged: 1,
    fanOut: 2,
    priorities: 2,
    twoWay: 2 * more,
    chain: more,
    ring: more,
  });
  switch (shape) {
    case 'one':
      return [rule('ab', guangzhou, shanghai)];
    case 'prefixes':
      return [rule('ab-p', guangzhou, shanghai, 'p/'), rule('ab-q', guangzhou, shanghai, 'q/')];
    case 'several':
      return [rule('ab', guangzhou, shanghai, 'p/', 'q/')];
    case 'tagged': {
      const { settings, ...names } = rule('ab', guangzhou, shanghai);
      return [{ ...names, settings: { ...settings, tags: [teamTag], deleteMarkerReplication: 'Disabled' } }];
    }
    case 'fanOut':
      return [rule('ab', guangzhou, shanghai), rule('ac', guangzhou, beijing, 'p/')];
    case 'priorities': {
      const own = (named: NamedRule, priority: number): NamedRule => ({
        ...named,
        settings: { ...named.settings, priority },
      });
      return [own(rule('ab', guangzhou, shanghai), 20), own(rule('ab-p', guangzhou, shanghai, 'p/'), 10)];
    }
    case 'twoWay':
      return [rule('ab', guangzhou, shanghai), rule('ba', shanghai, guangzhou)];
    case 'chain':
      return [rule('ab', guangzhou, shanghai), rule('bc', shanghai, beijing)];
    case 'ring':
      return [rule('ab', guangzhou, shanghai), rule('bc', shanghai, beijing), rule('ca', beijing, guangzhou)];
  }
}
