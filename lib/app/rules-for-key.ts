import { indexRules, matchRules, type ReplicationRule, type RuleIndex, type RuleSet } from '../domain/rule';

const indexes = new WeakMap<RuleSet, RuleIndex>();

/** The rules of a set that apply to a key: at most one per destination. A set is indexed once. */
export function rulesForKey(ruleSet: RuleSet, key: string): readonly ReplicationRule[] {
  const index = indexes.get(ruleSet) ?? indexRules(ruleSet);
  indexes.set(ruleSet, index);
  return matchRules(index, key);
}
