import type { NetworkSettings } from './network-settings';

export type RateClass = 'readWrite' | 'list';

/**
 * COS's limits per bucket and second. https://www.tencentcloud.com/document/product/436/14518
 * The regions of mainland China carry ten times what others do.
 */
const mainland = /^ap-(beijing|nanjing|shanghai|guangzhou|chengdu|chongqing)/;
const readWriteMainland = 30_000;
const readWriteElsewhere = 3_000;
const listPerSecond = 1_000;

const listOperation = /^GET bucket( versions| uploads)?$/;

export function rateClassOf(operation: string): RateClass {
  return listOperation.test(operation) ? 'list' : 'readWrite';
}

export interface RateLimiter {
  /** Counts a request. `false`: the bucket has had all that it may have in this second. */
  readonly admit: (bucket: string, region: string, rateClass: RateClass, nowMs: number) => boolean;
}

/** Whole seconds of the clock, one count each: how COS measures is not documented. */
export function createRateLimiter(rates: NetworkSettings['requestsPerSecond']): RateLimiter {
  let second = 0;
  const counts = new Map<string, number>();
  return {
    admit: (bucket, region, rateClass, nowMs) => {
      const now = Math.floor(nowMs / 1000);
      if (now !== second) {
        second = now;
        counts.clear();
      }
      const name = `${rateClass} ${bucket}`;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      return count <= (rates[rateClass] ?? documentedRate(region, rateClass));
    },
  };
}

function documentedRate(region: string, rateClass: RateClass): number {
  if (rateClass === 'list') return listPerSecond;
  return mainland.test(region) ? readWriteMainland : readWriteElsewhere;
}
