import { createPrefixMap } from './prefix-map';
import {
  areRivals,
  type Coverage,
  isOutranked,
  type ObjectTag,
  type ReplicationRule,
  type RuleSettings,
  sameDestination,
  type Since,
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
    .filter((other) => sameDestination(settings.destination, other.destination))
    .flatMap(({ coverage }) => coverage);
  const taken = after.filter((other) => isOutranked(settings, other)).flatMap(({ prefixes }) => prefixes);
  const own = createPrefixMap(settings.prefixes.map((prefix) => [prefix, prefix]));
  const places = [...settings.prefixes, ...followed.map(({ prefix }) => prefix), ...taken];

  // Each key is covered by one rule at most, so where that one says nothing more, no other one does either.
  const wasAt = createPrefixMap(followed.map((span) => [span.prefix, span]));
  const takenAt = createPrefixMap(taken.map((prefix) => [prefix, prefix]));
  const spansAt = createPrefixMap<Coverage>();
  const spans: Coverage[] = [];
  for (const prefix of shortestFirst(places.filter((place) => own.longest(place).length > 0))) {
    const isTaken = takenAt.longest(prefix).length > 0;
    const here = isTaken ? [{ prefix }] : covered(settings, wasAt.longest(prefix), nowSeconds, prefix);
    const around = spansAt.longest(prefix);
    const saysNothing = around.length === 0 ? isTaken : nameOf(around) === nameOf(here);
    if (saysNothing) continue;
    spans.push(...here);
    for (const span of here) spansAt.add(prefix, span);
  }
  return spans;
}

function shortestFirst(places: readonly string[]): readonly string[] {
  return [...new Set(places)].toSorted((a, b) => a.length - b.length);
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
