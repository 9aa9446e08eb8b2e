import type { Verdict } from '../failure';
import type { World } from '../world';

/** Leases of the dead are swept: in a quiet world none stands that has expired. */
export function checkLeases(world: World, verdict: Verdict): void {
  for (const [name, body] of world.state.documents) {
    if (!name.startsWith('leases/')) continue;
    const { key, untilMs } = JSON.parse(body) as { readonly key: string; readonly untilMs: number };
    const surelyMs = untilMs + world.settings.replication.clockToleranceMs;
    if (surelyMs < world.scheduler.now()) verdict.fail('leases', `${name} has expired, and stands`, key);
  }
}
