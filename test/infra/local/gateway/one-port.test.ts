import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { openCertificateAuthority } from '../../../../infra/local/gateway/certificate-authority';
import { makeServerCertificate } from '../../../../infra/local/gateway/certificates';
import { type OnePort, openOnePort } from '../../../../infra/local/gateway/one-port';
import { removeFolder, temporaryFolder } from '../support/bundles';

const bucketHost = 'b-1250000000.cos.ap-guangzhou.myqcloud.com';

let folder: string;
let port: OnePort;
let ca: string;
let seen: string[];

beforeAll(async () => {
  folder = temporaryFolder();
  const authority = await openCertificateAuthority(folder, Date.now());
  ca = readFileSync(authority.file, 'utf8');
  port = await openOnePort({
    port: 0,
    contextFor: authority.contextFor,
    handle: (request, response) => {
      seen.push(`${request.method} ${request.headers.host} ${request.url}`);
      void text(request).then((body) => response.end(`got ${body}`));
    },
  });
});
beforeEach(() => (seen = []));
afterAll(async () => {
  await port.close();
  removeFolder(folder);
});

async function ask(request: http.ClientRequest, body = ''): Promise<{ status: number; body: string }> {
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}

/** As a client does that found this port in `http_proxy`. */
function viaAbsoluteForm(url: string, headers: http.OutgoingHttpHeaders = {}): http.ClientRequest {
  const host = new URL(url).host;
  return http.request({ port: port.port, path: url, method: 'PUT', headers: { host, ...headers } });
}

/** As a client does that found this port in `https_proxy`. */
async function tunnel(address: string): Promise<{ socket: net.Socket; response: IncomingMessage }> {
  const request = http.request({ port: port.port, method: 'CONNECT', path: address });
  request.end();
  const [response, socket] = (await once(request, 'connect')) as [IncomingMessage, net.Socket];
  return { socket, response };
}

test('a client that asks directly is served', async () => {
  const request = http.request({
    port: port.port,
    method: 'PUT',
    path: '/k?a=1',
    headers: { host: bucketHost },
  });
  expect(await ask(request, 'x')).toEqual({ status: 200, body: 'got x' });
  expect(seen).toEqual([`PUT ${bucketHost} /k?a=1`]);
});

test.each([
  [`http://${bucketHost}/a%20b?c=d`, '/a%20b?c=d'],
  [`http://${bucketHost}`, '/'],
  [`http://${bucketHost}?versioning`, '/?versioning'],
])('a whole URL is asked for as a proxy is: %s', async (url, path) => {
  expect(await ask(viaAbsoluteForm(url), 'x')).toEqual({ status: 200, body: 'got x' });
  expect(seen).toEqual([`PUT ${bucketHost} ${path}`]);
});

test('the host of a whole URL wins, but a header that means the same stays as it was signed', async () => {
  await ask(viaAbsoluteForm(`http://${bucketHost}/k`, { host: 'service.cos.myqcloud.com' }));
  await ask(viaAbsoluteForm(`http://${bucketHost}:80/k`, { host: bucketHost }));
  expect(seen).toEqual([`PUT ${bucketHost} /k`, `PUT ${bucketHost} /k`]);
});

test('TLS through a tunnel, for every host that the cloud answers for, with the CA of the folder', async () => {
  const hosts = [
    bucketHost,
    'b-1250000000.cos.ap-shanghai.tencentcos.cn',
    'service.cos.myqcloud.com',
    'scf.tencentcloudapi.com',
    'scf.ap-guangzhou.tencentcloudapi.com',
    '1250000000-abc.ap-guangzhou.tencentscf.com',
  ];
  for (const host of hosts) {
    const { socket } = await tunnel(`${host}:443`);
    const secure = tls.connect({ socket, servername: host, ca });
    const request = https.request({ host, headers: { host }, path: '/k', createConnection: () => secure });
    expect(await ask(request)).toEqual({ status: 200, body: 'got ' });
  }
  expect(seen).toEqual(hosts.map((host) => `GET ${host} /k`));
});

test('a tunnel may hold plain HTTP', async () => {
  const { socket } = await tunnel(`${bucketHost}:80`);
  const request = http.request({ host: bucketHost, path: '/k', createConnection: () => socket });
  expect(await ask(request)).toEqual({ status: 200, body: 'got ' });
});

test('TLS is spoken without a proxy too, on a name or on the address', async () => {
  const byName = https.request({
    host: '127.0.0.1',
    port: port.port,
    ca,
    servername: bucketHost,
    path: '/k',
  });
  byName.setHeader('host', bucketHost);
  expect(await ask(byName)).toMatchObject({ status: 200 });
  expect(await ask(https.request({ host: '127.0.0.1', port: port.port, ca, path: '/a' }))).toMatchObject({
    status: 200,
  });
  expect(await ask(https.request({ host: 'localhost', family: 4, port: port.port, ca }))).toMatchObject({
    status: 200,
  });
  expect(seen).toHaveLength(3);
});

test('a connection through a tunnel is kept alive', async () => {
  const { socket } = await tunnel(`${bucketHost}:443`);
  const secure = tls.connect({ socket, servername: bucketHost, ca });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  Object.assign(agent, { createConnection: () => secure });
  for (const path of ['/1', '/2']) await ask(http.request({ agent, host: bucketHost, path }));
  agent.destroy();
  expect(seen).toEqual([`GET ${bucketHost} /1`, `GET ${bucketHost} /2`]);
});

test.each([
  'example.com:443',
  'evilmyqcloud.com:443',
  `${bucketHost}:8080`,
  '127.0.0.1:1',
  '[::1]:443',
  'localhost:22',
])('a tunnel to %s is refused by name', async (address) => {
  const { response, socket } = await tunnel(address);
  expect([response.statusCode, response.statusMessage]).toEqual([
    403,
    `${address} is outside the local cloud`,
  ]);
  socket.destroy();
});

test.each(['http://example.com/', 'https://example.com/', 'http://127.0.0.1:1/', `http://${bucketHost}:81/`])(
  'the URL %s is refused by name',
  async (url) => {
    const { host } = new URL(url);
    const answer = await ask(viaAbsoluteForm(url));
    expect(answer.status).toBe(403);
    expect(answer.body).toContain(`${host.split(':')[0]}:`);
    expect(answer.body).toContain('is outside the local cloud, which forwards nothing.');
    expect(seen).toEqual([]);
  },
);

test('the port answers for itself when it is asked as a proxy', async () => {
  expect(await ask(viaAbsoluteForm(`http://127.0.0.1:${port.port}/function/rules`))).toMatchObject({
    status: 200,
  });
  const { response, socket } = await tunnel(`localhost:${port.port}`);
  expect(response.statusCode).toBe(200);
  socket.destroy();
});

test('no certificate is made for a foreign name', async () => {
  const socket = tls.connect({ host: '127.0.0.1', port: port.port, servername: 'example.com', ca });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toMatch(/^(ECONNRESET|ERR_SSL_.*)$/);
});

test('what is neither TLS nor HTTP is answered with 400, and the port lives on', async () => {
  const socket = net.connect(port.port, '127.0.0.1');
  socket.write('\0\0nonsense\r\n\r\n');
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  expect(await ask(http.request({ port: port.port, path: '/' }))).toMatchObject({ status: 200 });
});

describe('the CA', () => {
  test('is kept over a restart, and its key is for nobody else to read', async () => {
    const again = await openCertificateAuthority(folder, Date.now());
    expect(readFileSync(again.file, 'utf8')).toBe(ca);
    expect(statSync(`${folder}/ca-key.pem`).mode & 0o077).toBe(0);
    expect(new X509Certificate(ca).ca).toBe(true);
  });

  test('is made anew when it is about to expire', async () => {
    const expiring = temporaryFolder();
    const elevenYearsMs = 11 * 365 * 86_400_000;
    const first = await openCertificateAuthority(expiring, Date.now() - elevenYearsMs);
    const old = readFileSync(first.file, 'utf8');
    const { file } = await openCertificateAuthority(expiring, Date.now());
    expect(readFileSync(file, 'utf8')).not.toBe(old);
    removeFolder(expiring);
  });

  test('is not believed for any other site, even with its own signature', async () => {
    const authority = { certificate: ca, key: readFileSync(`${folder}/ca-key.pem`, 'utf8') };
    const dayMs = 86_400_000;
    const validity = { from: new Date(Date.now() - dayMs), until: new Date(Date.now() + dayMs) };
    const forged = await makeServerCertificate(authority, ['example.com'], validity);
    const server = tls.createServer({ cert: forged.certificate, key: forged.key });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = tls.connect({
      port: (server.address() as net.AddressInfo).port,
      host: '127.0.0.1',
      servername: 'example.com',
      ca,
    });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    await new Promise((resolve) => server.close(resolve));
    expect(error.message).toBe('permitted subtree violation');
  });
});
