import type { LeaseDocument } from '../../lib/app/lease';
import type { Verdict } from './failure';
import type { Scheduler } from './scheduler';
import type { StateBucket } from './state-bucket';
import type { Tally } from './tally';
import type { SimSettings } from './world';

/** Told of every request about a lease's document when it is decided, and of removals when they are sent as well. */
export interface LeaseWatch {
  read(name: string, by: string): void;
  asked(name: string, by: string, created: boolean): void;
  removed(name: string, by: string, sentMs: number): void;
}

/** Counts what becomes of leases, and checks that nobody drops what another one holds. */
export function createLeaseWatch(parts: {
  readonly state: StateBucket;
  readonly scheduler: Scheduler;
  readonly settings: SimSettings;
  readonly tally: Tally;
  readonly verdict: Verdict;
}): LeaseWatch {
  const { state, scheduler, settings, tally, verdict } = parts;
  const reads = new Map<string, number>();
  const takings = new Map<string, number>();
  /** Who shares a place with another creator, or lost it: whatever these remove may be somebody else's. */
  const excused = new Set<string>();

  const standing = (name: string): LeaseDocument | undefined => {
    const body = isLease(name) ? state.documents.get(name) : undefined;
    return body === undefined ? undefined : (JSON.parse(body) as LeaseDocument);
  };
  /** What stood then was known to whoever removes it: when it was read after the own lease was taken, or when it is sent. */
  const knownMs = (name: string, by: string, sentMs: number): number => {
    const readMs = reads.get(of(name, by)) ?? -Infinity;
    return readMs >= (takings.get(of(folderOf(name), by)) ?? -Infinity) ? Math.min(readMs, sentMs) : sentMs;
  };

  return {
    read(name, by) {
      if (isLease(name)) reads.set(of(name, by), scheduler.now());
    },

    asked(name, by, created) {
      if (!isLease(name)) return;
      const before = standing(name);
      if (!created) {
        if (before && before.untilMs > scheduler.now()) tally.count('lease found held');
        return;
      }
      tally.count('lease taken');
      // Whoever finds an expired one takes the place after it.
      if (!name.endsWith('/000000.json')) tally.count('lease stolen');
      takings.set(of(folderOf(name), by), scheduler.now());
      if (before) for (const nonce of [nonceStart(by), before.holder]) excused.add(of(name, startOf(nonce)));
    },

    removed(name, by, sentMs) {
      const dropped = standing(name);
      if (dropped === undefined) return;
      const { holder, untilMs, key } = dropped;
      const isOwn = holder.startsWith(nonceStart(by));
      // Sent before it was taken: whoever comes next shares the place with a holder who does not know that it is lost.
      if (isOwn && sentMs < (state.createdMs(name) ?? 0)) excused.add(of(name, nonceStart(by)));
      if (isOwn && untilMs < scheduler.now()) tally.count('lease expired under its worker');
      if (isOwn) return;
      const isExcused = excused.has(of(name, nonceStart(by)));
      // By other clocks it may have expired, and whoever took it over may remove it.
      const mayBeOver = untilMs <= scheduler.now() + settings.replication.clockToleranceMs;
      if (isExcused || !mayBeOver) excused.add(of(name, startOf(holder)));
      if (mayBeOver) return;
      tally.count('lease of another dropped');
      const stoodBefore = (state.createdMs(name) ?? 0) < knownMs(name, by, sentMs);
      if (stoodBefore && !isExcused)
        verdict.fail('a lease is its holder’s', `${by} drops the one that ${holder} holds`, key);
    },
  };
}

const isLease = (name: string): boolean => name.startsWith('leases/');
const folderOf = (name: string): string => name.slice(0, name.lastIndexOf('/'));
const of = (name: string, whose: string): string => `${name}\n${whose}`;

const startOf = (nonce: string): string => nonce.replace(/\d+$/, '');

/** What all nonces of an instance begin with. */
export const nonceStart = (instance: string): string => `${instance.replaceAll(/[^a-z0-9]/g, '')}n`;
