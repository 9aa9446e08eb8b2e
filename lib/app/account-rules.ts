import type { BucketRef, RuleSet } from '../domain/rule';
import { isolated } from './isolated';
import { mapAtMost } from './map-at-most';
import type { Logger, StateStore } from './ports';
import { type RuleStore, sourcesFolder } from './rule-store';

/** The rules of all buckets of the account, by whatever deployment they were made. */
export interface AccountRules {
  /** The newest rule set of one bucket. One request, unless it changed a moment ago. */
  of(source: BucketRef): Promise<RuleSet>;
  /** Of every bucket that has, or had, rules; a list may not show the newest bucket yet. One request each, and a list. */
  all(): Promise<readonly RuleSet[]>;
  /** The same, where one bucket whose rules cannot be read must not stop the work on the others: it is told of and left out. */
  readable(log: Logger): Promise<readonly RuleSet[]>;
}

/** Buckets whose rules are read side by side. */
const bucketsAtOnce = 8;

export function createAccountRules(store: RuleStore, state: StateStore): AccountRules {
  const held = new Map<string, RuleSet>();

  const of = async (source: BucketRef): Promise<RuleSet> => {
    const { ruleSet } = await store.load(source, held.get(source.bucket));
    if (ruleSet.revision > 0) held.set(source.bucket, ruleSet);
    return ruleSet;
  };

  return {
    of,
    async all() {
      // A stored rule set knows its region; one that was never written has no rules.
      const buckets = await bucketsWithRules(state);
      const sets = await mapAtMost(bucketsAtOnce, buckets, (bucket) => of({ bucket, region: '' }));
      return sets.filter(({ revision }) => revision > 0);
    },
    async readable(log) {
      const sets: RuleSet[] = [];
      await mapAtMost(bucketsAtOnce, await bucketsWithRules(state), (bucket) =>
        isolated({ log }, 'rules not read', { bucket }, async () => {
          sets.push(await of({ bucket, region: '' }));
        }),
      );
      return sets.filter(({ revision }) => revision > 0);
    },
  };
}

async function bucketsWithRules(state: StateStore): Promise<readonly string[]> {
  const buckets: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await state.list(sourcesFolder, after);
    buckets.push(...page.names.map((name) => name.slice(sourcesFolder.length, -'.json'.length)));
    after = page.names.at(-1);
    if (page.complete || after === undefined) return buckets;
  }
}
