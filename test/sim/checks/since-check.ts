import type { Coverage, ReplicationRule, RuleSet } from '../../../lib/domain/rule';
import type { Verdict } from '../failure';
import type { Acknowledged } from '../operators';
import { type RuleBooks, ruleToward, spansOf } from '../rule-books';

/**
 * Whether an acknowledged change left each key the times that the table of changes gives it: at each destination, those
 * of the rule that brought it there before, whichever that was.
 */
export function checkSince(
  change: Acknowledged,
  books: RuleBooks,
  keys: readonly string[],
  clockToleranceMs: number,
  verdict: Verdict,
): void {
  const revisions = books.revisions(change.bucket);
  const [before, after] = [revisions[change.revision - 1], revisions[change.revision]];
  if (after === undefined) return;
  const askedMs = change.askedMs.get(after.by);
  const isNow = (seconds: number | undefined, toleranceMs = 0): boolean =>
    seconds !== undefined &&
    askedMs !== undefined &&
    seconds >= Math.floor((askedMs - toleranceMs) / 1000) &&
    seconds <= Math.floor((change.acknowledgedMs + toleranceMs) / 1000);

  // With tags, several times hold for one key.
  if ([before, after].some(hasTags)) return;
  for (const destination of new Set(after.rules.map((rule) => rule.destination.bucket))) {
    for (const key of keys) {
      const winner = ruleToward(after, destination, key);
      checkLosers(after, destination, key, winner, verdict);
      if (winner === undefined) continue;
      const [now] = spansOf(winner, key);
      const [was] = spansOf(ruleToward(before, destination, key), key);
      const versions = was ? now?.since === was.since : isNow(now?.since);
      // A rule can be switched off also where its bucket does not tell the time.
      const markersAreNow = (seconds: number | undefined): boolean =>
        isNow(seconds, isUntouched(before, winner) ? clockToleranceMs : 0);
      if (now === undefined || !versions || !markersAreRight(now, was, winner, markersAreNow)) {
        verdict.fail(
          'since',
          `${winner.id} of revision ${change.revision} covers "${key}" from ${JSON.stringify(now)}, before it was ${JSON.stringify(was)}`,
          key,
        );
      }
    }
  }
}

/** Only another rule was changed. */
function isUntouched(before: RuleSet | undefined, { id, updatedAt }: ReplicationRule): boolean {
  return before?.rules.some((rule) => rule.id === id && rule.updatedAt === updatedAt) ?? false;
}

function checkLosers(
  set: RuleSet,
  destination: string,
  key: string,
  winner: ReplicationRule | undefined,
  verdict: Verdict,
): void {
  for (const rule of set.rules) {
    if (rule === winner || rule.destination.bucket !== destination || spansOf(rule, key).length === 0)
      continue;
    verdict.fail(
      'since',
      `"${key}" is covered by ${rule.id} as well, and goes to ${destination} by another`,
      key,
    );
  }
}

function markersAreRight(
  now: Coverage,
  was: Coverage | undefined,
  rule: ReplicationRule,
  isNow: (seconds: number | undefined) => boolean,
): boolean {
  if (rule.deleteMarkerReplication === 'Disabled') return now.markersSince === undefined;
  return was?.markersSince === undefined ? isNow(now.markersSince) : now.markersSince === was.markersSince;
}

function hasTags(set: RuleSet | undefined): boolean {
  return set?.rules.some((rule) => rule.coverage.some(({ tags }) => tags !== undefined)) ?? false;
}
