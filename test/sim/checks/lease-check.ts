import type { LeaseDocument } from '../../../lib/app/lease';
import type { Verdict } from '../failure';
import type { World } from '../world';

/** Whoever found a key taken left its work to the holder: of one that died, the timer looks at the key. */
export function checkLeasesSwept(world: World, timerMs: number, verdict: Verdict): void {
  const { clockToleranceMs } = world.settings.replication;
  for (const [name, body] of world.state.documents) {
    if (!name.startsWith('leases/')) continue;
    const { key, holder, untilMs } = JSON.parse(body) as LeaseDocument;
    // One timer later at the latest it has been seen by clocks of all kinds.
    if (untilMs + timerMs + clockToleranceMs >= world.scheduler.now()) continue;
    verdict.fail('leases are swept', `the lease of ${holder} ran out and still stands`, key);
  }
}
