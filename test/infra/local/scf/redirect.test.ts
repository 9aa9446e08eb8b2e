import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildBootstrap, buildFunction, removeFolder, temporaryFolder } from '../support/bundles';
import { scfFunction, watchHost, type WatchedHost } from '../support/scf';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly clientPort: number;
}

// What is written here is what a user could deploy: nothing in it knows of a local cloud.
const sources = {
  sdk: `
    import COS from 'cos-nodejs-sdk-v5';
    export async function main_handler(event) {
      const cos = new COS({
        SecretId: process.env.TENCENTCLOUD_SECRETID,
        SecretKey: process.env.TENCENTCLOUD_SECRETKEY,
        SecurityToken: process.env.TENCENTCLOUD_SESSIONTOKEN,
      });
      const place = { Bucket: 'photos-1250000001', Region: 'ap-shanghai' };
      const put = await cos.putObject({ ...place, Key: 'a b.txt', Body: Buffer.from(event.text) });
      const got = await cos.getObject({ ...place, Key: 'a b.txt' });
      return { status: put.statusCode, body: got.Body.toString() };
    }`,
  https: `
    import https from 'node:https';
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const get = (url) => new Promise((resolve, reject) => {
      https.get(url, { agent }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
      }).on('error', reject);
    });
    export async function main_handler(event) {
      const answers = [];
      for (const url of event.urls) answers.push(await get(url));
      return answers;
    }`,
  outside: `
    import dns from 'node:dns';
    import http from 'node:http';
    import https from 'node:https';
    import net from 'node:net';
    const settle = (start) => new Promise((resolve) => {
      start((error) => resolve(String(error && error.message)));
    });
    export async function main_handler(event) {
      const { how, host, port } = event;
      if (how === 'https') return settle((done) => https.get({ host, port }, () => done('reached')).on('error', done));
      if (how === 'http') return settle((done) => http.get({ host, port }, () => done('reached')).on('error', done));
      if (how === 'net') return settle((done) => net.connect(port, host, () => done('reached')).on('error', done));
      if (how === 'socket') return settle((done) => net.connect(host, () => done('reached')).on('error', done));
      if (how === 'fetch') return fetch('https://' + host + '/').then(() => 'reached', (error) => String(error.cause.message));
      if (how === 'lookup') return settle((done) => dns.lookup(host, done));
      if (how === 'resolve') return dns.promises.resolve4(host).then(String, (error) => error.message);
    }`,
  fetching: `
    export async function main_handler(event) {
      const answer = await fetch(event.url, { method: 'PUT', body: 'x' });
      return { status: answer.status, text: await answer.text() };
    }`,
};

let folder: string;
let bootstrap: string;
let server: Server;
let seen: Seen[] = [];
let host: WatchedHost;
const stored = new Map<string, string>();

beforeAll(async () => {
  folder = temporaryFolder();
  bootstrap = buildBootstrap(folder);
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', url = '', headers, socket } = request;
      seen.push({ method, url, headers, body, clientPort: socket.remotePort ?? 0 });
      if (method === 'PUT') stored.set(url, body);
      response.setHeader('x-cos-request-id', 'id').end(method === 'GET' ? (stored.get(url) ?? '') : '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const functions = Object.entries(sources).map(([name, source]) =>
    scfFunction(buildFunction(folder, name, source), { memoryMb: 256 }),
  );
  host = watchHost(functions, { bootstrap, cloudPort: (server.address() as AddressInfo).port });
});
beforeEach(() => (seen = []));
afterAll(async () => {
  await host.close();
  await new Promise((resolve) => server.close(resolve));
  removeFolder(folder);
});

async function result(name: keyof typeof sources, event: unknown): Promise<unknown> {
  const answer = await host.invoke(name, event);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.result;
}

test('the unmodified SDK with nothing but keys reaches the local cloud over https', async () => {
  expect(await result('sdk', { text: 'hello' })).toEqual({ status: 200, body: 'hello' });
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['PUT /a%20b.txt', 'GET /a%20b.txt']);
  expect(seen[0]?.headers.host).toBe('photos-1250000001.cos.ap-shanghai.myqcloud.com');
  expect(seen[0]?.headers.authorization).toContain('q-ak=id&');
  expect(seen[0]?.headers['x-cos-security-token']).toBe('token');
  expect(seen[0]?.body).toBe('hello');
});

test('connections are kept alive', async () => {
  await result('https', { urls: [1, 2, 3].map((n) => `https://b-1.cos.ap-beijing.tencentcos.cn/${n}`) });
  expect(seen.map(({ url }) => url)).toEqual(['/1', '/2', '/3']);
  expect(new Set(seen.map(({ clientPort }) => clientPort)).size).toBe(1);
});

test.each(['https://b-1.cos.ap-beijing.myqcloud.com/k', 'http://service.cos.myqcloud.com/k'])(
  'fetch is redirected too: %s',
  async (url) => {
    expect(await result('fetching', { url })).toEqual({ status: 200, text: '' });
    expect(seen.map(({ headers }) => headers.host)).toEqual([new URL(url).host]);
  },
);

test.each([
  { how: 'https', host: 'example.com', port: 443, named: 'example.com:443' },
  { how: 'http', host: 'example.com', port: 80, named: 'example.com:80' },
  { how: 'https', host: 'myqcloud.com.example.com', port: 443, named: 'myqcloud.com.example.com:443' },
  { how: 'https', host: 'evilmyqcloud.com', port: 443, named: 'evilmyqcloud.com:443' },
  { how: 'http', host: 'a.myqcloud.com', port: 8080, named: 'a.myqcloud.com:8080' },
  { how: 'net', host: '127.0.0.1', port: 22, named: '127.0.0.1:22' },
  { how: 'socket', host: '/var/run/docker.sock', port: 0, named: '/var/run/docker.sock' },
  { how: 'fetch', host: 'example.com', port: 443, named: 'example.com:443' },
  { how: 'lookup', host: 'example.com', port: 0, named: 'example.com' },
  { how: 'resolve', host: 'example.com', port: 0, named: 'example.com' },
])('$how to $named is refused by name', async ({ named, ...event }) => {
  expect(await result('outside', event)).toMatch(
    new RegExp(`^${named.replaceAll('.', '\\.')} is outside the local cloud, which forwards nothing\\.`),
  );
  expect(seen).toEqual([]);
});
