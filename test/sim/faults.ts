import type { Chance } from './chance';
import type { Tally } from './tally';

/** What may befall one request. */
export const faultKinds = [
  'throttled',
  'refused',
  'expired',
  'failedBefore',
  'failedAfter',
  'late',
  'errorIn200',
  'torn',
  'slow',
  'paused',
  'crashedBefore',
  'crashedAfter',
  'staleSnapshot',
  'staleHole',
  'twoCreators',
  'eventDropped',
  'eventDelayed',
  'eventDoubled',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Counted where they are played: one that is drawn may find nothing to hide, to tear, or to pass by. */
const countedWherePlayed: ReadonlySet<FaultKind> = new Set([
  'staleSnapshot',
  'staleHole',
  'torn',
  'twoCreators',
]);

export type FaultRates = Readonly<Record<FaultKind, number>>;

/** Decides what goes wrong, as long as anything may. */
export interface Faults {
  /** One of these kinds, or that nothing happens. */
  befalls(chance: Chance, kinds: readonly FaultKind[]): FaultKind | undefined;
  /** From now on things go wrong; before, and after the stop, nothing does. */
  start(): void;
  stop(): void;
  readonly active: boolean;
}

export function createFaults(rates: FaultRates, tally: Tally): Faults {
  let active = false;
  return {
    get active() {
      return active;
    },
    start() {
      active = true;
    },
    stop() {
      active = false;
    },
    befalls(chance, kinds) {
      if (!active) return undefined;
      let rest = chance.next();
      for (const kind of kinds) {
        rest -= rates[kind];
        if (rest >= 0) continue;
        if (!countedWherePlayed.has(kind)) tally.count(`fault ${kind}`);
        return kind;
      }
      return undefined;
    },
  };
}

/**
 * Each seed has troubles of its own: some kinds often, some now and then, many never; one in ten has none, in
 * one in twenty only listings lag, and in one in twenty answers take long and nothing else.
 */
export function drawFaultRates(chance: Chance, without: ReadonlySet<string>): FaultRates {
  const mood = chance.next();
  const calm = mood < 0.2;
  const lagging = mood < 0.05 && !without.has('staleSnapshot');
  const slow = mood >= 0.05 && mood < 0.1 && !without.has('slow');
  const entries = faultKinds.map((kind) => {
    const often = chance.next();
    const rate = often < 0.45 ? 0 : often < 0.85 ? usual[kind] : usual[kind] * 4;
    return [kind, calm || without.has(kind) ? 0 : rate] as const;
  });
  const rates = Object.fromEntries(entries) as Record<FaultKind, number>;
  return { ...rates, ...(lagging ? { staleSnapshot: 0.5 } : {}), ...(slow ? { slow: 0.05 } : {}) };
}

/** Whether events alone bring every change, so that nothing has to wait for the timer. */
export function bringEventsEverything(rates: FaultRates): boolean {
  return faultKinds.every((kind) => rates[kind] === 0 || kind === 'staleSnapshot' || kind === 'slow');
}

const usual: FaultRates = {
  throttled: 0.01,
  refused: 0.003,
  expired: 0.003,
  failedBefore: 0.01,
  failedAfter: 0.04,
  late: 0.04,
  errorIn200: 0.03,
  torn: 0.02,
  slow: 0.03,
  paused: 0.006,
  crashedBefore: 0.004,
  crashedAfter: 0.01,
  staleSnapshot: 0.1,
  staleHole: 0.1,
  twoCreators: 0.5,
  eventDropped: 0.08,
  eventDelayed: 0.15,
  eventDoubled: 0.1,
};
