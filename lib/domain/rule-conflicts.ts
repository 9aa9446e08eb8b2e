import { type Problem, problem } from './problem';
import { type BucketRef, overlapOf, type RuleSet, type RuleSettings } from './rule';

/** Source: https://www.tencentcloud.com/document/product/436/19223 */
export const rulesMax = 1000;

/** Settings under the id that they have, or shall have. */
export interface NamedSettings extends RuleSettings {
  readonly id: string;
}

/** Everything that is wrong with a rule by itself and beside the others of its bucket. Paths lead into its settings. */
export function conflictsOf(
  source: BucketRef,
  rule: NamedSettings,
  others: readonly NamedSettings[],
): readonly Problem[] {
  const problems: Problem[] = [];
  if (others.some(({ id }) => id === rule.id)) {
    problems.push(
      problem('DuplicateRuleId', '/id', `A rule with the id ${rule.id} exists already; choose another id.`),
    );
  }
  if (others.length >= rulesMax) {
    const message = `The bucket ${source.bucket} has ${others.length} rules; the limit is ${rulesMax}.`;
    problems.push(problem('TooManyRules', '', message));
  }
  return [
    ...problems,
    ...pairConflicts(source, rule.destination),
    ...filterConflicts(rule),
    ...rivalConflicts(
      rule,
      others.filter((other) => other.destination.bucket === rule.destination.bucket),
    ),
  ];
}

/** What the names of two buckets tell already. */
export function pairConflicts(source: BucketRef, destination: BucketRef): readonly Problem[] {
  if (destination.bucket === source.bucket) {
    const message = `The destination is the source bucket ${source.bucket} itself; choose another bucket.`;
    return [problem('SameBucket', '/destination/bucket', message)];
  }
  const problems: Problem[] = [];
  if (destination.region === source.region) {
    const message = `Source and destination are both in ${source.region}; choose a bucket in another region.`;
    problems.push(problem('SameRegion', '/destination/region', message));
  }
  if (appidOf(destination.bucket) !== appidOf(source.bucket)) {
    const message = `${destination.bucket} is of another account than ${source.bucket}: its APPID differs.`;
    problems.push(problem('OtherAccount', '/destination/bucket', message));
  }
  return problems;
}

function appidOf(bucket: string): string {
  return bucket.slice(bucket.lastIndexOf('-') + 1);
}

function filterConflicts({ prefixes, tags, deleteMarkerReplication }: RuleSettings): readonly Problem[] {
  const problems: Problem[] = [];
  prefixes.forEach((prefix, place) => {
    const other = prefixes.find(
      (one, at) => at !== place && prefix.startsWith(one) && (one !== prefix || at < place),
    );
    if (other === undefined) return;
    const message = `The prefix "${prefix}" lies within "${other}" of the same rule; remove one of them.`;
    problems.push(problem('PrefixOverlap', `/prefixes/${place}`, message));
  });
  if (tags.length > 0 && deleteMarkerReplication === 'Enabled') {
    const message =
      'Delete markers carry no tags: with a tag filter, deleteMarkerReplication must be Disabled.';
    problems.push(problem('TagsExcludeMarkers', '/deleteMarkerReplication', message));
  }
  return problems;
}

/** Conflicts with the other rules to the same destination, each named. */
function rivalConflicts(rule: NamedSettings, rivals: readonly NamedSettings[]): readonly Problem[] {
  const { bucket } = rule.destination;
  const problems: Problem[] = [];
  const without = [rule, ...rivals].find(({ priority }) => priority === undefined);
  const prioritised = [rule, ...rivals].some(({ priority }) => priority !== undefined);
  if (prioritised && without) {
    const named = without === rule ? 'this one' : `rule ${without.id}`;
    const message = `Either all rules to ${bucket} have a priority or none: ${named} has none.`;
    problems.push(problem('PriorityMissing', '/priority', message));
  }
  for (const rival of rivals) {
    if (rule.priority !== undefined && rival.priority === rule.priority) {
      const message = `Rule ${rival.id} to the same destination has priority ${rival.priority} too; choose another.`;
      problems.push(problem('PriorityDuplicate', '/priority', message));
    }
    const overlap = overlapOf(rule.prefixes, rival.prefixes);
    if (overlap !== undefined) problems.push(...overlapConflicts(rule, rival, overlap, prioritised));
  }
  return problems;
}

function overlapConflicts(
  rule: NamedSettings,
  rival: NamedSettings,
  [own, theirs]: readonly [number, string],
  prioritised: boolean,
): readonly Problem[] {
  const { bucket } = rule.destination;
  if (rule.tags.length > 0 || rival.tags.length > 0) {
    const message = `A rule with a tag filter shares no prefix with another to ${bucket}; rule ${rival.id} has "${theirs}".`;
    return [problem('TagsOverlap', '/tags', message)];
  }
  if (prioritised) return [];
  const prefix = rule.prefixes[own];
  if (prefix !== '' && theirs !== '') {
    const message = `The prefix overlaps "${theirs}" of rule ${rival.id}; give all rules to ${bucket} a priority.`;
    return [problem('PrefixOverlap', `/prefixes/${own}`, message)];
  }
  const [whole, other] =
    prefix === '' ? ['This rule', `rule ${rival.id}`] : [`Rule ${rival.id}`, 'any other rule'];
  const message = `${whole} covers the whole bucket, which excludes ${other} to ${bucket}; give all of them a priority.`;
  return [problem('WholeBucketRule', `/prefixes/${own}`, message)];
}

/**
 * What the rules of the account's other buckets have against a rule. A key of a destination has one source, and no
 * bucket follows itself, however long the way. Disabled rules are in nobody's way.
 */
export function accountConflicts(
  source: BucketRef,
  rule: RuleSettings,
  sets: readonly RuleSet[],
): readonly Problem[] {
  if (rule.status === 'Disabled') return [];
  const others = sets.filter((set) => set.bucket !== source.bucket);
  const problems: Problem[] = [];
  for (const set of others) {
    for (const other of enabledOf(set)) {
      if (other.destination.bucket !== rule.destination.bucket) continue;
      const overlap = overlapOf(rule.prefixes, other.prefixes);
      if (overlap === undefined) continue;
      const message = `Rule ${other.id} of ${set.bucket} writes keys with the prefix "${overlap[1]}" to ${other.destination.bucket} already; two sources cannot share them.`;
      problems.push(problem('DestinationShared', `/prefixes/${overlap[0]}`, message));
    }
  }
  const way = wayBack(others, rule.destination.bucket, source.bucket);
  if (way) {
    const message = `${way.join(' replicates to ')}: with this rule, ${source.bucket} would follow itself.`;
    problems.push(problem('ReplicationCycle', '/destination/bucket', message));
  }
  return problems;
}

function enabledOf(set: RuleSet) {
  return set.rules.filter(({ status }) => status === 'Enabled');
}

/** The buckets on a way from one to another along the rules, shortest first found. */
function wayBack(sets: readonly RuleSet[], from: string, to: string): readonly string[] | undefined {
  const ways: (readonly string[])[] = [[from]];
  const seen = new Set([from]);
  for (const way of ways) {
    const last = way.at(-1);
    for (const rule of sets.filter(({ bucket }) => bucket === last).flatMap(enabledOf)) {
      const { bucket } = rule.destination;
      if (bucket === to) return [...way, bucket];
      if (seen.has(bucket)) continue;
      seen.add(bucket);
      ways.push([...way, bucket]);
    }
  }
  return undefined;
}
