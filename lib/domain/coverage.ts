import {
  areRivals,
  type Coverage,
  isOutranked,
  type ObjectTag,
  type ReplicationRule,
  type RuleSettings,
  type Since,
  spansAt,
  tagName,
} from './rule';

/** What decides over the coverage of a rule that is set beside others. */
export interface CoverageChange {
  readonly settings: RuleSettings;
  /** The rules of the bucket that were in force until now. */
  readonly before: readonly ReplicationRule[];
  /** The settings of all rules that are in force from now on. */
  readonly after: readonly RuleSettings[];
  readonly nowSeconds: number;
}

/**
 * From when on a rule covers which versions, after a change. What was brought to its destination all the time keeps its
 * time, whichever rule brought it there; what comes new (another prefix or tag, another destination, switched on again)
 * is covered from now. What another rule of the new set brings there is covered by that one alone.
 */
export function coverageAfter({ settings, before, after, nowSeconds }: CoverageChange): readonly Coverage[] {
  if (settings.status === 'Disabled') return [];
  const followed = before
    .filter((other) => other.status === 'Enabled' && areRivals(settings, other))
    .map(({ coverage }) => coverage);
  const taken = after.filter((other) => isOutranked(settings, other)).flatMap(({ prefixes }) => prefixes);

  const places = [...settings.prefixes, ...followed.flat().map(({ prefix }) => prefix), ...taken];
  const spans: Coverage[] = [];
  for (const prefix of placesWithin(settings.prefixes, places)) {
    const isTaken = taken.some((other) => prefix.startsWith(other));
    const was = followed.flatMap((coverage) => spansAt(coverage, prefix));
    const here = isTaken ? [{ prefix }] : covered(settings, was, nowSeconds, prefix);
    const around = spansAt(spans, prefix);
    const saysNothing = around.length === 0 ? isTaken : nameOf(around) === nameOf(here);
    if (!saysNothing) spans.push(...here);
  }
  return spans;
}

/** Each once, the shorter first: of those that some prefix of a rule leads to. */
function placesWithin(prefixes: readonly string[], places: readonly string[]): readonly string[] {
  return [...new Set(places)]
    .filter((place) => prefixes.some((prefix) => place.startsWith(prefix)))
    .toSorted((a, b) => a.length - b.length);
}

/** The spans of a rule at one place, where it had these so far. */
function covered(
  { tags, deleteMarkerReplication }: RuleSettings,
  was: readonly Coverage[],
  nowSeconds: number,
  prefix: string,
): readonly Coverage[] {
  const kept = was
    .filter(({ since }) => since !== undefined)
    .map((span) => ({ ...span, tags: union(span.tags ?? [], tags) }));
  const isWhole = kept.some((span) => span.tags.length === tags.length);
  const spans = isWhole ? kept : [{ since: nowSeconds, markersSince: nowSeconds, tags }, ...kept];
  const timed = spans.map(({ since, markersSince = nowSeconds, ...span }): Coverage => {
    const times = {
      ...(since === undefined ? {} : { since }),
      ...(deleteMarkerReplication === 'Enabled' ? { markersSince } : {}),
    };
    return { prefix, ...times, ...(span.tags.length === 0 ? {} : { tags: span.tags }) };
  });
  return timed.filter(
    (span, place) => !timed.some((other, at) => at !== place && saysMore(other, span, at < place)),
  );
}

function union(some: readonly ObjectTag[], others: readonly ObjectTag[]): readonly ObjectTag[] {
  return [...new Map([...some, ...others].map((tag) => [tagName(tag), tag])).values()];
}

/** Whether of two spans of one place one covers all that the other does, from as early on. Of two that are equal, the first. */
function saysMore(one: Coverage, other: Coverage, isFirst: boolean): boolean {
  const tags = new Set((other.tags ?? []).map(tagName));
  const covers = (one.tags ?? []).every((tag) => tags.has(tagName(tag)));
  return covers && isAsEarly(one, other) && (isFirst || nameOf([one]) !== nameOf([other]));
}

function isAsEarly(one: Since, other: Since): boolean {
  const times = [
    [one.since, other.since],
    [one.markersSince, other.markersSince],
  ];
  return times.every(([a = Infinity, b = Infinity]) => a <= b);
}

/** One string for what spans cover, whatever place they are of. */
function nameOf(spans: readonly Coverage[]): string {
  const names = spans.map(({ since, markersSince, tags = [] }) =>
    JSON.stringify([since, markersSince, tags.map(tagName).toSorted()]),
  );
  return names.toSorted().join(' ');
}
