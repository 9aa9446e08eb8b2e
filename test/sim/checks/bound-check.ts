import type { Verdict } from '../failure';
import { shown, type Written } from '../ledger';
import type { World } from '../world';

/**
 * How often one entry is written to one destination at most, whatever goes wrong. Without leases, workers on both sides
 * of a pair wake each other, and each repeats what the others have not finished.
 */
const copiesMax = (world: World): number => (world.settings.replication.leases ? 100 : 400);

/** Every write of replication is one of a bounded number for its source entry. */
export function checkBounded(world: World, verdict: Verdict): void {
  const copies = new Map<Written, Map<string, number>>();
  for (const { author, ref } of world.cos.ledger.all) {
    if (author.kind !== 'replication') continue;
    const of = copies.get(author.of) ?? new Map<string, number>();
    of.set(ref.bucket, (of.get(ref.bucket) ?? 0) + 1);
    copies.set(author.of, of);
  }
  for (const [of, byBucket] of copies) {
    for (const [bucket, count] of byBucket) {
      world.tally.count(
        `entry written ${count < 5 ? count : count < 9 ? '5 to 8' : count < 17 ? '9 to 16' : count < 33 ? '17 to 32' : 'more'}`,
      );
      if (count > copiesMax(world))
        verdict.fail(
          'bounded',
          `${shown(of)} of ${of.ref.bucket} is written ${count} times to ${bucket}`,
          of.key,
        );
    }
  }
}
