import type { Revision } from '../../lib/app/rule-store';
import type { Coverage, ReplicationRule, RuleSet } from '../../lib/domain/rule';
import type { StoredEntry } from '../../lib/adapters/memory/memory-cos';
import type { StateBucket } from './state-bucket';

/** The rules as they truly stand in the state bucket, read without the product's own code. */
export interface RuleBooks {
  /** All revisions of a bucket's rules, the first one at place 1. */
  revisions(bucket: string): readonly (Revision | undefined)[];
  newest(bucket: string): Revision | undefined;
  /** Every rule set that ever stood there, also one of two writers of a revision that lost to the other. */
  ever(bucket: string): readonly RuleSet[];
  /** Rule sets that stood between two moments. One that lost its revision to another is believed by nobody. */
  believable(bucket: string, fromMs: number, toMs: number): readonly RuleSet[];
  /** The storage classes that a copy may have. */
  classesEver(bucket: string, destination: string, ofSource: string): readonly string[];
  /** True time at which a revision came to be. */
  committedMs(bucket: string, revision: number): number;
}

const nameOf = (bucket: string, revision: number): string =>
  `rules/${bucket}/${String(revision).padStart(12, '0')}.json`;

export function createRuleBooks(state: StateBucket): RuleBooks {
  const parsed = new Map<string, Revision>();
  const parse = (body: string): Revision => {
    const known = parsed.get(body) ?? (JSON.parse(body) as Revision);
    parsed.set(body, known);
    return known;
  };
  const read = (bucket: string, revision: number): Revision | undefined => {
    const body = state.documents.get(nameOf(bucket, revision));
    if (body === undefined) return undefined;
    return parse(body);
  };
  const revisions = (bucket: string): readonly (Revision | undefined)[] => {
    const found: (Revision | undefined)[] = [undefined];
    for (;;) {
      const next = read(bucket, found.length);
      if (next === undefined) return found;
      found.push(next);
    }
  };
  const ever = (bucket: string): readonly RuleSet[] =>
    state
      .bodiesEver(`rules/${bucket}/`)
      .map(parse)
      .filter((set) => set.rules !== undefined);
  const committedMs = (bucket: string, revision: number): number =>
    state.createdMs(nameOf(bucket, revision)) ?? 0;
  return {
    revisions,
    ever,
    newest: (bucket) => revisions(bucket).at(-1),
    classesEver: (bucket, destination, ofSource) =>
      ever(bucket)
        .flatMap((set) => set.rules)
        .filter((rule) => rule.destination.bucket === destination)
        .map((rule) => rule.destination.storageClass ?? ofSource),
    believable(bucket, fromMs, toMs) {
      const known = revisions(bucket);
      return known.flatMap((set, revision): readonly RuleSet[] => {
        if (set === undefined || committedMs(bucket, revision) > toMs) return [];
        const isLast = revision === known.length - 1;
        return isLast || committedMs(bucket, revision + 1) > fromMs ? [set] : [];
      });
    },
    committedMs,
  };
}

/** What a rule covers of a key, by each of its spans: those with the longest prefix that the key has. */
export function spansOf(rule: ReplicationRule | undefined, key: string): readonly Coverage[] {
  if (rule?.status !== 'Enabled' || !hasPrefix(rule, key)) return [];
  const around = rule.coverage.filter((span) => key.startsWith(span.prefix));
  const longest = Math.max(...around.map(({ prefix }) => prefix.length));
  return around.filter(({ prefix, since }) => prefix.length === longest && since !== undefined);
}

export function hasPrefix(rule: ReplicationRule, key: string): boolean {
  return rule.prefixes.some((prefix) => key.startsWith(prefix));
}

export function covers(
  rule: ReplicationRule | undefined,
  key: string,
  { entry, content }: StoredEntry,
): boolean {
  const tags = new URLSearchParams(content?.tags);
  return spansOf(rule, key).some((span) => {
    const since = entry.kind === 'version' ? span.since : span.markersSince;
    const carries = (span.tags ?? []).every((tag) => tags.get(tag.key) === tag.value);
    return carries && since !== undefined && Math.floor(entry.lastModifiedMs / 1000) >= since;
  });
}

/** The enabled rule of a set from which a key of its bucket goes to a destination. */
export function ruleToward(
  set: RuleSet | undefined,
  destination: string,
  key: string,
): ReplicationRule | undefined {
  return set?.rules
    .filter(
      (rule) => rule.status === 'Enabled' && rule.destination.bucket === destination && hasPrefix(rule, key),
    )
    .toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0))[0];
}
