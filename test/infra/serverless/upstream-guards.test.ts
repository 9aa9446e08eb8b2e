import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type Hooks,
  silenceUpstream,
  takeHooksAway,
  upstreamDefects,
  upstreamVersion,
} from '../../../infra/serverless/upstream-guards';

const root = path.join(__dirname, '..', '..', '..');
const upstream = createRequire(require.resolve('serverless-tencent-scf/package.json'));

/** What upstream, as it is installed, hooks into the framework: by class, as osls takes them in. */
function upstreamHooks(): Hooks {
  const hooks: Hooks = {};
  let provider: unknown;
  const serverless = {
    service: { service: 's', provider: {} },
    setProvider: (_name: string, given: unknown) => (provider = given),
    getProvider: () => provider,
    pluginManager: {
      cliCommands: ['deploy'],
      addPlugin: (
        Plugin: new (serverless: unknown, options: unknown) => { hooks?: Record<string, unknown> },
      ) => {
        for (const [event, hook] of Object.entries(new Plugin(serverless, {}).hooks ?? {}))
          (hooks[event] ??= []).push({ pluginName: Plugin.name, hook });
      },
    },
  };
  const Index = upstream('./index.js') as new (serverless: unknown, options: unknown) => unknown;
  new Index(serverless, {});
  return hooks;
}

test.each(upstreamDefects)('a test proves the guard against: $defect', ({ provedBy: [file, name] }) => {
  const text = readFileSync(path.join(root, 'test', file), 'utf8');
  expect(text).toContain(`test('${name}'`);
});

test('what has known advisories in its tree is another package, or newer', () => {
  const found = ['request', 'cos-nodejs-sdk-v5', 'mocha', 'universal-analytics'].map((name) => {
    const installed = upstream(`${name}/package.json`) as { name: string; version: string };
    return `${installed.name} ${installed.version.split('.')[0]}`;
  });
  expect(found).toEqual(['cos-request 1', 'cos-nodejs-sdk-v5 3', 'mocha 11', 'universal-analytics 0']);
});

test('upstream loads without opening a connection', () => {
  silenceUpstream(root);
  const connect = jest.spyOn(net.Socket.prototype, 'connect');
  upstreamHooks();
  expect(connect).not.toHaveBeenCalled();
  connect.mockRestore();
});

test('its real-name check and its login are refused instead of asked', () => {
  silenceUpstream(root);
  const { Account } = upstream('serverless-tencent-tools') as {
    Account: { GetUserAuthInfo: new () => { isAuth: () => unknown } };
  };
  const Login = upstream('tencent-login') as new () => { login: () => unknown; flush: () => unknown };
  const refused = expect.objectContaining({ code: 'CREDENTIALS_MISSING' }) as Error;
  expect(() => new Account.GetUserAuthInfo().isAuth()).toThrow(refused);
  expect(() => new Login().login()).toThrow(refused);
  expect(() => new Login().flush()).toThrow(refused);
});

test('nothing of upstream runs in any command, and those that were only its own fail', () => {
  silenceUpstream(root);
  const hooks = upstreamHooks();
  const own = () => 'ours';
  (hooks['deploy:deploy'] ??= []).push({ pluginName: 'CosReplication', hook: own });
  expect(Object.keys(hooks)).toEqual(
    expect.arrayContaining(['deploy:deploy', 'remove:remove', 'info:info', 'logs:logs']),
  );
  const commands = Object.keys(hooks).filter((event) => !event.startsWith('before:'));
  takeHooksAway(hooks, (error) => error);
  const left = Object.values(hooks).flat();
  expect(left.filter(({ pluginName }) => pluginName !== 'CosReplication')).toEqual([]);
  expect(hooks['deploy:deploy']).toEqual([{ pluginName: 'CosReplication', hook: own }]);
  const ours = new Set(['deploy:deploy', 'remove:remove', 'info:info']);
  // The rest ends a command without doing anything; this must not look like success.
  for (const event of commands.filter((each) => each.endsWith(':deploy') || !ours.has(each))) {
    if (ours.has(event) || /initialize|packageFunction/.test(event)) continue;
    const hook = hooks[event]?.[0]?.hook as (() => unknown) | undefined;
    expect(() => hook?.()).toThrow('not part of this deployment');
  }
});

test('another version of upstream is refused', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'upstream-'));
  const place = path.join(folder, 'node_modules', 'serverless-tencent-scf');
  mkdirSync(place, { recursive: true });
  writeFileSync(path.join(place, 'package.json'), JSON.stringify({ version: '0.1.37' }));
  try {
    expect(() => silenceUpstream(folder)).toThrow(upstreamVersion);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
