import {
  type Coverage,
  type Destination,
  type ObjectTag,
  type ReplicationRule,
  sameDestination,
  type Since,
  type Switch,
  tagName,
} from './rule';

/** The settings of a rule that decide over what it covers. */
export interface CoveredBy {
  readonly status: Switch;
  readonly prefixes: readonly string[];
  readonly tags: readonly ObjectTag[];
  readonly destination: Destination;
  readonly deleteMarkerReplication: Switch;
}

/**
 * From when on a rule covers which versions, after a change. What was covered all the time keeps its time; what comes
 * new (another prefix or tag, another destination, switched on again) is covered from now.
 */
export function coverageAfter(
  before: ReplicationRule | undefined,
  after: CoveredBy,
  nowSeconds: number,
): readonly Coverage[] {
  if (after.status === 'Disabled') return [];
  const kept =
    before?.status === 'Enabled' && sameDestination(before.destination, after.destination)
      ? before.coverage
      : [];
  const markersCameOn = before?.deleteMarkerReplication !== 'Enabled';
  const now = { since: nowSeconds, markersSince: nowSeconds };
  const spans = after.prefixes.flatMap((prefix) => [
    { prefix, tags: after.tags, ...now },
    ...within(kept, prefix, after.tags),
  ]);
  const timed = spans.map((span): Coverage => {
    const { prefix, since, tags = [] } = span;
    const versions = {
      prefix,
      ...(since === undefined ? {} : { since }),
      ...(tags.length === 0 ? {} : { tags }),
    };
    if (after.deleteMarkerReplication === 'Disabled') return versions;
    return { ...versions, markersSince: markersCameOn ? nowSeconds : (span.markersSince ?? nowSeconds) };
  });
  return timed.filter(
    (span, place) => !timed.some((other, at) => at !== place && saysMore(other, span, at < place)),
  );
}

/** The part of a coverage that lies under a prefix and carries the tags as well. */
function within(
  coverage: readonly Coverage[],
  prefix: string,
  tags: readonly ObjectTag[],
): readonly Coverage[] {
  return coverage.flatMap((span) => {
    const both = [...new Map([...(span.tags ?? []), ...tags].map((tag) => [tagName(tag), tag])).values()];
    if (span.prefix.startsWith(prefix)) return [{ ...span, tags: both }];
    return prefix.startsWith(span.prefix) ? [{ ...span, prefix, tags: both }] : [];
  });
}

/** Whether one span covers all that another does, from as early on. Of two that are equal, the first. */
function saysMore(one: Coverage, other: Coverage, isFirst: boolean): boolean {
  const tags = new Set((other.tags ?? []).map(tagName));
  const covers =
    other.prefix.startsWith(one.prefix) && (one.tags ?? []).every((tag) => tags.has(tagName(tag)));
  return covers && isAsEarly(one, other) && (isFirst || !isEqual(one, other));
}

function isAsEarly(one: Since, other: Since): boolean {
  const times = [
    [one.since, other.since],
    [one.markersSince, other.markersSince],
  ];
  return times.every(([a = Infinity, b = Infinity]) => a <= b);
}

function isEqual(one: Coverage, other: Coverage): boolean {
  const sameTimes = one.since === other.since && one.markersSince === other.markersSince;
  return sameTimes && one.prefix === other.prefix && (one.tags ?? []).length === (other.tags ?? []).length;
}
