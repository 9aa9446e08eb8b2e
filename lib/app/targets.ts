import type { BucketRef } from '../domain/rule';
import type { StateStore, Targets } from './ports';

/**
 * A bucket that a rule replicates to has a document in the state bucket, written before the first such rule is. It is
 * asked for by name, since a listing may not show it yet, and a replica's marker that is taken for a user's comes back.
 * It stays when the rules go: what they wrote stays too.
 */
function targetName(bucket: string): string {
  return `targets/${bucket}.json`;
}

/** Before a rule set is written: what it replicates to and the one before it did not. */
export async function announceTargets(
  state: StateStore,
  before: readonly BucketRef[],
  after: readonly BucketRef[],
): Promise<void> {
  const known = new Set(before.map(({ bucket }) => bucket));
  const added = new Map(after.filter(({ bucket }) => !known.has(bucket)).map((ref) => [ref.bucket, ref]));
  for (const { bucket, region } of added.values()) {
    await state.put(targetName(bucket), JSON.stringify({ bucket, region }));
  }
}

/** One request for each question, until the answer is yes: that it stays. */
export function createTargets(state: StateStore): Targets {
  const known = new Set<string>();
  return {
    async isTarget(bucket) {
      if (!known.has(bucket) && (await state.get(targetName(bucket))) !== undefined) known.add(bucket);
      return known.has(bucket);
    },
  };
}
