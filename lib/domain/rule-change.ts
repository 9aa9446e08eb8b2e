import { coverageAfter } from './coverage';
import type { NamedSettings } from './rule-conflicts';
import {
  areRivals,
  type ReplicationRule,
  type RuleSet,
  type RuleSettings,
  sameDestination,
  tagName,
} from './rule';

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

/** One rule as it stands after a change, or stood before it was deleted. */
export interface ChangedRule {
  readonly rule: ReplicationRule;
  readonly backlog: BacklogEffect;
}

/** A rule set after a change. */
export interface RulesChange {
  readonly ruleSet: RuleSet;
  /** The rules that were changed, made or deleted; not those that only cover more or less keys beside them. */
  readonly changed: readonly ChangedRule[];
}

/** Adds a rule, or puts new settings in the place of its own. */
export function withRule(set: RuleSet, rule: NamedSettings, time: ChangeTime): RulesChange {
  const isNew = set.rules.every(({ id }) => id !== rule.id);
  const others = set.rules.map((before) => (before.id === rule.id ? rule : namedSettingsOf(before)));
  return withAllRules(set, isNew ? [...others, rule] : others, time);
}

export function withoutRule(set: RuleSet, id: string, time: ChangeTime): RulesChange {
  const others = set.rules.filter((rule) => rule.id !== id).map(namedSettingsOf);
  return withAllRules(set, others, time);
}

/** Settings that were written without knowing which rules there are. */
export interface DesiredRule {
  readonly id: string | undefined;
  readonly settings: RuleSettings;
}

/**
 * The rules that a whole new set of settings means: who has the id of a rule, or its filter and destination, is that
 * rule; the rest are new.
 */
export function identified(
  set: RuleSet,
  desired: readonly DesiredRule[],
  newId: () => string,
): readonly NamedSettings[] {
  const named = new Set(desired.map(({ id }) => id));
  const free = new Map(
    set.rules.filter(({ id }) => !named.has(id)).map((rule) => [identityName(rule), rule.id] as const),
  );
  return desired.map(({ id, settings }) => {
    const name = identityName(settings);
    const known = id ?? free.get(name);
    free.delete(name);
    return { ...settings, id: known ?? newId() };
  });
}

/**
 * Puts a whole new set of settings in the place of all rules. What stays as it is, is not touched, but for the keys that
 * another rule takes over or leaves. The new set has the next revision.
 */
export function withAllRules(set: RuleSet, desired: readonly NamedSettings[], time: ChangeTime): RulesChange {
  const changed: ChangedRule[] = [];
  const known = new Map(set.rules.map((rule) => [rule.id, rule]));
  const byId = new Map(desired.map((one) => [one.id, one]));
  // Of those that are neither changed nor share keys with one that is, the coverage stays as well.
  const touched = [
    ...desired.filter((one) => !isSame(known.get(one.id), one)),
    ...set.rules.filter((before) => !isSame(before, byId.get(before.id))),
  ];
  const rules = desired.map(({ id, ...settings }) => {
    const before = known.get(id);
    if (before && !touched.some((one) => one.id === id || areRivals(one, settings))) return before;
    const coverage = coverageAfter({
      settings,
      before: set.rules,
      after: desired,
      nowSeconds: time.sourceSeconds,
    });
    if (before && isSame(before, settings))
      return JSON.stringify(coverage) === JSON.stringify(before.coverage) ? before : { ...before, coverage };
    const { createdAt } = before ?? { createdAt: time.at };
    const rule: ReplicationRule = { id, ...settings, coverage, createdAt, updatedAt: time.at };
    changed.push({ rule, backlog: before ? backlogEffect(before, settings) : { kind: 'keep' } });
    return rule;
  });
  for (const rule of set.rules) {
    if (rules.some(({ id }) => id === rule.id)) continue;
    changed.push({ rule, backlog: { kind: 'close', why: 'RULE_DELETED' } });
  }
  return { ruleSet: { ...set, revision: set.revision + 1, rules }, changed };
}

function namedSettingsOf(rule: ReplicationRule): NamedSettings {
  return { id: rule.id, ...settingsOf(rule) };
}

export function settingsOf(rule: ReplicationRule): RuleSettings {
  const { status, priority, prefixes, tags, destination, deleteMarkerReplication, description } = rule;
  const settings = { status, prefixes, tags, destination, deleteMarkerReplication, description };
  return priority === undefined ? settings : { ...settings, priority };
}

function isSame(before: RuleSettings | undefined, after: RuleSettings | undefined): boolean {
  return before !== undefined && after !== undefined && settingsName(before) === settingsName(after);
}

function settingsName(rule: ReplicationRule | RuleSettings): string {
  const { status, priority, destination, deleteMarkerReplication, description } = rule;
  const { bucket, region, storageClass } = destination;
  const own = [status, priority, bucket, region, storageClass, deleteMarkerReplication, description];
  return JSON.stringify([filterName(rule), ...own]);
}

function identityName(rule: ReplicationRule | RuleSettings): string {
  return JSON.stringify([filterName(rule), rule.destination.bucket, rule.destination.region]);
}

function backlogEffect(before: ReplicationRule, after: RuleSettings): BacklogEffect {
  if (after.status === 'Disabled') return { kind: 'close', why: 'RULE_OFF' };
  if (!sameDestination(before.destination, after.destination)) return { kind: 'close', why: 'RULE_CHANGED' };
  return filterName(before) === filterName(after) ? { kind: 'keep' } : { kind: 'keepCovered' };
}

/** One string for one choice of keys and versions, in whatever order it was written. */
function filterName({ prefixes, tags }: Pick<RuleSettings, 'prefixes' | 'tags'>): string {
  return JSON.stringify([prefixes.toSorted(), tags.map(tagName).toSorted()]);
}
