import { buildBootstrap, buildFunction, removeFolder, temporaryFolder } from '../support/bundles';
import { scfFunction, until, watchHost, type WatchedHost } from '../support/scf';

// One function that does what its event says.
const source = `
  let calls = 0;
  exports.main_handler = async (event, context) => {
    calls += 1;
    console.log('call ' + calls);
    if (event.do === 'throw') throw new Error('thrown ' + event.n);
    if (event.do === 'returnError') return { error: 'only returned' };
    if (event.do === 'exit') process.exit(3);
    if (event.do === 'hang') await new Promise(() => setInterval(() => {}, 1000));
    if (event.do === 'spin') for (;;);
    if (event.do === 'reject') { Promise.reject(new Error('nobody listens')); await new Promise(() => {}); }
    if (event.do === 'oom') { const hoard = []; for (;;) hoard.push(new Array(1e6).fill(calls)); }
    if (event.do === 'buffers') { const hoard = []; for (;;) { hoard.push(Buffer.alloc(4e6, 1)); await new Promise(setImmediate); } }
    if (event.do === 'circular') { const loop = {}; loop.loop = loop; return loop; }
    if (event.do === 'wait') await new Promise((resolve) => setTimeout(resolve, 50));
    return { pid: process.pid, calls, event, context, remaining: context.getRemainingTimeInMillis() };
  };
`;

let folder: string;
let bootstrap: string;
let bundle: string;
let host: WatchedHost;

beforeAll(() => {
  folder = temporaryFolder();
  bootstrap = buildBootstrap(folder);
  bundle = buildFunction(folder, 'worker', source);
});
afterAll(() => removeFolder(folder));
afterEach(() => host.close());

interface Returned {
  readonly pid: number;
  readonly calls: number;
  readonly event: unknown;
  readonly context: Record<string, unknown>;
  readonly remaining: number;
}

async function returned(event: object): Promise<Returned> {
  const answer = await host.invoke('worker', event);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.result as Returned;
}

async function failure(event: object): Promise<string> {
  const answer = await host.invoke('worker', event);
  if (answer.ok) throw new Error('it did not fail');
  return `${answer.error.kind}: ${answer.error.message.split('\n')[0]}`;
}

test('a warm instance is used again', async () => {
  host = watchHost([scfFunction(bundle)], { bootstrap });
  const first = await returned({});
  const second = await returned({});
  expect(second.pid).toBe(first.pid);
  expect(second.calls).toBe(2);
});

test('as many events run at once as there may be instances, and no more', async () => {
  host = watchHost([scfFunction(bundle, { maxInstances: 2 })], { bootstrap });
  const answers = await Promise.all(Array.from({ length: 8 }, () => returned({ do: 'wait' })));
  expect(new Set(answers.map(({ pid }) => pid)).size).toBe(2);
  expect(host.load('worker').instances).toBe(2);
});

test('an instance without work is stopped, and the next event starts another', async () => {
  host = watchHost([scfFunction(bundle)], { bootstrap, idleMs: 1 });
  const first = await returned({});
  await until(() => host.load('worker').instances === 0);
  const second = await returned({});
  expect(second.calls).toBe(1);
  expect(second.pid).not.toBe(first.pid);
});

test('the context is what SCF documents', async () => {
  const environment = { STATE_BUCKET: 'state-1' };
  host = watchHost([scfFunction(bundle, { environment, timeoutSeconds: 7 })], { bootstrap });
  const { context, remaining } = await returned({});
  const { request_id: requestId, ...rest } = context;
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(rest).toEqual({
    memory_limit_in_mb: 128,
    time_limit_in_ms: 7000,
    environment: '{"SCF_NAMESPACE":"default","STATE_BUCKET":"state-1"}',
    environ: 'SCF_NAMESPACE=default;STATE_BUCKET=state-1',
    function_version: '$LATEST',
    function_name: 'worker',
    namespace: 'default',
    tencentcloud_region: 'ap-guangzhou',
    tencentcloud_appid: '1250000001',
    tencentcloud_uin: '100000000001',
    callbackWaitsForEmptyEventLoop: true,
  });
  expect(remaining).toBeGreaterThan(0);
  expect(remaining).toBeLessThanOrEqual(7000);
});

test.each([
  ['throw', /^userCode: Error: thrown 1$/],
  ['exit', /^processExit: .*exit code 3/],
  ['reject', /^processExit: .*exit code 1/],
  ['circular', /^userCode: TypeError: Converting circular/],
])('%s fails its own event only', async (what, expected) => {
  host = watchHost([scfFunction(bundle)], { bootstrap });
  expect(await failure({ do: what, n: 1 })).toMatch(expected);
  expect((await returned({ n: 2 })).event).toEqual({ n: 2 });
});

// Of buffers V8 does not know; the system tells of them on Linux.
test.each(process.platform === 'linux' ? ['oom', 'buffers'] : ['oom'])(
  'over its memory a function is stopped and named so: %s',
  async (what) => {
    host = watchHost([scfFunction(bundle, { memoryMb: 64 })], { bootstrap });
    expect(await failure({ do: what })).toBe('outOfMemory: The function needed more than its 64 MB.');
    expect((await returned({})).calls).toBe(1);
  },
);

test.each(['hang', 'spin'])('a function that does not answer in time is killed: %s', async (what) => {
  host = watchHost([scfFunction(bundle, { timeoutSeconds: 0.3 })], { bootstrap });
  expect(await failure({ do: what })).toBe('timedOut: The function did not answer within 0.3 seconds.');
  expect((await returned({})).calls).toBe(1);
});

test('a crash of one instance leaves the events of the others alone', async () => {
  host = watchHost([scfFunction(bundle, { maxInstances: 2 })], { bootstrap });
  await Promise.all([returned({ do: 'wait' }), returned({ do: 'wait' })]);
  const [slow, crash] = await Promise.all([returned({ do: 'wait' }), failure({ do: 'exit' })]);
  expect(slow.event).toEqual({ do: 'wait' });
  expect(crash).toMatch(/processExit/);
});

test('an event that throws is tried two more times under the same request id, then dropped', async () => {
  host = watchHost([scfFunction(bundle)], { bootstrap });
  expect(await host.settled('worker', { do: 'throw', n: 1 })).toBe('failed');
  const { reports } = host;
  expect(reports.map(({ retryNumber, willRetry }) => [retryNumber, willRetry])).toEqual([
    [0, true],
    [1, true],
    [2, false],
  ]);
  expect(new Set(reports.map(({ requestId }) => requestId)).size).toBe(1);
});

test.each(['exit', 'hang'])('an event is tried again after: %s', async (what) => {
  host = watchHost([scfFunction(bundle, { timeoutSeconds: 0.3 })], { bootstrap });
  expect(await host.settled('worker', { do: what })).toBe('failed');
  expect(host.reports).toHaveLength(3);
});

test('an error that is only returned is not tried again', async () => {
  host = watchHost([scfFunction(bundle)], { bootstrap });
  expect(await host.settled('worker', { do: 'returnError' })).toBe('succeeded');
  expect(host.reports).toHaveLength(1);
});

test('an event that waits to be tried again holds up no newer one', async () => {
  host = watchHost(
    [scfFunction(bundle, { retry: { attempts: 1, delayMs: 3_600_000, ageMaxMs: 7_200_000 } })],
    { bootstrap },
  );
  let older: string | undefined;
  host.enqueue('worker', { do: 'throw', n: 1 }, (how) => (older = how));
  expect(await host.settled('worker', {})).toBe('succeeded');
  expect(older).toBeUndefined();
  expect(host.load('worker').unsettled).toBe(1);
});

test('each line of a function is logged with the request that wrote it', async () => {
  host = watchHost([scfFunction(bundle)], { bootstrap });
  const first = await host.invoke('worker', {});
  const second = await host.invoke('worker', {});
  expect(host.logs).toEqual([
    { functionName: 'worker', requestId: first.requestId, line: 'call 1' },
    { functionName: 'worker', requestId: second.requestId, line: 'call 2' },
  ]);
});

test('the platform logs each run by itself, with the value that the function returned', async () => {
  host = watchHost([scfFunction(bundle)], { bootstrap });
  const { requestId } = await host.invoke('worker', { do: 'returnError' });
  await host.settled('worker', { do: 'throw', n: 7 });
  const lines = host.platformLogs.map(({ line }) => line);
  expect(lines[0]).toBe(`START RequestId: ${requestId} RetryNum: 0 Coldstart`);
  expect(lines[1]).toBe(`Response RequestId: ${requestId} RetMsg: {"error":"only returned"}`);
  expect(lines[3]).toMatch(
    /^Report RequestId: [0-9a-f-]{36} Duration:\d+ms Memory:128MB MemUsage:\d+\.\d{3}MB$/,
  );
  const retried = lines.filter((line) => line.startsWith('START')).slice(1);
  expect(retried.map((line) => line.slice(line.indexOf('RetryNum')))).toEqual([
    'RetryNum: 0',
    'RetryNum: 1',
    'RetryNum: 2',
  ]);
  expect(
    lines.filter((line) => /^ERROR .* StatusCode: 430 ErrorMessage: Error: thrown 7/.test(line)),
  ).toHaveLength(3);
});

test('an event over 128 KB never reaches the function, a call over 6 MB neither', async () => {
  host = watchHost([scfFunction(bundle)], { bootstrap });
  const fits = 'x'.repeat(128 * 1024 - '{"n":""}'.length);
  expect(await host.settled('worker', { n: fits })).toBe('succeeded');
  expect(await host.settled('worker', { n: `${fits}x` })).toBe('failed');
  expect(host.reports).toHaveLength(1);
  expect(host.platformLogs.at(-1)?.line).toMatch(/^DROPPED .* over 131072 bytes/);
  expect(await failure({ n: 'x'.repeat(6 * 1024 * 1024) })).toMatch(/^requestTooLarge: .* 6291456 bytes/);
});

test('an event that is too old is dropped, whether it waits for an instance or for its next try', async () => {
  const old = { attempts: 2, delayMs: 60, ageMaxMs: 40 };
  host = watchHost([scfFunction(bundle, { retry: old })], { bootstrap });
  expect(await host.settled('worker', { do: 'throw', n: 1 })).toBe('expired');
  const tries = host.reports.length;
  expect(tries).toBeLessThan(2);
  const settled = await Promise.all([1, 2, 3, 4].map(() => host.settled('worker', { do: 'wait' })));
  expect(settled).toContain('expired');
  expect(host.platformLogs.some(({ line }) => line.startsWith('DROPPED'))).toBe(true);
});

test('all functions share the memory of the account: events wait for it, callers are refused', async () => {
  const retry = { attempts: 0, delayMs: 1, ageMaxMs: 60_000 };
  const busy = scfFunction(bundle, { name: 'one', timeoutSeconds: 1, retry });
  host = watchHost([busy, scfFunction(bundle, { name: 'two' })], { bootstrap, accountMemoryMb: 128 });
  host.enqueue('one', { do: 'hang' });
  await until(() => host.logs.length === 1);
  expect(await host.invoke('two', {})).toMatchObject({ ok: false, error: { kind: 'noInstance' } });
  expect(await host.settled('two', {})).toBe('succeeded');
  expect(await host.invoke('two', {})).toMatchObject({ ok: true });
});

test('a bundle that cannot be loaded fails each event with the reason', async () => {
  const broken = buildFunction(folder, 'broken', `throw new Error('no master secret');`);
  host = watchHost([scfFunction(broken)], { bootstrap });
  const answers = await Promise.all([host.invoke('broken', {}), host.invoke('broken', {})]);
  for (const answer of answers) {
    expect(answer).toMatchObject({ ok: false, error: { kind: 'initFailed' } });
    expect(JSON.stringify(answer)).toContain('no master secret');
  }
});

test('a handler of the older form answers by its callback', async () => {
  const old = buildFunction(
    folder,
    'older',
    `exports.main_handler = (event, context, callback) => { setTimeout(() => callback(null, event.n + 1), 1); };`,
  );
  host = watchHost([scfFunction(old)], { bootstrap });
  expect(await host.invoke('older', { n: 1 })).toMatchObject({ ok: true, result: 2 });
});

test('closing leaves no process behind', async () => {
  host = watchHost([scfFunction(bundle, { maxInstances: 2 })], { bootstrap });
  const [one, two] = await Promise.all([returned({ do: 'wait' }), returned({ do: 'wait' })]);
  host.enqueue('worker', { do: 'hang' });
  await host.close();
  for (const { pid } of [one, two]) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});

test('a function that SCF would refuse is refused with every reason', () => {
  host = watchHost([], { bootstrap });
  const wrong = scfFunction(bundle, { handler: 'index.main_handler', timeoutSeconds: 901, maxInstances: 0 });
  expect(() => watchHost([wrong], { bootstrap })).toThrow(/"index.main_handler".*900 seconds.*no instance/);
  const retry = { attempts: 3, delayMs: 1, ageMaxMs: 21_600_001 };
  const environment = { SCF_OWN: 'x', LONG: 'x'.repeat(4096) };
  expect(() => watchHost([scfFunction(bundle, { retry, environment })], { bootstrap })).toThrow(
    /tried 3 more times.*kept for so long.*take 4108 of 4096 bytes.*SCF_OWN has a prefix/,
  );
});
