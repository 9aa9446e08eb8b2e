import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FunctionUrlEvent, serveFunctionUrl } from '../../../../infra/local/scf/function-url';
import { syncBytesMax } from '../../../../infra/local/scf/limits';
import type { SyncAnswer } from '../../../../infra/local/scf/host';

let server: Server;
let base: string;
let events: FunctionUrlEvent[] = [];
let answer: SyncAnswer;

beforeAll(async () => {
  server = createServer((request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    void serveFunctionUrl(request, response, { path, query }, (event) => {
      events.push(event);
      return Promise.resolve(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  events = [];
  returns({ statusCode: 200, body: 'ok' });
});

function returns(result: unknown): void {
  answer = { ok: true, requestId: 'r-1', result };
}

test('a request is the event that SCF documents', async () => {
  await fetch(`${base}/v1/a%20b?x=1%202&x=3&empty=`, {
    method: 'POST',
    headers: { 'X-Custom': 'Value', 'X-Scf-Remote-Addr': 'forged', 'Content-Type': 'application/json' },
    body: '{"é":1}',
  });
  expect(events).toEqual([
    {
      httpMethod: 'POST',
      path: '/v1/a%20b',
      queryString: { x: '3', empty: '' },
      body: '{"é":1}',
      requestContext: { sourceIp: '127.0.0.1' },
      headers: expect.objectContaining({
        'x-custom': 'Value',
        'content-type': 'application/json',
        'x-scf-remote-addr': '127.0.0.1',
      }) as object,
    },
  ]);
  expect(Object.keys(events[0]?.headers ?? {}).filter((name) => /[A-Z]/.test(name))).toEqual([]);
});

test('a response object is the answer, its body in base64 if it says so', async () => {
  const headers = { 'Content-Type': 'text/plain', 'X-Number': 7, 'Content-Length': '9999' };
  returns({ statusCode: 201, headers, body: Buffer.from('höher').toString('base64'), isBase64Encoded: true });
  const response = await fetch(base);
  expect(response.status).toBe(201);
  expect(response.headers.get('content-type')).toBe('text/plain');
  expect(response.headers.get('x-number')).toBe('7');
  expect(response.headers.get('x-scf-request-id')).toBe('r-1');
  expect(await response.text()).toBe('höher');
});

test('any other value is answered as JSON', async () => {
  returns({ hello: 'world' });
  const response = await fetch(base);
  expect([response.status, await response.json()]).toEqual([200, { hello: 'world' }]);
});

test.each([
  [{ statusCode: '200' }, 'statusCode'],
  [{ statusCode: 99 }, 'statusCode'],
  [{ statusCode: 200, body: { a: 1 } }, 'body'],
  [{ statusCode: 200, headers: { a: {} } }, 'headers'],
  [{ statusCode: 200, isBase64Encoded: 'yes' }, 'isBase64Encoded'],
  [{ statusCode: 200, headers: { 'bad name': 'x' } }, 'bad name'],
  [{ statusCode: 200, body: 'x'.repeat(syncBytesMax + 1) }, 'over the limit'],
])('a malformed response %# is the error of its function, and names what is wrong', async (result, named) => {
  returns(result);
  const response = await fetch(base);
  expect(response.status).toBe(502);
  const { errorCode, errorMessage } = (await response.json()) as Record<string, unknown>;
  expect(errorCode).toBe(-1);
  expect(errorMessage).toContain(named);
});

test.each([
  ['userCode', 500, 430],
  ['timedOut', 504, 433],
  ['noInstance', 503, 432],
] as const)(
  'a function that failed (%s) is answered with %i and the code of SCF',
  async (kind, status, statusCode) => {
    answer = {
      ok: false,
      requestId: 'r-2',
      error: { kind, message: 'Error: broken\n    at secret/path.js' },
    };
    const response = await fetch(base);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      errorCode: -1,
      errorMessage: 'Error: broken',
      requestId: 'r-2',
      statusCode,
    });
  },
);

test('a body at the limit is passed on, one byte more is refused before the function sees it', async () => {
  const post = (bytes: number): Promise<Response> => fetch(base, { method: 'POST', body: 'x'.repeat(bytes) });
  expect((await post(syncBytesMax)).status).toBe(200);
  const refused = await post(syncBytesMax + 1);
  expect(refused.status).toBe(413);
  expect(await refused.json()).toEqual({
    errorCode: 'RequestTooLarge',
    errorMessage: `The request body is over the limit of ${syncBytesMax} bytes.`,
  });
  expect(events).toHaveLength(1);
});
