import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';

/**
 * Policies of CAM, of users and roles and of buckets.
 * Source: https://www.tencentcloud.com/document/product/436/30580, conditions: .../436/71307
 */
const oneOrMore = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const conditionValues = z
  .union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()]))])
  .transform((value) => [value].flat().map(String));

const statement = z.strictObject({
  sid: z.string().optional(),
  effect: z
    .string()
    .transform((effect) => effect.toLowerCase())
    .pipe(z.enum(['allow', 'deny'])),
  action: oneOrMore,
  resource: oneOrMore,
  principal: z.object({ qcs: oneOrMore }).optional(),
  condition: z.record(z.string(), z.record(z.string(), conditionValues)).optional(),
});

const policy = z.object({ version: z.literal('2.0'), statement: z.union([statement, z.array(statement)]) });

export type Policy = readonly Statement[];
export type Statement = z.output<typeof statement>;

/** Keys in any case, as COS's own samples have `Statement` and `statement`. `undefined`: it is none. */
export function parsePolicy(text: string): Policy | undefined {
  try {
    const parsed = policy.safeParse(lowerKeys(JSON.parse(text), 2));
    return parsed.success && parsed.data.statement !== undefined ? [parsed.data.statement].flat() : undefined;
  } catch {
    return undefined;
  }
}

function lowerKeys(value: unknown, levels: number): unknown {
  if (Array.isArray(value)) return value.map((each) => lowerKeys(each, levels));
  if (typeof value !== 'object' || value === null || levels === 0) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.toLowerCase(), lowerKeys(inner, levels - 1)]),
  );
}

/** What somebody wants to do. */
export interface Attempt {
  /** Without `name/cos:`, as in CAM: PutObject, GetBucketACL, ... */
  readonly action: string;
  readonly region: string;
  readonly appid: string;
  /** Empty: the service. */
  readonly bucket: string;
  /** Empty: the bucket itself. */
  readonly key: string;
  /** What conditions look at, by the lower-case name: `cos:versionid`, `qcs:ip`, ... */
  readonly conditions: Readonly<Record<string, string>>;
}

export type Verdict = 'allow' | 'deny' | 'none';

/** Deny wins. `principal`: for a bucket's policy, who asks; `undefined`: the policy is attached to whoever asks. */
export function verdictOf(policy: Policy, attempt: Attempt, principal?: Principal): Verdict {
  const applying = policy.filter(
    (each) =>
      (principal === undefined || namesPrincipal(each, principal)) &&
      each.action.some((action) => matchesAction(action, attempt)) &&
      each.resource.some((resource) => matchesResource(resource, attempt)) &&
      holds(each, attempt),
  );
  if (applying.some((each) => each.effect === 'deny')) return 'deny';
  return applying.length > 0 ? 'allow' : 'none';
}

/** `undefined` UINs: without a key. */
export type Principal = { readonly owner: string; readonly user: string } | 'anonymous';

function namesPrincipal({ principal }: Statement, who: Principal): boolean {
  return (principal?.qcs ?? []).some((named) => {
    if (named === '*' || named === 'qcs::cam::anyone:anyone' || named === 'qcs::cam::anonymous:anonymous')
      return true;
    if (who === 'anonymous') return false;
    const [, owner, user] = /^qcs::cam::uin\/(\d+):(?:uin\/)?(\d+|root|\*)$/.exec(named) ?? [];
    if (owner !== who.owner) return false;
    return user === '*' || user === who.user || (user === 'root' && who.user === owner);
  });
}

function matchesAction(pattern: string, { action }: Attempt): boolean {
  const name = pattern.replace(/^name\//, '').replace(/^cos:/, '');
  return pattern === '*' || like(name, action);
}

/** `qcs::cos:<region>:uid/<appid>:<bucket>/<key pattern>`, or `*`. */
function matchesResource(pattern: string, { region, appid, bucket, key }: Attempt): boolean {
  if (pattern === '*') return true;
  const [, regions, owners, rest = ''] = /^qcs::cos:([^:]*):([^:]*):(.*)$/.exec(pattern) ?? [];
  if (regions === undefined || owners === undefined) return false;
  const inRegion = regions === '' || like(regions, region);
  const ofOwner = ['', '*', `uid/${appid}`].includes(owners) || owners.startsWith('uin/');
  return inRegion && ofOwner && (like(rest, `${bucket}/${key}`) || (key === '' && rest === bucket));
}

/** All operators, all keys of an operator, any value of a key. */
function holds({ condition = {} }: Statement, attempt: Attempt): boolean {
  return Object.entries(condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) =>
      test(operator, attempt.conditions[key.toLowerCase()], values),
    ),
  );
}

type Test = (actual: string, wanted: string) => boolean;

const tests: Readonly<Record<string, Test>> = {
  string_equal: (actual, wanted) => actual === wanted,
  string_equal_ignore_case: (actual, wanted) => actual.toLowerCase() === wanted.toLowerCase(),
  string_like: (actual, wanted) => like(wanted, actual),
  numeric_equal: (actual, wanted) => Number(actual) === Number(wanted),
  numeric_greater_than: (actual, wanted) => Number(actual) > Number(wanted),
  numeric_greater_than_equal: (actual, wanted) => Number(actual) >= Number(wanted),
  numeric_less_than: (actual, wanted) => Number(actual) < Number(wanted),
  numeric_less_than_equal: (actual, wanted) => Number(actual) <= Number(wanted),
  bool_equal: (actual, wanted) => actual.toLowerCase() === wanted.toLowerCase(),
  ip_equal: inNetwork,
};

/** A key that the request does not have fails a test, but for `not` tests and with `_if_exist` (inferred). */
function test(operator: string, actual: string | undefined, values: readonly string[]): boolean {
  const ifExists = operator.endsWith('_if_exist');
  const name = operator.replace(/_if_exist$/, '').replace('_not_', '_');
  const negated = operator.includes('_not_');
  const compare = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (!compare) return false;
  if (actual === undefined) return ifExists || negated;
  return values.some((value) => compare(actual, value)) !== negated;
}

function inNetwork(actual: string, wanted: string): boolean {
  const [net = '', bits] = wanted.split('/');
  const family = isIPv4(net) ? 'ipv4' : isIPv6(net) ? 'ipv6' : undefined;
  const plain = actual.replace(/^::ffff:/, '');
  if (!family || (isIPv4(plain) ? 'ipv4' : 'ipv6') !== family) return false;
  const list = new BlockList();
  if (bits === undefined) list.addAddress(net, family);
  else list.addSubnet(net, Number(bits), family);
  return list.check(plain, family);
}

/** `*` is any text, `?` any one character. */
function like(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}
