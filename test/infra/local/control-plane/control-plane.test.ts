import { createControlPlane } from '../../../../infra/local/control-plane/control-plane';
import { eventually, startCloud } from '../../../support/local';
import { type Answer, apiClient, type Credential, type Service } from '../support/cloud-api';

type Started = Awaited<ReturnType<typeof startCloud>>;
let started: Started;
beforeAll(async () => {
  started = await startCloud({ functionSettleMs: 50 });
});
afterAll(() => started.cloud.close());

const client = (
  service: Service,
  credential: Credential = started.cloud.account,
  signMethod?: 'TC3-HMAC-SHA256' | 'HmacSHA256' | 'HmacSHA1',
) => apiClient(started.cloud.port, service, credential, signMethod);

const call = (service: Service, action: string, params: object = {}): Promise<Answer> =>
  client(service).request(action, params) as Promise<Answer>;

async function refusal(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'not refused',
    (error: { code?: string }) => String(error.code),
  );
}

const name = (FunctionName: string) => ({ FunctionName, Namespace: 'default' });
const created = (FunctionName: string, more: object = {}) => ({
  ...name(FunctionName),
  Code: { CosBucketName: 'code', CosObjectName: '/f.zip' },
  Runtime: 'Nodejs18.15',
  Handler: 'index.main_handler',
  Environment: { Variables: [{ Key: 'STATE_BUCKET', Value: 'state-1' }] },
  ...more,
});

async function activeFunction(FunctionName: string): Promise<void> {
  await call('scf', 'CreateFunction', created(FunctionName));
  await eventually(
    () => call('scf', 'GetFunction', name(FunctionName)),
    ({ Status }) => Status === 'Active',
  );
}

describe('who calls', () => {
  test.each(['TC3-HMAC-SHA256', 'HmacSHA256', 'HmacSHA1'] as const)(
    'is proved by the signature %s',
    async (method) => {
      const { account } = started.cloud;
      const answer = (await client('cam', account, method).request('GetUserAppId', {})) as Answer;
      expect(answer).toMatchObject({ AppId: Number(account.appid), OwnerUin: account.uin });
      const forged = { ...account, secretKey: 'another' };
      expect(await refusal(client('cam', forged, method).request('GetUserAppId', {}))).toBe(
        'AuthFailure.SignatureFailure',
      );
    },
  );

  test('needs a key that is there, and for a temporary one its token', async () => {
    const unknown = { secretId: 'AKIDnobody', secretKey: 'x' };
    expect(await refusal(client('cam', unknown).request('GetUserAppId', {}))).toBe(
      'AuthFailure.SecretIdNotFound',
    );
    const PolicyDocument = JSON.stringify({ version: '2.0', statement: [{ effect: 'allow' }] });
    await call('cam', 'CreateRole', { RoleName: 'deployer', PolicyDocument });
    const RoleArn = `qcs::cam::uin/${started.cloud.account.uin}:roleName/deployer`;
    const assumed = await call('sts', 'AssumeRole', {
      RoleArn,
      RoleSessionName: 'test',
      DurationSeconds: 60,
    });
    const { TmpSecretId, TmpSecretKey, Token } = assumed.Credentials as Readonly<Record<string, string>>;
    const temporary = { secretId: String(TmpSecretId), secretKey: String(TmpSecretKey) };
    expect(
      await client('sts', { ...temporary, token: String(Token) }).request('GetCallerIdentity', {}),
    ).toMatchObject({
      AccountId: started.cloud.account.uin,
    });
    expect(await refusal(client('sts', temporary).request('GetCallerIdentity', {}))).toBe(
      'AuthFailure.TokenFailure',
    );
  });

  test.each([
    ['scf', 'PublishVersion', 'InvalidAction'],
    ['cam', 'toString', 'InvalidAction'],
  ] as const)('%s %s is refused by name', async (service, action, code) => {
    expect(await refusal(call(service, action))).toBe(code);
  });
});

describe('functions', () => {
  test('are Creating, then Active, and listed with what was asked for', async () => {
    await call('scf', 'CreateFunction', created('listed', { MemorySize: 256, Timeout: 60 }));
    expect(await refusal(call('scf', 'CreateFunction', created('listed')))).toBe('ResourceInUse.Function');
    const shown = await eventually(
      () => call('scf', 'GetFunction', name('listed')),
      ({ Status }) => Status === 'Active',
    );
    expect(shown).toMatchObject({
      Runtime: 'Nodejs18.15',
      MemorySize: 256,
      Timeout: 60,
      Environment: { Variables: [{ Key: 'STATE_BUCKET', Value: 'state-1' }] },
    });
    expect(await call('scf', 'ListFunctions')).toMatchObject({ Functions: [{ FunctionName: 'listed' }] });
    await call('scf', 'DeleteFunction', name('listed'));
    expect(await refusal(call('scf', 'GetFunction', name('listed')))).toBe('ResourceNotFound.Function');
  });

  test.each([
    [{ Runtime: 'Nodejs4' }, 'InvalidParameterValue'],
    [{ MemorySize: 100 }, 'InvalidParameterValue'],
    [{ Timeout: 901 }, 'InvalidParameterValue'],
    [{ Handler: undefined }, 'MissingParameter'],
    [{ Role: 'nobody' }, 'ResourceNotFound.Role'],
    [{ Code: {} }, 'InvalidParameterValue.Code'],
    [{ Environment: { Variables: [{ Key: 'SCF_X', Value: '' }] } }, 'InvalidParameterValue.Environment'],
  ])('a function with %j is refused', async (wrong, code) => {
    expect(await refusal(call('scf', 'CreateFunction', created('wrong', wrong)))).toBe(code);
  });

  test('the older signature carries lists and objects', async () => {
    const v1 = client('scf', started.cloud.account, 'HmacSHA256');
    await v1.request('CreateFunction', created('older'));
    expect(await v1.request('GetFunction', name('older'))).toMatchObject({
      Environment: { Variables: [{ Key: 'STATE_BUCKET', Value: 'state-1' }] },
    });
  });

  test('are not changed while they are changing', async () => {
    let nowMs = 0;
    const { functions } = createControlPlane({
      findKey: () => undefined,
      issueTemporaryKey: () => ({ secretId: '', secretKey: '', token: '', expiresAtMs: 0 }),
      now: () => nowMs,
      settleMs: 1000,
    });
    const place = { region: 'r', namespace: 'default', name: 'f' };
    const code = { cosBucketName: '', cosObjectName: '', cosBucketRegion: '', zipFile: 'eA==' };
    const rest = { runtime: '', handler: '', description: '', memoryMb: 128, timeoutSeconds: 3, role: '' };
    const settings = {
      environment: {},
      triggers: [],
      retryNum: 2,
      messageTtlSeconds: 60,
      reservedMemoryMb: undefined,
    };
    functions.create({ ...place, ...rest, ...settings, code });
    const states = [functions.statusOf(place)];
    expect(() => functions.update(place, { memoryMb: 256 })).toThrow(/f is Creating/);
    nowMs = 1000;
    functions.update(place, { memoryMb: 256 });
    states.push(functions.statusOf(place));
    expect(() => functions.set(place, { retryNum: 1 })).toThrow(/f is Updating/);
    nowMs = 2000;
    states.push(functions.statusOf(place));
    expect(states).toEqual(['Creating', 'Updating', 'Active']);
    expect(functions.get(place).memoryMb).toBe(256);
  });
});

describe('triggers', () => {
  const cosTrigger = (FunctionName: string, bucket: string, Prefix = '') => ({
    ...name(FunctionName),
    Type: 'cos',
    TriggerName: `${bucket}.cos.ap-guangzhou.myqcloud.com`,
    TriggerDesc: JSON.stringify({ event: 'cos:ObjectCreated:*', filter: { Prefix, Suffix: '' } }),
  });

  beforeAll(async () => {
    await activeFunction('one');
    await activeFunction('two');
  });

  test('of one bucket share a name, are told apart by what they describe, and may not overlap', async () => {
    await call('scf', 'CreateTrigger', cosTrigger('one', 'b-1', 'a/'));
    await call('scf', 'CreateTrigger', cosTrigger('one', 'b-1', 'b/'));
    const conflict = call('scf', 'CreateTrigger', cosTrigger('two', 'b-1', 'a/deep/'));
    await expect(conflict).rejects.toMatchObject({
      code: 'FailedOperation.CreateTrigger',
      message: expect.stringMatching(/NotifyRulePrefixConflict: one is bound/) as string,
    });
    await call('scf', 'DeleteTrigger', cosTrigger('one', 'b-1', 'a/'));
    await call('scf', 'CreateTrigger', cosTrigger('two', 'b-1', 'a/deep/'));
    expect(await call('scf', 'ListTriggers', name('one'))).toMatchObject({ TotalCount: 1 });
    expect(await refusal(call('scf', 'DeleteTrigger', cosTrigger('one', 'b-1', 'a/')))).toBe(
      'ResourceNotFound.Trigger',
    );
    const { cosTriggers } = started.cloud.controlPlane.functions;
    await call('scf', 'DeleteFunction', name('two'));
    expect(cosTriggers.list().map(({ functionName, prefix }) => [functionName, prefix])).toEqual([
      ['one', 'b/'],
    ]);
  });

  test('a cos trigger is neither updated nor bound to another region', async () => {
    expect(await refusal(call('scf', 'UpdateTrigger', cosTrigger('one', 'b-1', 'b/')))).toBe(
      'UnsupportedOperation',
    );
    const elsewhere = { ...cosTrigger('one', 'b-2'), TriggerName: 'b-2.cos.ap-shanghai.myqcloud.com' };
    expect(await refusal(call('scf', 'CreateTrigger', elsewhere))).toBe('InvalidParameterValue.Region');
  });

  test('the server names a Function URL, of which there is one', async () => {
    const TriggerDesc = '{"AuthType":"NONE","NetConfig":{"EnableIntranet":false,"EnableExtranet":true}}';
    const url = { ...name('one'), Type: 'http', TriggerDesc, TriggerName: 'mine' };
    const { TriggerInfo } = await call('scf', 'CreateTrigger', url);
    const { TriggerDesc: desc } = TriggerInfo as { TriggerDesc: string };
    expect(JSON.parse(desc)).toMatchObject({
      NetConfig: {
        ExtranetUrl: expect.stringMatching(
          /^https:\/\/\d+-[0-9a-f]{10}\.ap-guangzhou\.tencentscf\.com$/,
        ) as string,
      },
    });
    expect(await refusal(call('scf', 'CreateTrigger', url))).toBe('ResourceInUse.Trigger');
  });

  test('a timer has seven fields', async () => {
    const timer = { ...name('one'), Type: 'timer', TriggerName: 't' };
    expect(await refusal(call('scf', 'CreateTrigger', { ...timer, TriggerDesc: '* * * * *' }))).toBe(
      'InvalidParameterValue.TriggerCronConfig',
    );
    await call('scf', 'CreateTrigger', { ...timer, TriggerDesc: '0 */5 * * * * *', CustomArgument: 'x' });
    await call('scf', 'UpdateTriggerStatus', { ...timer, Enable: 'CLOSE' });
    const { Triggers } = await call('scf', 'ListTriggers', name('one'));
    expect(Triggers).toContainEqual(
      expect.objectContaining({ Type: 'timer', Enable: 0, CustomArgument: 'x' }),
    );
  });

  test('retries, message age and reserved memory are kept', async () => {
    const AsyncTriggerConfig = { RetryConfig: [{ RetryNum: 1 }], MsgTTL: 3600 };
    await call('scf', 'UpdateFunctionEventInvokeConfig', { ...name('one'), AsyncTriggerConfig });
    expect(await call('scf', 'GetFunctionEventInvokeConfig', name('one'))).toMatchObject({
      AsyncTriggerConfig,
    });
    const tooLong = { RetryConfig: [{ RetryNum: 3 }], MsgTTL: 21_601 };
    const wrong = { ...name('one'), AsyncTriggerConfig: tooLong };
    expect(await refusal(call('scf', 'UpdateFunctionEventInvokeConfig', wrong))).toBe(
      'InvalidParameterValue',
    );
    await call('scf', 'PutReservedConcurrencyConfig', { ...name('one'), ReservedConcurrencyMem: 1280 });
  });
});

test('a role gets a policy, whose document is replaced', async () => {
  const PolicyDocument = JSON.stringify({
    version: '2.0',
    statement: [{ effect: 'allow', action: ['name/cos:*'] }],
  });
  await call('cam', 'CreateRole', { RoleName: 'replicator', PolicyDocument });
  expect(await refusal(call('cam', 'CreateRole', { RoleName: 'replicator', PolicyDocument }))).toBe(
    'InvalidParameter.RoleNameInUse',
  );
  expect(await refusal(call('cam', 'CreatePolicy', { PolicyName: 'p', PolicyDocument: 'no document' }))).toBe(
    'FailedOperation.PolicyDocument',
  );
  const { PolicyId } = await call('cam', 'CreatePolicy', { PolicyName: 'p', PolicyDocument });
  await call('cam', 'AttachRolePolicy', { AttachRoleName: 'replicator', PolicyId });
  expect(
    await call('cam', 'ListAttachedRolePolicies', { RoleName: 'replicator', Page: 1, Rp: 10 }),
  ).toMatchObject({
    List: [{ PolicyId, PolicyName: 'p' }],
  });
  const narrower = PolicyDocument.replace('cos:*', 'cos:HeadObject');
  await call('cam', 'UpdatePolicy', { PolicyId, PolicyDocument: narrower });
  expect(await call('cam', 'GetPolicy', { PolicyId })).toMatchObject({ PolicyDocument: narrower });
  expect(await refusal(call('cam', 'AttachRolePolicy', { AttachRoleName: 'none', PolicyId }))).toBe(
    'InvalidParameter.RoleNotExist',
  );
});

test('tags are found by their resource', async () => {
  const Resource = 'qcs::scf:ap-guangzhou:uin/1:lam/1-one';
  await call('tag', 'ModifyResourceTags', { Resource, ReplaceTags: [{ TagKey: 'stage', TagValue: 'dev' }] });
  const asked = {
    ServiceType: 'scf',
    ResourcePrefix: 'lam',
    ResourceRegion: 'ap-guangzhou',
    ResourceIds: ['1-one'],
  };
  expect(await call('tag', 'DescribeResourceTagsByResourceIds', asked)).toMatchObject({
    Tags: [{ TagKey: 'stage', TagValue: 'dev', ResourceId: '1-one' }],
  });
});

test('every call is in the account, with its error', async () => {
  const { controlPlane } = started.cloud;
  controlPlane.resetCalls();
  await call('cam', 'GetUserAppId');
  await refusal(call('scf', 'GetFunction', name('nobody')));
  expect(controlPlane.calls().map(({ service, action, errorCode }) => [service, action, errorCode])).toEqual([
    ['cam', 'GetUserAppId', ''],
    ['scf', 'GetFunction', 'ResourceNotFound.Function'],
  ]);
});
