import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { z } from '@hono/zod-openapi';
import { type Problem, problem } from '../../../domain/problem';
import type { ReplicationRule, RuleSet } from '../../../domain/rule';
import type { DesiredRule } from '../../../domain/rule-change';
import { rulesMax } from '../../../domain/rule-conflicts';
import { ruleIdSchema, type settingsSchema } from '../schemas';
import { parseSettings } from '../rule-schema';

/** A replication configuration as COS writes it. Source: https://www.tencentcloud.com/document/product/436/19223 */
export interface NativeConfiguration {
  readonly role: string;
  readonly rules: readonly DesiredRule[];
}

export type ParsedConfiguration =
  | { readonly ok: true; readonly value: NativeConfiguration }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  removeNSPrefix: true,
  // Numeric ones, too.
  htmlEntities: true,
  parseTagValue: false,
  // A prefix may begin or end with a space.
  trimValues: false,
  isArray: (name) => name === 'Rule' || name === 'Tag',
});

const status = z
  .string()
  .transform((text) => text.trim())
  .pipe(z.enum(['Enabled', 'Disabled']));
const statusElement = z.strictObject({ Status: status });
const tag = z.strictObject({ Key: z.string(), Value: z.string() });
const prefixes = z.union([z.string(), z.array(z.string())]);
/** An element with others in it, or empty. */
const element = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.preprocess((value) => (value === '' ? {} : value), z.strictObject(shape));

const ruleElement = z.strictObject({
  ID: z.string().optional(),
  Status: status,
  Priority: z.string().optional(),
  Prefix: z.string().optional(),
  Filter: element({
    Prefix: z.string().optional(),
    Tag: z.array(tag).optional(),
    And: element({ Prefix: prefixes.optional(), Tag: z.array(tag).optional() }).optional(),
  }).optional(),
  Destination: z.strictObject({
    Bucket: z.string(),
    StorageClass: z.string().optional(),
    EncryptionConfiguration: element({ ReplicaKmsKeyID: z.string().optional() }).optional(),
  }),
  DeleteMarkerReplication: statusElement.optional(),
  SourceSelectionCriteria: element({
    SseKmsEncryptedObjects: element({ Status: status.optional() }).optional(),
  }).optional(),
});

const configuration = z.strictObject({
  ReplicationConfiguration: z.strictObject({
    Role: z.string(),
    Rule: z.array(z.unknown()).min(1),
  }),
});

type RuleElement = z.output<typeof ruleElement>;

const root = '/ReplicationConfiguration';

/** Reads a configuration; otherwise everything that is wrong with it. Paths lead into the document. */
export function parseConfiguration(xml: string): ParsedConfiguration {
  // Nothing of COS's has a document type; entities that grow are declared in one.
  if (xml.includes('<!DOCTYPE')) return malformed('', 'The document has a DOCTYPE; send it without.');
  let raw: unknown;
  try {
    raw = withoutBlanks(parser.parse(xml, true));
  } catch (cause) {
    return malformed('', `The body is no XML: ${(cause as Error).message}`);
  }
  const outer = configuration.safeParse(raw);
  if (!outer.success) return { ok: false, problems: xmlProblems(outer.error, '') };
  const { Role, Rule } = outer.data.ReplicationConfiguration;
  if (Rule.length > rulesMax) {
    const message = `The configuration has ${Rule.length} rules; the limit is ${rulesMax}.`;
    return { ok: false, problems: [problem('TooManyRules', `${root}/Rule`, message)] };
  }
  const problems: Problem[] = [];
  if (!/^qcs::cam::uin\/\d{1,20}:uin\/\d{1,20}$/.test(Role.trim())) {
    const message = 'Role must be written as qcs::cam::uin/{OwnerUin}:uin/{SubUin}.';
    problems.push(problem('InvalidField', `${root}/Role`, message));
  }
  const rules = Rule.map((element, place) => {
    const path = `${root}/Rule[${place + 1}]`;
    const parsed = ruleElement.safeParse(element);
    if (parsed.success) return toDesired(parsed.data, path);
    return { ok: false as const, problems: xmlProblems(parsed.error, path) };
  });
  problems.push(...rules.flatMap((rule) => (rule.ok ? [] : rule.problems)));
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    value: { role: Role.trim(), rules: rules.flatMap((rule) => (rule.ok ? [rule.value] : [])) },
  };
}

type ParsedRule =
  | { readonly ok: true; readonly value: DesiredRule }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A rule element in the words of the REST form, and checked as that one is. */
function toDesired(element: RuleElement, path: string): ParsedRule {
  const problems = [...unsupported(element, path)];
  const { Filter, Destination } = element;
  const and = Filter?.And;
  const given = [element.Prefix, Filter?.Prefix, and?.Prefix].filter((prefix) => prefix !== undefined);
  if (given.length > 1) {
    problems.push(
      problem('InvalidField', `${path}/Prefix`, 'Prefix stands in more than one place of the rule.'),
    );
  }
  const [, region, bucket] = /^qcs::cos:([^:]*)::([^:]*)$/.exec(Destination.Bucket.trim()) ?? [];
  if (region === undefined) {
    const message = 'Bucket must be written as qcs::cos:{Region}::{BucketName-APPID}.';
    problems.push(problem('InvalidField', `${path}/Destination/Bucket`, message));
  }
  const id = element.ID?.trim();
  if (id !== undefined && id !== '' && !ruleIdSchema.safeParse(id).success) {
    const message = 'ID must be 1 to 255 letters, digits, dots, dashes or underscores.';
    problems.push(problem('InvalidField', `${path}/ID`, message));
  }
  const storageClass = Destination.StorageClass?.trim();
  const parsed = parseSettings({
    status: element.Status,
    ...(element.Priority === undefined ? {} : { priority: Number(element.Priority.trim() || Number.NaN) }),
    prefixes: given.length === 0 ? [''] : given.flat(),
    tags: [...(Filter?.Tag ?? []), ...(and?.Tag ?? [])].map(({ Key, Value }) => ({ key: Key, value: Value })),
    destination: { bucket: bucket ?? '', region: region ?? '', ...(storageClass ? { storageClass } : {}) },
    deleteMarkerReplication: element.DeleteMarkerReplication?.Status ?? 'Enabled',
  });
  if (!parsed.ok) {
    const known = new Set(problems.map((one) => one.path));
    for (const found of parsed.problems) {
      const at = `${path}${nativePath(found.path)}`;
      if (!known.has(at)) problems.push(problem(found.code, at, found.message.replace(found.path, at)));
    }
  }
  if (problems.length > 0 || !parsed.ok) return { ok: false, problems };
  return { ok: true, value: { id: id === '' ? undefined : id, settings: parsed.value } };
}

/** Elements of COS's own that mean something which this product does not do. */
function unsupported(
  { Destination, SourceSelectionCriteria }: RuleElement,
  path: string,
): readonly Problem[] {
  const problems: Problem[] = [];
  if (Destination.EncryptionConfiguration?.ReplicaKmsKeyID) {
    const at = `${path}/Destination/EncryptionConfiguration`;
    problems.push(problem('InvalidField', at, 'EncryptionConfiguration is not supported; leave it out.'));
  }
  if (SourceSelectionCriteria?.SseKmsEncryptedObjects?.Status === 'Enabled') {
    const at = `${path}/SourceSelectionCriteria/SseKmsEncryptedObjects`;
    problems.push(
      problem('InvalidField', at, 'SseKmsEncryptedObjects is not supported; it may be Disabled only.'),
    );
  }
  return problems;
}

const nativeNames: Readonly<Record<keyof z.output<typeof settingsSchema>, string>> = {
  status: 'Status',
  priority: 'Priority',
  prefixes: 'Prefix',
  tags: 'Filter/And/Tag',
  destination: 'Destination',
  deleteMarkerReplication: 'DeleteMarkerReplication',
  description: 'ID',
};

/** A path into settings, as it stands in the document. */
export function nativePath(path: string): string {
  const [, first = '', second] = path.split('/');
  if (first === '') return '';
  if (first === 'id') return '/ID';
  const name = nativeNames[first as keyof typeof nativeNames] ?? first;
  if (first !== 'destination' || second === undefined) return `/${name}`;
  return `/${name}/${second === 'storageClass' ? 'StorageClass' : 'Bucket'}`;
}

function xmlProblems(error: z.ZodError, at: string): readonly Problem[] {
  return error.issues.flatMap((issue) => {
    const path =
      at +
      issue.path.map((part) => (typeof part === 'number' ? `[${part + 1}]` : `/${String(part)}`)).join('');
    if (issue.code !== 'unrecognized_keys') {
      const name = path === '' ? 'The document' : path;
      return [problem('MalformedXML', path, `${name}: ${issue.message}.`)];
    }
    return issue.keys.map((key) =>
      problem(
        'MalformedXML',
        `${path}/${key}`,
        `${path}/${key} is no element of a replication configuration.`,
      ),
    );
  });
}

function malformed(path: string, message: string): ParsedConfiguration {
  return { ok: false, problems: [problem('MalformedXML', path, message)] };
}

/** White space between elements says nothing. */
function withoutBlanks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutBlanks);
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const children = entries.filter(([name, text]) => name !== '#text' || String(text).trim() !== '');
  if (children.length === 0 && entries.length > 0) return String(entries[0]?.[1]);
  return Object.fromEntries(children.map(([name, child]) => [name, withoutBlanks(child)]));
}

const builder = new XMLBuilder({ suppressEmptyNode: false, format: false });

/** As COS declares it. */
export const declaration = "<?xml version='1.0' encoding='utf-8' ?>\n";

/** A rule set as COS writes it. What its form cannot say (descriptions) is left out. */
export function buildConfiguration(ruleSet: RuleSet): string {
  const xml = builder.build({
    ReplicationConfiguration: { Role: ruleSet.role ?? unknownRole, Rule: ruleSet.rules.map(elementOf) },
  });
  return declaration + xml;
}

/** For rules that were made over REST, where nobody named one. */
const unknownRole = 'qcs::cam::uin/0:uin/0';

function elementOf(rule: ReplicationRule): object {
  const { id, status, priority, prefixes: all, tags, destination, deleteMarkerReplication } = rule;
  const { bucket, region, storageClass } = destination;
  const plain = tags.length === 0 && all.length === 1;
  const Tag = tags.map(({ key, value }) => ({ Key: key, Value: value }));
  return {
    ID: id,
    Status: status,
    ...(priority === undefined ? {} : { Priority: priority }),
    // Several prefixes are repeated where COS has one.
    ...(plain
      ? { Prefix: all[0] }
      : { Filter: { And: { Prefix: all, ...(Tag.length === 0 ? {} : { Tag }) } } }),
    Destination: {
      Bucket: `qcs::cos:${region}::${bucket}`,
      ...(storageClass === undefined ? {} : { StorageClass: storageClass }),
    },
    DeleteMarkerReplication: { Status: deleteMarkerReplication },
  };
}
