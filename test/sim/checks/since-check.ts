import type { Coverage, ReplicationRule } from '../../../lib/domain/rule';
import type { Verdict } from '../failure';
import type { Acknowledged } from '../operators';
import { hasPrefix, type RuleBooks, spansOf } from '../rule-books';

/** Whether an acknowledged change left each key the times that the table of changes gives it. */
export function checkSince(
  change: Acknowledged,
  books: RuleBooks,
  keys: readonly string[],
  verdict: Verdict,
): void {
  const { rule } = change;
  if (rule === undefined) return;
  const revisions = books.revisions(change.bucket);
  const askedMs = change.askedMs.get(revisions[change.revision]?.by ?? '');
  const before = revisions[change.revision - 1]?.rules.find(({ id }) => id === rule.id);
  const isNow = (seconds: number | undefined): boolean =>
    seconds !== undefined &&
    askedMs !== undefined &&
    seconds >= Math.floor(askedMs / 1000) &&
    seconds <= Math.floor(change.acknowledgedMs / 1000);

  // With tags, several times hold for one key.
  if ([rule, before].some((one) => one?.coverage.some(({ tags }) => tags !== undefined))) return;
  for (const key of keys) {
    const [now] = spansOf(rule, key);
    if ((now !== undefined) !== (rule.status === 'Enabled' && hasPrefix(rule, key))) {
      verdict.fail('since', `"${key}" is covered wrongly by ${rule.id} of revision ${change.revision}`, key);
    }
    if (now === undefined) continue;
    const [was] = before && sameDestination(before, rule) ? spansOf(before, key) : [];
    const versions = was ? now.since === was.since : isNow(now.since);
    if (!versions || !markersAreRight(now, was, before, rule, isNow)) {
      verdict.fail(
        'since',
        `${rule.id} of revision ${change.revision} covers "${key}" from ${JSON.stringify(now)}, before it was ${JSON.stringify(was)}`,
        key,
      );
    }
  }
}

function markersAreRight(
  now: Coverage,
  was: Coverage | undefined,
  before: ReplicationRule | undefined,
  rule: ReplicationRule,
  isNow: (seconds: number | undefined) => boolean,
): boolean {
  if (rule.deleteMarkerReplication === 'Disabled') return now.markersSince === undefined;
  const kept = was !== undefined && before?.deleteMarkerReplication === 'Enabled';
  return kept ? now.markersSince === was.markersSince : isNow(now.markersSince);
}

function sameDestination(a: ReplicationRule, b: ReplicationRule): boolean {
  return a.destination.bucket === b.destination.bucket;
}
