import { createPrefixMap, type PrefixMap } from './prefix-map';

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

export interface ObjectTag {
  readonly key: string;
  readonly value: string;
}

/** From when on entries are covered: whole seconds of the source bucket's own clock, inclusive. Absent: never. */
export interface Since {
  readonly since?: number;
  readonly markersSince?: number;
}

/**
 * From when on a rule covers the keys under a prefix; the longest prefix that a key has decides. Of several spans of one
 * prefix, the oldest time holds. One without times: another rule brings these keys to the destination.
 */
export interface Coverage extends Since {
  readonly prefix: string;
  /** Only versions that carry all of these. Absent: all versions. */
  readonly tags?: readonly ObjectTag[];
}

/** The part of a rule that a person decides. */
export interface RuleSettings {
  readonly status: Switch;
  /** 1 to 1000; the smallest of the enabled rules that match wins. All rules of a destination have one, or none. */
  readonly priority?: number;
  /** None lies within another; one that is empty: the whole bucket. */
  readonly prefixes: readonly string[];
  /** Only versions that carry all of these; none: all versions. */
  readonly tags: readonly ObjectTag[];
  readonly destination: Destination;
  readonly deleteMarkerReplication: Switch;
  readonly description: string;
}

/** A replication rule, in the words of COS's own. Source: https://www.tencentcloud.com/document/product/436/19223 */
export interface ReplicationRule extends RuleSettings {
  readonly id: string;
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
  /** What a PUT in COS's own form named as its `Role`. */
  readonly role?: string;
}

export function sameDestination(a: BucketRef, b: BucketRef): boolean {
  return a.bucket === b.bucket && a.region === b.region;
}

export function emptyRuleSet({ bucket, region }: BucketRef): RuleSet {
  return { bucket, region, revision: 0, rules: [] };
}

/** The place of a prefix of ours, and one of theirs, that some key has both. */
export function overlapOf(
  own: readonly string[],
  theirs: readonly string[],
): readonly [number, string] | undefined {
  for (const [place, prefix] of own.entries()) {
    const other = theirs.find((one) => one.startsWith(prefix) || prefix.startsWith(one));
    if (other !== undefined) return [place, other];
  }
  return undefined;
}

/** Whether some key could go to the same destination by either of two rules. */
export function areRivals(a: RuleSettings, b: RuleSettings): boolean {
  return a.destination.bucket === b.destination.bucket && overlapOf(a.prefixes, b.prefixes) !== undefined;
}

/** Whether another rule wins keys of a rule. */
export function isOutranked(rule: RuleSettings, other: RuleSettings): boolean {
  return other.status === 'Enabled' && (other.priority ?? 0) < (rule.priority ?? 0) && areRivals(rule, other);
}

/** Keys of this product's own, which no rule replicates. */
export const reservedPrefix = '.cos-serverless-replication/';

export function matchesPrefix(rule: Pick<ReplicationRule, 'prefixes'>, key: string): boolean {
  return rule.prefixes.some((prefix) => key.startsWith(prefix));
}

/**
 * From when on a rule covers a key, whatever the tags of its versions, or `undefined` if it does not: a disabled rule
 * covers nothing.
 */
export function coverageOf(rule: ReplicationRule, key: string): Since | undefined {
  const spans = spansOf(rule, key);
  return spans.length === 0 ? undefined : earliest(spans);
}

/** Whether a version's tags decide over it: they must be known before it is copied. */
export function tagsDecide(rule: ReplicationRule, key: string, lastModifiedMs: number): boolean {
  return !coversVersion(
    spansOf(rule, key).filter(({ tags }) => tags === undefined),
    lastModifiedMs,
  );
}

/** Whether a rule covers a version that carries these tags. */
export function coversTagged(
  rule: ReplicationRule,
  key: string,
  lastModifiedMs: number,
  tags: readonly ObjectTag[],
): boolean {
  const carried = new Set(tags.map(tagName));
  const spans = spansOf(rule, key).filter((span) =>
    (span.tags ?? []).every((tag) => carried.has(tagName(tag))),
  );
  return coversVersion(spans, lastModifiedMs);
}

/** One string for one tag. */
export function tagName({ key, value }: ObjectTag): string {
  return JSON.stringify([key, value]);
}

function spansOf(rule: ReplicationRule, key: string): readonly Coverage[] {
  if (rule.status !== 'Enabled' || !matchesPrefix(rule, key)) return [];
  return spansAt(rule.coverage, key).filter(({ since }) => since !== undefined);
}

/** The spans that decide over a key, or over all keys with this prefix that no longer one is said of. */
export function spansAt(coverage: readonly Coverage[], key: string): readonly Coverage[] {
  let longest: string | undefined;
  for (const { prefix } of coverage)
    if (prefix.length >= (longest?.length ?? 0) && key.startsWith(prefix)) longest = prefix;
  return coverage.filter(({ prefix }) => prefix === longest);
}

function coversVersion(spans: readonly Coverage[], lastModifiedMs: number): boolean {
  const { since } = earliest(spans);
  return since !== undefined && Math.floor(lastModifiedMs / 1000) >= since;
}

function earliest(spans: readonly Since[]): Since {
  const since = Math.min(...spans.map((span) => span.since ?? Infinity));
  const markersSince = Math.min(...spans.map((span) => span.markersSince ?? Infinity));
  return {
    ...(since === Infinity ? {} : { since }),
    ...(markersSince === Infinity ? {} : { markersSince }),
  };
}

/** The enabled rules of a bucket, so arranged that matching a key costs no more for a thousand rules than for one. */
export type RuleIndex = PrefixMap<ReplicationRule>;

export function indexRules(ruleSet: RuleSet): RuleIndex {
  const enabled = ruleSet.rules.filter(({ status }) => status === 'Enabled');
  return createPrefixMap(enabled.flatMap((rule) => rule.prefixes.map((prefix) => [prefix, rule] as const)));
}

/** The rules that apply to a key: for each destination bucket the one that wins. */
export function matchRules(index: RuleIndex, key: string): readonly ReplicationRule[] {
  if (key.startsWith(reservedPrefix)) return [];
  const winners = new Map<string, ReplicationRule>();
  for (const rule of index.all(key)) {
    const rival = winners.get(rule.destination.bucket);
    if (!rival || (rule.priority ?? 0) < (rival.priority ?? 0)) winners.set(rule.destination.bucket, rule);
  }
  return [...winners.values()];
}
