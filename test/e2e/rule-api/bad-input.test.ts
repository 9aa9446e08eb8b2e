import fc from 'fast-check';
import {
  apiUrl,
  bearerOf,
  configuration,
  md5,
  native,
  type NativeCall,
  type RuleApi,
  rule,
  startRuleApi,
} from './setup';

/** What must be refused, over both forms: with its status, code and place, and without a trace in the stored rules. */
let at: RuleApi;
let stored: readonly string[];

beforeAll(async () => {
  at = await startRuleApi();
  const rules = `/v1/buckets/${at.source.bucket}/rules`;
  for (const body of [
    { id: 'taken', prefixes: ['taken/'], destination: at.destination },
    { id: 'ranked', prefixes: ['ranked/'], priority: 5, destination: at.third },
  ])
    await at.api('POST', rules, body);
  await ruleOfAnotherDeployment();
  stored = await storedRules();
});

test('there are rules that must stay as they are', () => {
  expect(stored.filter((document) => /\/0+[12]\.json /.test(document))).toHaveLength(3);
});
afterAll(() => at.cloud.close());

/** From a bucket of another region to the source: a rule the other way would close the ring. */
async function ruleOfAnotherDeployment(): Promise<void> {
  const { ring, source, cloud } = at;
  const { rules } = (await at.api('GET', `/v1/buckets/${source.bucket}/rules`)).body as unknown as {
    rules: object[];
  };
  const document = {
    format: 1,
    ...ring,
    revision: 1,
    at: '2026-01-01T00:00:00.000Z',
    by: 'x',
    what: 'created',
  };
  const back = { ...document, nonce: 'n', rules: [{ ...rules[0], prefixes: [''], destination: source }] };
  for (const [Key, body] of [
    [`sources/${ring.bucket}.json`, ring],
    [`rules/${ring.bucket}/newest.json`, { revision: 1 }],
    [`rules/${ring.bucket}/000000000001.json`, back],
  ] as const) {
    await at.sdk.putObject({
      Bucket: cloud.stateBucket,
      Region: cloud.region,
      Key,
      Body: JSON.stringify(body),
    });
  }
}

/** The bodies of all documents of rules in the state bucket, as they are. */
async function storedRules(): Promise<readonly string[]> {
  const place = { Bucket: at.cloud.stateBucket, Region: at.cloud.region };
  const listed = await at.sdk.getBucket({ ...place, Prefix: 'rules/' });
  const names = listed.Contents.map(({ Key }) => Key);
  const bodies = await Promise.all(
    names.map(async (Key) => `${Key} ${(await at.sdk.getObject({ ...place, Key })).Body.toString()}`),
  );
  return bodies.sort();
}

interface Rest {
  readonly method?: string;
  readonly path?: string;
  /** As it is sent, or as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function rest({ method = 'POST', path, body, headers }: Rest) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${apiUrl(at.cloud)}${path ?? `/v1/buckets/${at.source.bucket}/rules`}`, {
    method,
    headers: Object.fromEntries(
      Object.entries({
        authorization: bearerOf(at.cloud),
        'content-type': 'application/json',
        'if-match': '*',
        ...headers,
      }).filter(([, value]) => value !== ''),
    ),
    ...(body === undefined ? {} : { body: text }),
  });
  const { problems = [] } = JSON.parse((await response.text()) || '{}') as {
    problems?: readonly { code: string; path: string; message: string }[];
  };
  return { status: response.status, problems };
}

type RestCase = readonly [name: string, request: () => Rest, status: number, code: string, path: string];

/** A new rule that is sound but for one thing. */
const but = (more: object) => (): Rest => ({
  body: { prefixes: ['new/'], destination: at.destination, ...more },
});
const toward = (of: () => object) => (): Rest => ({
  body: { prefixes: ['new/'], destination: { ...at.destination, ...of() } },
});
const onRule =
  (method: string, path: string, body?: unknown, headers = {}) =>
  (): Rest => ({
    method,
    path: `/v1/buckets/${at.source.bucket}${path}`,
    body,
    headers,
  });
const raw =
  (body: string, headers = {}) =>
  (): Rest => ({ body, headers });
const long = 'x'.repeat(900);

const restCases: readonly RestCase[] = [
  ['no body', () => ({}), 400, 'MalformedJson', ''],
  ['broken JSON', raw('{"destination":'), 400, 'MalformedJson', ''],
  ['two values', raw('{}{}'), 400, 'MalformedJson', ''],
  ['XML', raw('<Rule/>'), 400, 'MalformedJson', ''],
  ['null', raw('null'), 400, 'InvalidField', ''],
  ['a list', raw('[]'), 400, 'InvalidField', ''],
  ['a number', raw('7'), 400, 'InvalidField', ''],
  ['a text', raw('"rule"'), 400, 'InvalidField', ''],
  ['nothing in it', raw('{}'), 400, 'InvalidField', '/destination'],
  ['another content type', raw('{}', { 'content-type': 'text/plain' }), 415, 'UnsupportedMediaType', ''],
  [
    'a form',
    raw('a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
    415,
    'UnsupportedMediaType',
    '',
  ],
  ['too much', raw(JSON.stringify({ description: 'x'.repeat(70_000) })), 413, 'BodyTooLarge', ''],
  ['nested deeply', raw('['.repeat(20_000) + ']'.repeat(20_000)), 400, 'InvalidField', ''],
  ['an unknown field', but({ prefx: 'a' }), 400, 'UnknownField', '/prefx'],
  ['the old field', but({ prefix: 'a' }), 400, 'UnknownField', '/prefix'],
  [
    'a prototype',
    raw('{"__proto__":{"status":"Disabled"},"destination":{}}'),
    400,
    'InvalidField',
    '/destination/bucket',
  ],
  ['an id of another type', but({ id: 7 }), 400, 'InvalidField', '/id'],
  ['an empty id', but({ id: '' }), 400, 'InvalidField', '/id'],
  ['an id with a slash', but({ id: 'a/b' }), 400, 'InvalidField', '/id'],
  ['an id that is too long', but({ id: 'x'.repeat(256) }), 400, 'InvalidField', '/id'],
  ['an id that is taken', but({ id: 'taken' }), 400, 'DuplicateRuleId', '/id'],
  ['a status of another type', but({ status: true }), 400, 'InvalidField', '/status'],
  ['a status in lower case', but({ status: 'enabled' }), 400, 'InvalidField', '/status'],
  ['a null status', but({ status: null }), 400, 'InvalidField', '/status'],
  ['priority 0', but({ priority: 0 }), 400, 'InvalidField', '/priority'],
  ['priority 1001', but({ priority: 1001 }), 400, 'InvalidField', '/priority'],
  ['priority 1.5', but({ priority: 1.5 }), 400, 'InvalidField', '/priority'],
  ['a text as priority', but({ priority: '1' }), 400, 'InvalidField', '/priority'],
  ['a priority where another rule has none', but({ priority: 1 }), 400, 'PriorityMissing', '/priority'],
  ['no priority where another rule has one', toward(() => at.third), 400, 'PriorityMissing', '/priority'],
  [
    'the priority of another rule',
    () => ({ body: { prefixes: ['new/'], priority: 5, destination: at.third } }),
    400,
    'PriorityDuplicate',
    '/priority',
  ],
  ['prefixes as a text', but({ prefixes: 'a/' }), 400, 'InvalidField', '/prefixes'],
  ['no prefix at all', but({ prefixes: [] }), 400, 'InvalidField', '/prefixes'],
  [
    'too many prefixes',
    but({ prefixes: Array.from({ length: 101 }, (_, i) => `${i}/`) }),
    400,
    'InvalidField',
    '/prefixes',
  ],
  ['a prefix that is a number', but({ prefixes: [1] }), 400, 'InvalidField', '/prefixes/0'],
  ['a prefix with a slash', but({ prefixes: ['a/', '/b'] }), 400, 'InvalidField', '/prefixes/1'],
  ['a prefix with a backslash', but({ prefixes: ['\\b'] }), 400, 'InvalidField', '/prefixes/0'],
  ['a prefix that is too long', but({ prefixes: [long] }), 400, 'InvalidField', '/prefixes/0'],
  ['a prefix of too many bytes', but({ prefixes: ['中'.repeat(284)] }), 400, 'InvalidField', '/prefixes/0'],
  ['half a character', raw('{"prefixes":["\\ud800"]}'), 400, 'InvalidField', '/prefixes/0'],
  ['a prefix twice', but({ prefixes: ['new/', 'new/'] }), 400, 'PrefixOverlap', '/prefixes/1'],
  ['a prefix within another', but({ prefixes: ['new/a', 'new/'] }), 400, 'PrefixOverlap', '/prefixes/0'],
  ['the prefix of another rule', but({ prefixes: ['taken/'] }), 400, 'PrefixOverlap', '/prefixes/0'],
  [
    'a prefix within that of another rule',
    but({ prefixes: ['x/', 'taken/x'] }),
    400,
    'PrefixOverlap',
    '/prefixes/1',
  ],
  ['a prefix around that of another rule', but({ prefixes: ['tak'] }), 400, 'PrefixOverlap', '/prefixes/0'],
  ['the whole bucket beside another rule', but({ prefixes: [''] }), 400, 'WholeBucketRule', '/prefixes/0'],
  ['tags as an object', but({ tags: { a: 'b' } }), 400, 'InvalidField', '/tags'],
  ['a tag without a key', but({ tags: [{ value: 'b' }] }), 400, 'InvalidField', '/tags/0/key'],
  ['a tag with an empty key', but({ tags: [{ key: '' }] }), 400, 'InvalidField', '/tags/0/key'],
  ['a tag with a long key', but({ tags: [{ key: 'x'.repeat(129) }] }), 400, 'InvalidField', '/tags/0/key'],
  [
    'a tag with a long value',
    but({ tags: [{ key: 'a', value: 'x'.repeat(257) }] }),
    400,
    'InvalidField',
    '/tags/0/value',
  ],
  ['a tag with more', but({ tags: [{ key: 'a', value: '', x: 1 }] }), 400, 'UnknownField', '/tags/0/x'],
  ['a tag twice', but({ tags: [{ key: 'a' }, { key: 'a', value: 'b' }] }), 400, 'InvalidField', '/tags'],
  [
    'eleven tags',
    but({ tags: Array.from({ length: 11 }, (_, i) => ({ key: `${i}` })) }),
    400,
    'InvalidField',
    '/tags',
  ],
  ['tags with markers', but({ tags: [{ key: 'a' }] }), 400, 'TagsExcludeMarkers', '/deleteMarkerReplication'],
  [
    'tags beside a rule that overlaps',
    but({ tags: [{ key: 'a' }], deleteMarkerReplication: 'Disabled', prefixes: ['taken/'] }),
    400,
    'TagsOverlap',
    '/tags',
  ],
  [
    'marker sync of another type',
    but({ deleteMarkerReplication: false }),
    400,
    'InvalidField',
    '/deleteMarkerReplication',
  ],
  [
    'a description that is too long',
    but({ description: 'x'.repeat(257) }),
    400,
    'InvalidField',
    '/description',
  ],
  ['a description of another type', but({ description: [] }), 400, 'InvalidField', '/description'],
  ['a destination that is a text', but({ destination: 'bucket' }), 400, 'InvalidField', '/destination'],
  [
    'no destination bucket',
    but({ destination: { region: 'ap-shanghai' } }),
    400,
    'InvalidField',
    '/destination/bucket',
  ],
  [
    'a bucket without its APPID',
    toward(() => ({ bucket: 'copy' })),
    400,
    'InvalidField',
    '/destination/bucket',
  ],
  [
    'a bucket in capitals',
    toward(() => ({ bucket: 'Copy-1250000000' })),
    400,
    'InvalidField',
    '/destination/bucket',
  ],
  [
    'a bucket that is too long',
    toward(() => ({ bucket: `${'x'.repeat(60)}-1` })),
    400,
    'InvalidField',
    '/destination/bucket',
  ],
  ['an empty region', toward(() => ({ region: '' })), 400, 'InvalidField', '/destination/region'],
  [
    'a region that is none',
    toward(() => ({ region: 'Shanghai' })),
    400,
    'InvalidField',
    '/destination/region',
  ],
  ['more in a destination', toward(() => ({ account: 1 })), 400, 'UnknownField', '/destination/account'],
  [
    'an unknown class',
    toward(() => ({ storageClass: 'COLD' })),
    400,
    'InvalidField',
    '/destination/storageClass',
  ],
  [
    'a class of another type',
    toward(() => ({ storageClass: 1 })),
    400,
    'InvalidField',
    '/destination/storageClass',
  ],
  [
    'a multi-zone class in one zone',
    toward(() => ({ storageClass: 'MAZ_STANDARD' })),
    400,
    'MultiZoneClassMismatch',
    '/destination/storageClass',
  ],
  [
    'one zone to several without a class',
    toward(() => at.zones),
    400,
    'SingleZoneClassMismatch',
    '/destination/storageClass',
  ],
  [
    'a single-zone class in several zones',
    toward(() => ({ ...at.zones, storageClass: 'STANDARD' })),
    400,
    'SingleZoneClassMismatch',
    '/destination/storageClass',
  ],
  ['the source itself', toward(() => at.source), 400, 'SameBucket', '/destination/bucket'],
  ['the same region', toward(() => at.near), 400, 'SameRegion', '/destination/region'],
  [
    'another account',
    toward(() => ({ bucket: 'theirs-1259999999' })),
    400,
    'OtherAccount',
    '/destination/bucket',
  ],
  [
    'a bucket that is missing',
    toward(() => at.named('none', 'ap-shanghai')),
    400,
    'DestinationBucketMissing',
    '/destination/bucket',
  ],
  [
    'a bucket that is elsewhere',
    toward(() => ({ region: 'ap-beijing' })),
    400,
    'DestinationBucketMissing',
    '/destination/bucket',
  ],
  ['a bucket never versioned', toward(() => at.plain), 400, 'DestinationNotVersioned', '/destination/bucket'],
  [
    'a bucket with versioning suspended',
    toward(() => at.paused),
    400,
    'DestinationNotVersioned',
    '/destination/bucket',
  ],
  [
    'a source that is missing',
    () => ({
      path: `/v1/buckets/${at.named('gone', '').bucket}/rules`,
      body: { destination: at.destination },
    }),
    400,
    'SourceBucketMissing',
    '',
  ],
  [
    'a second source of the same keys',
    () => ({ path: `/v1/buckets/${at.other.bucket}/rules`, body: { destination: at.destination } }),
    400,
    'DestinationShared',
    '/prefixes/0',
  ],
  ['a ring', toward(() => at.ring), 400, 'ReplicationCycle', '/destination/bucket'],
  [
    'a bucket name that is none',
    () => ({ method: 'GET', path: '/v1/buckets/A_B/rules' }),
    400,
    'InvalidField',
    '/param/bucket',
  ],
  ['a rule id that is none', onRule('GET', '/rules/a%20b'), 400, 'InvalidField', '/param/id'],
  ['a rule that is missing', onRule('PATCH', '/rules/nobody', {}), 404, 'RuleNotFound', ''],
  ['to switch a rule that is missing', onRule('POST', '/rules/nobody/enable'), 404, 'RuleNotFound', ''],
  ['to delete a rule that is missing', onRule('DELETE', '/rules/nobody'), 404, 'RuleNotFound', ''],
  [
    'to change without a revision',
    onRule('PATCH', '/rules/taken', {}, { 'if-match': '' }),
    428,
    'RevisionRequired',
    '',
  ],
  [
    'an old revision',
    onRule('PATCH', '/rules/taken', {}, { 'if-match': '"1"' }),
    412,
    'RevisionConflict',
    '',
  ],
  [
    'a weak revision',
    onRule('DELETE', '/rules/taken', undefined, { 'if-match': 'W/"2"' }),
    400,
    'InvalidField',
    '',
  ],
  [
    'a revision that is none',
    onRule('DELETE', '/rules/taken', undefined, { 'if-match': '2' }),
    400,
    'InvalidField',
    '',
  ],
  ['a patch that is a list', onRule('PATCH', '/rules/taken', []), 400, 'InvalidField', ''],
  [
    'a patch that takes the destination away',
    onRule('PATCH', '/rules/taken', { destination: null }),
    400,
    'InvalidField',
    '/destination',
  ],
  ['a patch of an unknown field', onRule('PATCH', '/rules/taken', { id: 'x' }), 400, 'UnknownField', '/id'],
  ['a replacement with nothing', onRule('PUT', '/rules/taken', {}), 400, 'InvalidField', '/destination'],
  ['a revision that never was', onRule('POST', '/revisions/99/restore'), 404, 'RevisionNotFound', ''],
  ['revision 0', onRule('GET', '/revisions/0'), 400, 'InvalidField', '/param/revision'],
  ['too long a page', onRule('GET', '/revisions?limit=1000'), 400, 'InvalidField', '/query/limit'],
  ['a preview of nothing', onRule('POST', '/preview', {}), 400, 'InvalidField', '/settings'],
  ['preconditions of no bucket', onRule('GET', '/preconditions'), 400, 'InvalidField', '/query/bucket'],
  ['a route that is none', () => ({ method: 'GET', path: '/v2' }), 404, 'NoSuchRoute', ''],
  ['a method that a route has not', onRule('PUT', '/rules', {}), 405, 'MethodNotAllowed', ''],
  ['no credential', raw('{}', { authorization: '' }), 401, 'Unauthorized', ''],
  ['a wrong secret', raw('{}', { authorization: 'Bearer test.write.1:x' }), 401, 'Unauthorized', ''],
  ['another scheme', raw('{}', { authorization: 'Basic dGVzdDp0ZXN0' }), 401, 'Unauthorized', ''],
];

test.each(restCases)('REST: %s', async (_name, request, status, code, path) => {
  const answer = await rest(request());
  expect({ status: answer.status, problems: answer.problems }).toMatchObject({
    status,
    problems: expect.arrayContaining([expect.objectContaining({ code, path })]) as unknown,
  });
  expect(answer.problems.every(({ message }) => message.length > 10 && message.length < 1_000)).toBe(true);
  expect(await storedRules()).toEqual(stored);
});

type NativeCase = readonly [name: string, call: () => NativeCall, status: number, code: string, said: string];

const put = (more: () => Partial<Record<string, string>>) => (): NativeCall => ({
  body: configuration(at.destination, { prefix: '<Prefix>new/</Prefix>', ...more() }),
});
const text =
  (body: string, headers = {}) =>
  (): NativeCall => ({ body, headers });
const two = (first: object, second: object) =>
  put(() => ({ rules: rule(at.destination, first) + rule(at.destination, second) }));
const bomb =
  '<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' +
  '<ReplicationConfiguration><Role>&b;</Role></ReplicationConfiguration>';

const nativeCases: readonly NativeCase[] = [
  ['no body', () => ({ body: '' }), 400, 'MalformedXML', ''],
  ['broken XML', text('<ReplicationConfiguration>'), 400, 'MalformedXML', 'no XML'],
  ['JSON', text('{"Role":1}'), 400, 'MalformedXML', ''],
  ['another document', text('<VersioningConfiguration/>'), 400, 'MalformedXML', 'VersioningConfiguration'],
  ['a bomb of entities', text(bomb), 400, 'MalformedXML', 'DOCTYPE'],
  [
    'an entity of a file',
    text('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'),
    400,
    'MalformedXML',
    'DOCTYPE',
  ],
  ['nested deeply', text('<a>'.repeat(5_000) + '</a>'.repeat(5_000)), 400, 'MalformedXML', ''],
  ['too much', text(`<a>${'x'.repeat(1_100_000)}</a>`), 400, 'EntityTooLarge', 'larger'],
  ['no rule', put(() => ({ rules: ' ' })), 400, 'MalformedXML', 'Rule'],
  ['no role', put(() => ({ role: '' })), 400, 'MalformedXML', 'Role'],
  [
    'a role that is none',
    put(() => ({ role: '<Role>admin</Role>' })),
    400,
    'InvalidArgument',
    'qcs::cam::uin',
  ],
  [
    'an unknown element',
    put(() => ({ extra: '<Frequency>1</Frequency>' })),
    400,
    'MalformedXML',
    'Rule[1]/Frequency',
  ],
  ['no status', put(() => ({ status: '' })), 400, 'MalformedXML', 'Rule[1]/Status'],
  [
    'a status that is none',
    put(() => ({ status: '<Status>On</Status>' })),
    400,
    'MalformedXML',
    'Rule[1]/Status',
  ],
  ['two statuses', put(() => ({ extra: '<Status>Enabled</Status>' })), 400, 'MalformedXML', 'Rule[1]/Status'],
  [
    'priority 0',
    put(() => ({ extra: '<Priority>0</Priority>' })),
    400,
    'InvalidArgument',
    'Rule[1]/Priority',
  ],
  [
    'a priority that is a text',
    put(() => ({ extra: '<Priority>high</Priority>' })),
    400,
    'InvalidArgument',
    'Rule[1]/Priority',
  ],
  ['an empty priority', put(() => ({ extra: '<Priority/>' })), 400, 'InvalidArgument', 'Rule[1]/Priority'],
  ['an id that is none', put(() => ({ id: '<ID>a b</ID>' })), 400, 'InvalidArgument', 'Rule[1]/ID'],
  [
    'a prefix with a slash',
    put(() => ({ prefix: '<Prefix>/a</Prefix>' })),
    400,
    'InvalidArgument',
    'Rule[1]/Prefix',
  ],
  [
    'a prefix that is too long',
    put(() => ({ prefix: `<Prefix>${long}</Prefix>` })),
    400,
    'InvalidArgument',
    'Rule[1]/Prefix',
  ],
  [
    'a prefix in two places',
    put(() => ({ extra: '<Filter><Prefix>b</Prefix></Filter>' })),
    400,
    'InvalidArgument',
    'Rule[1]/Prefix',
  ],
  [
    'tags with markers',
    put(() => ({ extra: '<Filter><And><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>' })),
    400,
    'InvalidArgument',
    'carry no tags',
  ],
  [
    'a tag without a value',
    put(() => ({ extra: '<Filter><And><Tag><Key>a</Key></Tag></And></Filter>' })),
    400,
    'MalformedXML',
    'Tag[1]/Value',
  ],
  [
    'a bucket that is no six-part name',
    put(() => ({ bucket: 'copy-1250000000' })),
    400,
    'InvalidArgument',
    'Destination/Bucket',
  ],
  [
    'a class that is none',
    put(() => ({ storageClass: '<StorageClass>COLD</StorageClass>' })),
    400,
    'InvalidArgument',
    'StorageClass',
  ],
  [
    'an encryption key',
    put(() => ({
      storageClass: '<EncryptionConfiguration><ReplicaKmsKeyID>k</ReplicaKmsKeyID></EncryptionConfiguration>',
    })),
    400,
    'InvalidArgument',
    'EncryptionConfiguration',
  ],
  [
    'encrypted objects',
    put(() => ({
      extra:
        '<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects></SourceSelectionCriteria>',
    })),
    400,
    'InvalidArgument',
    'SseKmsEncryptedObjects',
  ],
  [
    'marker sync that is none',
    put(() => ({ extra: '<DeleteMarkerReplication><Status>1</Status></DeleteMarkerReplication>' })),
    400,
    'MalformedXML',
    'DeleteMarkerReplication/Status',
  ],
  [
    'an id twice',
    two(
      { id: '<ID>a</ID>', prefix: '<Prefix>a/</Prefix>' },
      { id: '<ID>a</ID>', prefix: '<Prefix>b/</Prefix>' },
    ),
    400,
    'InvalidArgument',
    'id a exists',
  ],
  [
    'overlapping prefixes',
    two({ prefix: '<Prefix>a/</Prefix>' }, { prefix: '<Prefix>a/b</Prefix>' }),
    400,
    'InvalidArgument',
    'overlaps',
  ],
  ['the whole bucket twice', two({}, {}), 400, 'InvalidArgument', 'whole bucket'],
  [
    'one rule with a priority, one without',
    two(
      { prefix: '<Prefix>a/</Prefix>', extra: '<Priority>1</Priority>' },
      { prefix: '<Prefix>b/</Prefix>' },
    ),
    400,
    'InvalidArgument',
    'priority',
  ],
  [
    '1,001 rules',
    put(() => ({ rules: rule(at.destination).repeat(1001) })),
    400,
    'InvalidArgument',
    '1001 rules',
  ],
  [
    'the source itself',
    put(() => ({ bucket: `qcs::cos:ap-guangzhou::${at.source.bucket}` })),
    400,
    'TargetBucketNameInvalid',
    'itself',
  ],
  [
    'the same region',
    put(() => ({ bucket: `qcs::cos:ap-guangzhou::${at.near.bucket}` })),
    400,
    'InvalidArgument',
    'another region',
  ],
  [
    'another account',
    put(() => ({ bucket: 'qcs::cos:ap-shanghai::theirs-1259999999' })),
    403,
    'UserNotTargetBucketOwner',
    'another account',
  ],
  [
    'a bucket that is missing',
    put(() => ({ bucket: `qcs::cos:ap-shanghai::${at.named('none', '').bucket}` })),
    400,
    'TargetBucketNameInvalid',
    'There is no',
  ],
  [
    'a bucket with versioning suspended',
    put(() => ({ bucket: `qcs::cos:ap-shanghai::${at.paused.bucket}` })),
    400,
    'BucketVersionNotOpen',
    'Suspended',
  ],
  [
    'one zone to several',
    put(() => ({ bucket: `qcs::cos:ap-shanghai::${at.zones.bucket}` })),
    400,
    'OAZOperationNotSupportOnMAZBucket',
    'zones',
  ],
  [
    'several zones to one',
    put(() => ({ storageClass: '<StorageClass>MAZ_STANDARD</StorageClass>' })),
    400,
    'MAZOperationNotSupportOnOAZBucket',
    'MAZ_STANDARD',
  ],
  [
    'a source that is missing',
    () => ({ ...put(() => ({}))(), bucket: at.named('gone', '').bucket }),
    404,
    'NoSuchBucket',
    'There is no',
  ],
  [
    'a region of another deployment',
    () => ({ ...put(() => ({}))(), region: 'ap-beijing' }),
    404,
    'NoSuchBucket',
    'ap-guangzhou',
  ],
  [
    'a second source of the same keys',
    () => ({ body: configuration(at.destination), bucket: at.other.bucket }),
    400,
    'InvalidArgument',
    'two sources',
  ],
  [
    'a digest of another body',
    () => ({ ...put(() => ({}))(), headers: { 'content-md5': md5('x') } }),
    400,
    'BadDigest',
    'Content-MD5',
  ],
  [
    'a digest that is none',
    () => ({ ...put(() => ({}))(), headers: { 'content-md5': 'abc' } }),
    400,
    'InvalidDigest',
    'Content-MD5',
  ],
  [
    'another sub-resource',
    () => ({ ...put(() => ({}))(), query: 'versioning=' }),
    405,
    'MethodNotAllowed',
    'replication',
  ],
  ['another method', () => ({ ...put(() => ({}))(), method: 'POST' }), 405, 'MethodNotAllowed', 'POST'],
  ['a wrong secret', () => ({ ...put(() => ({}))(), secret: 'x' }), 403, 'SignatureDoesNotMatch', ''],
  [
    'a name that is no credential',
    () => ({ ...put(() => ({}))(), id: 'AKIDxyz' }),
    403,
    'InvalidAccessKeyId',
    '',
  ],
  [
    'a signature that expired',
    () => ({ ...put(() => ({}))(), startsIn: -700 }),
    403,
    'AccessDenied',
    'expired',
  ],
  [
    'a signature of tomorrow',
    () => ({ ...put(() => ({}))(), startsIn: 86_400 }),
    403,
    'RequestTimeTooSkewed',
    'clock',
  ],
  [
    'no signature',
    () => ({ ...put(() => ({}))(), headers: { authorization: '' } }),
    403,
    'SignatureDoesNotMatch',
    '',
  ],
];

test.each(nativeCases)('COS’s form: %s', async (_name, call, status, code, said) => {
  const answer = await native(at.cloud, at.source, call());
  expect({ status: answer.status, code: answer.code }).toEqual({ status, code });
  expect(answer.message).toContain(said);
  expect(await storedRules()).toEqual(stored);
});

test('there are at least a hundred of them', () => {
  expect(restCases.length + nativeCases.length).toBeGreaterThanOrEqual(100);
});

/** A failure says what it is: the API's own 4xx, or a success, never an error of the function and never silence. */
const answered = (status: number): boolean =>
  (status >= 200 && status < 300) || (status >= 400 && status < 500);

test('arbitrary JSON is answered, never with an error of the function', async () => {
  const field = fc.constantFrom(
    'id',
    'status',
    'priority',
    'prefixes',
    'tags',
    'destination',
    'description',
    'x',
  );
  const like = fc.dictionary(
    field,
    fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>('Enabled', ['a/'], [''], 1)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.jsonValue(), like),
      fc.constantFrom('rules', 'preview'),
      async (body, where) => {
        // On a bucket that does not exist, so that nothing is ever stored.
        const path = `/v1/buckets/${at.named('fuzz', '').bucket}/${where}`;
        const answer = await rest({ path, body: JSON.stringify(body) });
        expect(answered(answer.status)).toBe(true);
      },
    ),
    { numRuns: 150 },
  );
});

test('arbitrary XML is answered, never with an error of the function', async () => {
  const name = fc.constantFrom(
    'ReplicationConfiguration',
    'Rule',
    'Role',
    'Status',
    'Filter',
    'And',
    'Tag',
    'Prefix',
    'x:y',
  );
  const { tree } = fc.letrec<{ tree: string }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.constantFrom('&amp;', '&lt;', '&x;', '<![CDATA[<]]>', '<!-- -->', '<?x?>', 'Enabled'),
      fc
        .tuple(name, fc.array(tie('tree'), { maxLength: 4 }))
        .map(([one, inner]) => `<${one}>${inner.join('')}</${one}>`),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(tree, fc.boolean(), async (inner, wrapped) => {
      const body = wrapped ? configuration(at.destination, { rules: `<Rule>${inner}</Rule>` }) : inner;
      const answer = await native(at.cloud, at.source, { body, bucket: at.named('fuzz', '').bucket });
      expect([answered(answer.status), answer.text]).toEqual([true, expect.any(String)]);
    }),
    { numRuns: 150 },
  );
  expect(await storedRules()).toEqual(stored);
});
