/** Storage classes of COS objects. Source: https://www.tencentcloud.com/document/product/436/30925 */
export const storageClasses = [
  'STANDARD',
  'STANDARD_IA',
  'INTELLIGENT_TIERING',
  'ARCHIVE',
  'DEEP_ARCHIVE',
  'MAZ_STANDARD',
  'MAZ_STANDARD_IA',
  'MAZ_INTELLIGENT_TIERING',
  'MAZ_ARCHIVE',
  'MAZ_DEEP_ARCHIVE',
] as const;
export type StorageClass = (typeof storageClasses)[number];

/** A storage class in any case, as COS's samples write it (`Standard_IA`), or `undefined`. */
export function parseStorageClass(text: string): StorageClass | undefined {
  const upper = text.toUpperCase();
  return storageClasses.find((known) => known === upper);
}

export type Switch = 'Enabled' | 'Disabled';

export interface BucketRef {
  /** With its APPID: `examplebucket-1250000000`. */
  readonly bucket: string;
  readonly region: string;
}

export interface Destination extends BucketRef {
  /** Absent: the class of the source object. */
  readonly storageClass?: StorageClass;
}

/**
 * From when on a rule covers the keys under a prefix: whole seconds of the source bucket's own clock, inclusive.
 * Absent: not covered. Keys follow the entry with the longest prefix that they match.
 */
export interface Coverage {
  readonly prefix: string;
  readonly since?: number;
  readonly markersSince?: number;
}

/** A replication rule, in the words of COS's own. Source: https://www.tencentcloud.com/document/product/436/19223 */
export interface ReplicationRule {
  readonly id: string;
  readonly status: Switch;
  /** 1 to 1000; the smallest of the enabled rules that match wins. All rules of a destination have one, or none. */
  readonly priority?: number;
  /** Empty: the whole bucket. */
  readonly prefix: string;
  readonly destination: Destination;
  readonly deleteMarkerReplication: Switch;
  readonly description: string;
  readonly coverage: readonly Coverage[];
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** All rules of one source bucket, changed as a whole. */
export interface RuleSet extends BucketRef {
  /** 0: never written. */
  readonly revision: number;
  readonly rules: readonly ReplicationRule[];
}

export function emptyRuleSet({ bucket, region }: BucketRef): RuleSet {
  return { bucket, region, revision: 0, rules: [] };
}

/** What a rule covers of one key, or `undefined` if nothing: a disabled rule covers nothing. */
export function coverageOf(rule: ReplicationRule, key: string): Coverage | undefined {
  if (rule.status !== 'Enabled' || !key.startsWith(rule.prefix)) return undefined;
  let found: Coverage | undefined;
  for (const entry of rule.coverage) {
    if (key.startsWith(entry.prefix) && entry.prefix.length >= (found?.prefix.length ?? 0)) found = entry;
  }
  return found;
}

/** The enabled rules of a bucket, so arranged that matching a key costs no more for a thousand rules than for one. */
export interface RuleIndex {
  readonly byPrefix: ReadonlyMap<string, readonly ReplicationRule[]>;
  /** Lengths in UTF-16 units, distinct. */
  readonly prefixLengths: readonly number[];
}

export function indexRules(ruleSet: RuleSet): RuleIndex {
  const byPrefix = new Map<string, ReplicationRule[]>();
  for (const rule of ruleSet.rules) {
    if (rule.status !== 'Enabled') continue;
    const sharers = byPrefix.get(rule.prefix);
    if (sharers) sharers.push(rule);
    else byPrefix.set(rule.prefix, [rule]);
  }
  const prefixLengths = [...new Set([...byPrefix.keys()].map((prefix) => prefix.length))];
  return { byPrefix, prefixLengths };
}

/** The rules that apply to a key: for each destination bucket the one that wins. */
export function matchRules(index: RuleIndex, key: string): readonly ReplicationRule[] {
  const winners = new Map<string, ReplicationRule>();
  for (const length of index.prefixLengths) {
    if (length > key.length) continue;
    for (const rule of index.byPrefix.get(key.slice(0, length)) ?? []) {
      const rival = winners.get(rule.destination.bucket);
      if (!rival || (rule.priority ?? 0) < (rival.priority ?? 0)) winners.set(rule.destination.bucket, rule);
    }
  }
  return [...winners.values()];
}
