import type { Coverage, Destination, ReplicationRule, RuleSet, Switch } from './rule';

/** What is wrong with a request; all of it is reported at once. */
export interface Problem {
  /** Stable, for programs. */
  readonly code: ProblemCode;
  /** The field, as a JSON pointer into the request; empty: the request as a whole. */
  readonly path: string;
  /** One sentence that names the rule, bucket or field, and says what to do. */
  readonly message: string;
}

export type ProblemCode =
  // The request itself.
  | 'MalformedJson'
  | 'BodyTooLarge'
  | 'UnsupportedMediaType'
  | 'InvalidField'
  | 'UnknownField'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NoSuchRoute'
  | 'MethodNotAllowed'
  | 'RuleNotFound'
  | 'RevisionConflict'
  | 'ServiceUnavailable'
  // The rule set.
  | 'DuplicateRuleId'
  | 'TooManyRules'
  | 'WholeBucketRule'
  | 'PrefixOverlap'
  | 'PriorityMissing'
  | 'PriorityDuplicate'
  // The two buckets.
  | 'SameBucket'
  | 'SameRegion'
  | 'SourceNotDeployed'
  | 'SourceBucketMissing'
  | 'DestinationBucketMissing'
  | 'SourceNotVersioned'
  | 'DestinationNotVersioned'
  | 'OtherAccount'
  | 'DestinationNotInRole'
  | 'AccessDenied'
  | 'StorageClassMismatch'
  | 'UnsupportedBucket';

/** The part of a rule that a person decides. */
export interface RuleSettings {
  readonly status: Switch;
  readonly priority?: number;
  readonly prefix: string;
  readonly destination: Destination;
  readonly deleteMarkerReplication: Switch;
  readonly description: string;
}

/** When a change takes effect. */
export interface ChangeTime {
  /** Whole seconds of the source bucket's own clock. */
  readonly sourceSeconds: number;
  /** ISO 8601, for people. */
  readonly at: string;
}

/** What becomes of a rule's pending work when it changes. */
export type BacklogEffect =
  | { readonly kind: 'keep' }
  /** Keep what the changed rule still covers. */
  | { readonly kind: 'keepCovered' }
  | { readonly kind: 'close'; readonly why: 'RULE_OFF' | 'RULE_CHANGED' | 'RULE_DELETED' };

export interface RuleChange {
  readonly ruleSet: RuleSet;
  readonly rule: ReplicationRule;
  readonly backlog: BacklogEffect;
}

export const rulesMax = 1000;

/** Adds a rule. The new set has the next revision. */
export function withNewRule(set: RuleSet, id: string, settings: RuleSettings, time: ChangeTime): RuleChange {
  const rule: ReplicationRule = {
    id,
    ...settings,
    coverage: coverageAfter(undefined, settings, time.sourceSeconds),
    createdAt: time.at,
    updatedAt: time.at,
  };
  return { ruleSet: nextRevision(set, [...set.rules, rule]), rule, backlog: { kind: 'keep' } };
}

/** Puts new settings in the place of a rule's own. */
export function withChangedRule(
  set: RuleSet,
  before: ReplicationRule,
  settings: RuleSettings,
  time: ChangeTime,
): RuleChange {
  const rule: ReplicationRule = {
    id: before.id,
    ...settings,
    coverage: coverageAfter(before, settings, time.sourceSeconds),
    createdAt: before.createdAt,
    updatedAt: time.at,
  };
  const rules = set.rules.map((other) => (other.id === before.id ? rule : other));
  return { ruleSet: nextRevision(set, rules), rule, backlog: backlogEffect(before, settings) };
}

export function withoutRule(set: RuleSet, id: string): RuleSet {
  return nextRevision(
    set,
    set.rules.filter((rule) => rule.id !== id),
  );
}

function nextRevision(set: RuleSet, rules: readonly ReplicationRule[]): RuleSet {
  return { ...set, revision: set.revision + 1, rules };
}

/**
 * From when on a rule covers which keys, after a change. What was covered all the time keeps its time; what comes
 * new (another prefix, another destination, switched on again) is covered from now.
 */
export function coverageAfter(
  before: ReplicationRule | undefined,
  after: RuleSettings,
  nowSeconds: number,
): readonly Coverage[] {
  if (after.status === 'Disabled') return [];
  const kept =
    before?.status === 'Enabled' && sameDestination(before.destination, after.destination)
      ? narrowed(before.coverage, after.prefix)
      : [];
  const spans = kept.some((span) => span.prefix === after.prefix)
    ? kept
    : [{ prefix: after.prefix, since: nowSeconds, markersSince: nowSeconds }, ...kept];
  const markersCameOn = before?.deleteMarkerReplication !== 'Enabled';
  return spans.map(({ prefix, since, markersSince }) => {
    const versions: Coverage = since === undefined ? { prefix } : { prefix, since };
    if (after.deleteMarkerReplication === 'Disabled') return versions;
    return { ...versions, markersSince: markersCameOn ? nowSeconds : (markersSince ?? nowSeconds) };
  });
}

/** The part of a coverage that lies under a prefix. */
function narrowed(coverage: readonly Coverage[], prefix: string): readonly Coverage[] {
  const inside = coverage.filter((span) => span.prefix.startsWith(prefix) && span.prefix !== prefix);
  const around = coverage
    .filter((span) => prefix.startsWith(span.prefix))
    .sort((a, b) => a.prefix.length - b.prefix.length)
    .at(-1);
  return around ? [{ ...around, prefix }, ...inside] : inside;
}

function backlogEffect(before: ReplicationRule, after: RuleSettings): BacklogEffect {
  if (after.status === 'Disabled') return { kind: 'close', why: 'RULE_OFF' };
  if (!sameDestination(before.destination, after.destination)) return { kind: 'close', why: 'RULE_CHANGED' };
  return before.prefix === after.prefix ? { kind: 'keep' } : { kind: 'keepCovered' };
}

function sameDestination(a: Destination, b: Destination): boolean {
  return a.bucket === b.bucket && a.region === b.region;
}

/** Everything that is wrong with a rule among its set, its own old version left aside. */
export function ruleProblems(
  set: RuleSet,
  id: string,
  settings: RuleSettings,
  replacing: boolean,
): readonly Problem[] {
  const problems: Problem[] = [];
  const others = set.rules.filter((rule) => rule.id !== id);
  if (!replacing && others.length < set.rules.length) {
    problems.push(
      problem('DuplicateRuleId', '/id', `A rule with the id ${id} exists already; choose another id.`),
    );
  }
  if (!replacing && set.rules.length >= rulesMax) {
    const message = `The bucket ${set.bucket} has ${set.rules.length} rules; the limit is ${rulesMax}.`;
    problems.push(problem('TooManyRules', '', message));
  }
  if (settings.destination.bucket === set.bucket) {
    const message = `The destination is the source bucket ${set.bucket} itself; choose another bucket.`;
    problems.push(problem('SameBucket', '/destination/bucket', message));
  } else if (settings.destination.region === set.region) {
    const message = `Source and destination are both in ${set.region}; choose a bucket in another region.`;
    problems.push(problem('SameRegion', '/destination/region', message));
  }
  return [...problems, ...rivalProblems(others, settings)];
}

/** Conflicts with the other rules to the same destination, each named. */
function rivalProblems(others: readonly ReplicationRule[], settings: RuleSettings): readonly Problem[] {
  const rivals = others.filter((rule) => rule.destination.bucket === settings.destination.bucket);
  const prioritised = [settings, ...rivals].filter((rule) => rule.priority !== undefined).length;
  const problems: Problem[] = [];
  if (prioritised > 0 && prioritised <= rivals.length) {
    const without = [settings, ...rivals].find((rule) => rule.priority === undefined);
    const named = without && 'id' in without ? `rule ${String(without.id)} has` : 'this one has';
    const message = `Either all rules to ${settings.destination.bucket} have a priority or none: ${named} none.`;
    problems.push(problem('PriorityMissing', '/priority', message));
  }
  for (const rival of rivals) {
    if (settings.priority !== undefined && rival.priority === settings.priority) {
      const message = `Rule ${rival.id} to the same destination has priority ${rival.priority} too; choose another.`;
      problems.push(problem('PriorityDuplicate', '/priority', message));
    }
    if (prioritised > 0) continue;
    if (settings.prefix === '' || rival.prefix === '') {
      const whole = settings.prefix === '' ? 'This rule' : `Rule ${rival.id}`;
      const other = settings.prefix === '' ? `rule ${rival.id}` : 'any other rule';
      const message = `${whole} covers the whole bucket, which excludes ${other} to ${rival.destination.bucket}.`;
      problems.push(problem('WholeBucketRule', '/prefix', message));
    } else if (settings.prefix.startsWith(rival.prefix) || rival.prefix.startsWith(settings.prefix)) {
      const message = `The prefix overlaps "${rival.prefix}" of rule ${rival.id}; give all of them a priority.`;
      problems.push(problem('PrefixOverlap', '/prefix', message));
    }
  }
  return problems;
}

export function problem(code: ProblemCode, path: string, message: string): Problem {
  return { code, path, message };
}
