import type { Verdict } from '../failure';
import { shown, type Written } from '../ledger';
import { eventDelayMostMs, retriesMax, retryDelayMostMs } from '../platform';
import type { Tally } from '../tally';
import type { SimSettings } from '../world';

/**
 * How often one entry is written to one destination at most, whatever goes wrong. Without leases, workers on both sides
 * of a pair wake each other, and each repeats what the others have not finished.
 */
const copiesMax = ({ replication }: SimSettings): number => (replication.leases ? 50 : 200);

/**
 * Invocations that one write of a user, one change of a rule or one run of the timer leads to at most, on average over
 * a run: two events, three tries each, and as many where its replica is written.
 */
const invocationsEachMax = 12;

const writesSteps = [1, 2, 4, 8, 16, 32];

/** Invariant 8: whatever rings of rules there are, nothing goes on for ever. */
export function createBoundChecks(settings: SimSettings, verdict: Verdict) {
  const copies = new Map<Written, Map<string, number>>();
  let causes = 0;
  return {
    /** Told of all that people and timers do, once each. */
    caused(): void {
      causes += 1;
    },

    /** Told of every write: of two workers that wake each other for ever, no end has to be waited for. */
    landed({ author, ref, key }: Written): void {
      if (author.kind !== 'replication') return;
      const of = originOf(author.of);
      const byBucket = copies.get(of) ?? new Map<string, number>();
      copies.set(of, byBucket);
      const count = (byBucket.get(ref.bucket) ?? 0) + 1;
      byBucket.set(ref.bucket, count);
      if (count > copiesMax(settings))
        verdict.fail(
          'bounded',
          `${shown(of)} of ${of.ref.bucket} is written ${count} times to ${ref.bucket}`,
          key,
        );
    },

    /** How often entries were written to one destination. */
    countWrites(tally: Tally): void {
      const counts = [...copies.values()].flatMap((byBucket) => [...byBucket.values()]);
      for (const count of counts) {
        const step = writesSteps.find((most) => count <= most);
        tally.count(`entry written ${step === undefined ? 'more often' : `${step} times at most`}`);
      }
    },

    checkInvocations(invocations: number): void {
      if (invocations <= causes * invocationsEachMax) return;
      verdict.fail(
        'bounded',
        `${invocations} invocations come of ${causes} writes, changes of rules and timers`,
      );
    },
  };
}

/** What a user wrote, however far it was carried: a ring makes a replica of a replica, for ever a new one. */
function originOf(written: Written): Written {
  let origin = written;
  while (origin.author.kind === 'replication') origin = origin.author.of;
  return origin;
}

export type BoundChecks = ReturnType<typeof createBoundChecks>;

/**
 * Once nothing goes wrong any longer, all that was under way has come to its end within this time: an event that was on
 * its way, its invocation until the deadline, the tries after it; and as much for the events of what those wrote.
 */
export function quietWithinMs({ functionTimeoutMs }: SimSettings): number {
  return eventDelayMostMs + 2 * (functionTimeoutMs + retriesMax * retryDelayMostMs);
}
