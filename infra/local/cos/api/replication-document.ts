import { z } from 'zod';
import { CosError } from '../cos-error';
import type { BucketExchange } from '../exchange';
import { storageClasses } from '../object-headers';
import type { StoredBucket } from '../store/entry';
import { parseDocument } from '../xml';

/** Source: https://www.tencentcloud.com/document/product/436/19223 */
const rulesMax = 1000;
const tagsMax = 10;

const status = z
  .string()
  .transform((text) => text.trim())
  .pipe(z.enum(['Enabled', 'Disabled']));
const tag = z.object({ Key: z.string(), Value: z.string() });
const filter = z.object({
  Prefix: z.string().optional(),
  And: z.object({ Prefix: z.string().optional(), Tag: z.array(tag).max(tagsMax).optional() }).optional(),
});
const rule = z.object({
  ID: z.string().optional(),
  Status: status,
  Priority: z
    .string()
    .regex(/^\s*\d{1,4}\s*$/)
    .transform(Number)
    .pipe(z.number().min(1).max(1000))
    .optional(),
  Prefix: z.string().optional(),
  Filter: filter.optional(),
  Destination: z.object({ Bucket: z.string(), StorageClass: z.string().optional() }),
  DeleteMarkerReplication: z.object({ Status: status }).optional(),
});
const replicationDocument = z.object({
  ReplicationConfiguration: z.object({
    Role: z.string().min(1),
    Rule: z.array(rule).min(1).max(rulesMax),
  }),
});

type Rule = z.output<typeof rule>;

/**
 * What COS documents of a replication document. The codes are COS's own; which one answers to which mistake is inferred
 * from their descriptions. Fails with a CosError.
 */
export async function checkReplication(text: string, exchange: BucketExchange): Promise<void> {
  const parsed = replicationDocument.safeParse(parseDocument(text, ['Rule', 'Tag']));
  if (!parsed.success) throw new CosError('MalformedXML');
  const { Role: role, Rule: rules } = parsed.data.ReplicationConfiguration;
  const { bucket, caller, ownerUin, store } = exchange;
  if (caller?.account.appid !== bucket.appid) throw new CosError('UserNotSourceBucketOwner');
  if (!role.startsWith(`qcs::cam::uin/${ownerUin}:`))
    throw new CosError('InvalidArgument', 'The Role is not of this account.');
  if (bucket.versioning !== 'Enabled') throw new CosError('BucketVersionNotOpen');
  checkRules(rules);
  const targets = new Map<string, string>();
  for (const { Destination } of rules) {
    const { name, region } = destinationOf(Destination.Bucket);
    if ((targets.get(region) ?? name) !== name) throw new CosError('MultiBucketNotSupport');
    targets.set(region, name);
    checkDestination(bucket, await store.index.bucket(name), region);
  }
}

function checkRules(rules: readonly Rule[]): void {
  const refuse = (why: string): never => {
    throw new CosError('InvalidArgument', why);
  };
  const ids = rules.flatMap(({ ID }) => (ID === undefined ? [] : [ID]));
  if (new Set(ids).size < ids.length) refuse('An ID stands twice.');
  const priorities = rules.flatMap(({ Priority }) => (Priority === undefined ? [] : [Priority]));
  if (priorities.length > 0 && priorities.length < rules.length)
    refuse('All rules have a Priority or none has.');
  if (new Set(priorities).size < priorities.length) refuse('A Priority stands twice.');
  for (const { Filter, DeleteMarkerReplication, Destination } of rules) {
    // Enabled by default.
    if ((Filter?.And?.Tag ?? []).length > 0 && DeleteMarkerReplication?.Status !== 'Disabled')
      refuse('A rule with tags cannot replicate delete markers.');
    const storageClass = Destination.StorageClass?.toUpperCase().replace(/^MAZ_/, '');
    if (storageClass !== undefined && !storageClasses.includes(storageClass))
      throw new CosError('NotSupportedStorageClass');
  }
  if (priorities.length > 0) return;
  const prefixes = rules.map(prefixOf);
  const overlap = prefixes.some((one, i) =>
    prefixes.some((other, j) => i < j && (one.startsWith(other) || other.startsWith(one))),
  );
  if (overlap) refuse('Without a Priority the prefixes of rules may not overlap.');
}

function prefixOf({ Prefix, Filter }: Rule): string {
  return Prefix ?? Filter?.Prefix ?? Filter?.And?.Prefix ?? '';
}

function destinationOf(qcs: string): { name: string; region: string } {
  const [, region, name] = /^qcs::cos:([a-z0-9-]+)::([a-z0-9-]+-\d+)$/.exec(qcs.trim()) ?? [];
  if (region === undefined || name === undefined) throw new CosError('TargetBucketNameInvalid');
  return { name, region };
}

function checkDestination(source: StoredBucket, found: StoredBucket | undefined, region: string): void {
  if (!found || found.region !== region) throw new CosError('NoSuchBucket');
  if (found.appid !== source.appid) throw new CosError('UserNotTargetBucketOwner');
  if (found.versioning !== 'Enabled') throw new CosError('BucketVersionNotOpen');
  if (found.name === source.name) throw new CosError('TargetBucketNameInvalid');
}
