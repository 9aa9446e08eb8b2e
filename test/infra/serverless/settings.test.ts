import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { deploymentOf, type FunctionSettings, readReplication } from '../../../infra/serverless/settings';
import { rolePolicy } from '../../../infra/tencent/role-policy';

const valid = {
  region: 'ap-guangzhou',
  stateBucket: { bucket: 'state-1250000000', region: 'ap-guangzhou' },
  sources: [
    {
      bucket: 'one-1250000000',
      destinations: [{ bucket: 'one-copy-1250000000', region: 'ap-shanghai' }],
    },
  ],
};
const source = valid.sources[0];
const from = (bucket: string) => ({ ...source, bucket });

test('what is not said has its default', () => {
  expect(readReplication(valid, 'prod')).toMatchObject({
    runtime: 'Nodejs18.15',
    enableVersioning: false,
    site: 'china',
    sources: [{ prefix: '' }],
  });
});

test.each([
  ['no stage', undefined, 'Copy replication.example.yml'],
  ['a typo', { ...valid, souces: [] }, 'souces'],
  ['no region', { ...valid, region: 'guangzhou' }, 'region is no region'],
  ['no APPID', { ...valid, sources: [from('one')] }, 'sources.0.bucket is no bucket name with its APPID'],
  ['a destination at home', { ...valid, region: 'ap-shanghai' }, 'replication is between regions'],
  ['a bucket twice', { ...valid, sources: [source, source] }, 'twice'],
  ['the state bucket as a source', { ...valid, sources: [from('state-1250000000')] }, 'is the state bucket'],
  ['a setting of the platform', { ...valid, environment: { STATE_BUCKET: 'x' } }, 'environment.STATE_BUCKET'],
  [
    'six sources',
    { ...valid, sources: [1, 2, 3, 4, 5, 6].map((each) => from(`b${each}-1250000000`)) },
    'more than 5 source buckets: SCF takes 10 COS triggers',
  ],
])('%s is refused with its place', (_, given, message) => {
  expect(() => readReplication(given, 'prod')).toThrow(message);
});

test('all problems are said at once', () => {
  const given = { ...valid, region: 'x', runtime: 'x' };
  expect(() => readReplication(given, 'prod')).toThrow(/region .*runtime /);
});

const functionSettings = (events: FunctionSettings['events']): FunctionSettings => ({
  handler: 'a.main_handler',
  memorySize: 128,
  timeout: 10,
  retries: 2,
  messageAgeSeconds: 60,
  events,
});

test('only the function with a URL is told the master secret', () => {
  const { functions } = deploymentOf({
    stack: 's-prod',
    replication: readReplication(valid, 'prod'),
    functions: {
      replicate: functionSettings([{ cosSources: true }]),
      rules: functionSettings([{ functionUrl: true }]),
    },
    zipOf: () => Buffer.alloc(0),
    masterSecret: 'secret',
  });
  const [replicate, rules] = functions;
  expect(replicate?.environment).toEqual({ STATE_BUCKET: 'state-1250000000', STATE_REGION: 'ap-guangzhou' });
  expect(rules?.environment).toMatchObject({ API_MASTER_SECRET: 'secret' });
  expect(replicate?.triggers).toHaveLength(2);
  expect(rules?.triggers).toEqual([{ type: 'http' }]);
});

test('the role reads sources, writes destinations, and may delete no version', () => {
  const policy = JSON.parse(rolePolicy(readReplication(valid, 'prod'), '1250000000')) as {
    statement: { effect: string; action: string[]; resource: string[]; condition?: object }[];
  };
  const allowed = (resource: string): readonly string[] =>
    policy.statement
      .filter(
        (each) => each.effect === 'allow' && each.resource.some((name) => name.includes(`:${resource}/`)),
      )
      .flatMap(({ action }) => action);
  expect(allowed('one-1250000000').filter((action) => /Put|Delete|Post|Initiate/.test(action))).toEqual([]);
  expect(allowed('one-copy-1250000000')).toContain('name/cos:PutObject');
  expect(policy.statement).toContainEqual({
    effect: 'deny',
    action: ['name/cos:DeleteObject'],
    resource: ['qcs::cos:ap-shanghai:uid/1250000000:one-copy-1250000000/*'],
    condition: { string_like: { 'cos:versionid': '?*' } },
  });
});

test('whatever the functions ask of COS, their role is allowed somewhere', () => {
  const folder = path.join(__dirname, '..', '..', '..', 'lib', 'adapters', 'cos');
  const sources = readdirSync(folder).map((file) => readFileSync(path.join(folder, file), 'utf8'));
  const asked = sources.flatMap((text) => [...text.matchAll(/client\.call\('(\w+)'/g)].map(([, api]) => api));
  expect(asked.length).toBeGreaterThan(10);
  const policy = rolePolicy(readReplication(valid, 'prod'), '1250000000');
  expect(asked.filter((api) => !policy.includes(`"name/cos:${api}"`))).toEqual([]);
});
