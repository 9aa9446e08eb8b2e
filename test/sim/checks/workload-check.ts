import type { Verdict } from '../failure';
import { writesMin } from '../operations';
import type { Scenario } from '../scenario';
import type { World } from '../world';

/** Keys that users write at least. */
const keysMin = 3;

/** A seed whose users did less than they should have proves less than it says. */
export function checkWorkload({ cos }: World, scenario: Scenario, verdict: Verdict): void {
  const sources = new Set(scenario.rules.map(({ source }) => source.bucket));
  const writes = cos.ledger.all.filter(
    ({ ref, author }) => author.kind === 'user' && sources.has(ref.bucket),
  );
  const keys = new Set(writes.map(({ key }) => key));
  if (writes.length >= writesMin && keys.size >= keysMin) return;
  verdict.fail('workload', `users wrote only ${writes.length} times, to ${keys.size} keys`);
}
