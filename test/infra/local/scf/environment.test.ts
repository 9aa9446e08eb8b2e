import path from 'node:path';
import { buildBootstrap, buildFunction, removeFolder, temporaryFolder } from '../support/bundles';
import { scfFunction, watchHost, type WatchedHost } from '../support/scf';

let folder: string;
let bootstrap: string;
let bundle: string;
let host: WatchedHost;

beforeAll(() => {
  folder = temporaryFolder();
  bootstrap = buildBootstrap(folder);
  const source = `exports.main_handler = async () => ({
    env: process.env, execArgv: process.execArgv, argv: process.argv.slice(2), cwd: process.cwd(),
    hour: new Date(0).getHours(),
  });`;
  bundle = buildFunction(folder, 'mirror', source);
});
afterEach(() => host.close());
afterAll(() => removeFolder(folder));

interface Mirror {
  readonly env: Record<string, string>;
  readonly execArgv: readonly string[];
  readonly argv: readonly string[];
  readonly hour: number;
}

async function mirror(): Promise<Mirror> {
  const answer = await host.invoke('mirror', {});
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.result as Mirror;
}

test('the environment is exactly what SCF documents and the user gave, in UTC', async () => {
  process.env.TZ = 'Asia/Shanghai';
  process.env.npm_config_secret = 'of the host';
  host = watchHost([scfFunction(bundle, { environment: { STATE_BUCKET: 'state-1' } })], { bootstrap });
  const { env, execArgv, argv, hour } = await mirror();
  delete process.env.TZ;
  delete process.env.npm_config_secret;
  expect(env).toEqual({
    STATE_BUCKET: 'state-1',
    TENCENTCLOUD_RUNENV: 'SCF',
    TENCENTCLOUD_REGION: 'ap-guangzhou',
    TENCENTCLOUD_APPID: '1250000001',
    TENCENTCLOUD_UIN: '100000000001',
    TENCENTCLOUD_TZ: 'UTC',
    TENCENTCLOUD_SECRETID: 'id',
    TENCENTCLOUD_SECRETKEY: 'key',
    TENCENTCLOUD_SESSIONTOKEN: 'token',
    SCF_FUNCTIONNAME: 'mirror',
    SCF_FUNCTIONVERSION: '$LATEST',
    SCF_NAMESPACE: 'default',
    SCF_RUNTIME: 'Nodejs20.19',
    SCF_ASYNC_RUN_ENABLE: '0',
    USER_CODE_ROOT: path.dirname(bundle),
    TZ: 'UTC',
  });
  expect(hour).toBe(0);
  expect(execArgv).toEqual(['--max-old-space-size=128']);
  expect(argv).toEqual([]);
});

test('a warm instance gets a new role key shortly before the old one expires, and only then', async () => {
  let issued = 0;
  const roleKey = (lifeMs: number) => () => {
    issued += 1;
    return { secretId: `id${issued}`, secretKey: 'k', token: 't', expiresAtMs: Date.now() + lifeMs };
  };
  const idsWith = async (lifeMs: number): Promise<(string | undefined)[]> => {
    issued = 0;
    host = watchHost([scfFunction(bundle, { roleKey: roleKey(lifeMs) })], { bootstrap });
    const ids = [(await mirror()).env.TENCENTCLOUD_SECRETID, (await mirror()).env.TENCENTCLOUD_SECRETID];
    await host.close();
    return ids;
  };
  expect(await idsWith(3_600_000)).toEqual(['id1', 'id1']);
  expect(await idsWith(30_000)).toEqual(['id2', 'id3']);
});
