import type { Verdict } from '../failure';
import type { Acknowledged } from '../operators';
import type { RuleBooks } from '../rule-books';
import type { World } from '../world';

/** What somebody was told of a change is what stands. */
export function checkAcknowledged(change: Acknowledged, books: RuleBooks, verdict: Verdict): void {
  const standing = books.revisions(change.bucket)[change.revision]?.rules.find(({ id }) => id === change.id);
  if (JSON.stringify(standing) === JSON.stringify(change.rule)) return;
  verdict.fail(
    'no change lost',
    `revision ${change.revision} of ${change.bucket} was acknowledged with ${JSON.stringify(change.rule)}, and has ${JSON.stringify(standing)}`,
  );
}

/**
 * What was acknowledged still stands, and every revision of the rules changes one rule: whoever changed another one at the
 * same time has not lost it.
 */
export function checkNoChangeLost(
  world: World,
  books: RuleBooks,
  acknowledged: readonly Acknowledged[],
  verdict: Verdict,
): void {
  for (const change of acknowledged) checkAcknowledged(change, books, verdict);
  for (const { bucket } of world.buckets) {
    const revisions = books.revisions(bucket).slice(1);
    for (const [place, set] of revisions.entries()) {
      const before = revisions[place - 1];
      if (set === undefined || before === undefined) continue;
      const [now, then] = [set, before].map(
        // Which keys a rule covers depends on the others beside it.
        ({ rules }) => new Map(rules.map((rule) => [rule.id, JSON.stringify({ ...rule, coverage: [] })])),
      ) as [Map<string, string>, Map<string, string>];
      const changed = [...new Set([...now.keys(), ...then.keys()])].filter(
        (id) => now.get(id) !== then.get(id),
      );
      if (changed.length > 1) {
        verdict.fail(
          'no change lost',
          `revision ${set.revision} of ${bucket} changes ${changed.join(' and ')}`,
        );
      }
    }
  }
}
