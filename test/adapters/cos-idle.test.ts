import { createServer as createTcpServer, connect, type Server, type Socket } from 'node:net';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { asReplicationError } from '../../lib/domain/error';
import { clientFor } from '../support/local';
import { destination, source } from '../support/world';

/**
 * A NAT gateway or load balancer before COS, as between a function and another region: a connection that nobody used for a
 * while is forgotten without a word (no FIN reaches a frozen instance), and the next packet on it is answered by a reset.
 */
async function gatewayBefore(port: number) {
  const clients = new Set<{ near: Socket; far: Socket; forgotten: boolean }>();
  let made = 0;
  const gateway = createTcpServer((near) => {
    made += 1;
    const far = connect(port, '127.0.0.1');
    const link = { near, far, forgotten: false };
    clients.add(link);
    near
      .on('error', () => {})
      .on('data', (chunk) => {
        if (link.forgotten) near.resetAndDestroy();
        else far.write(chunk);
      });
    far.on('error', () => {}).on('data', (chunk) => void near.write(chunk));
    near.on('close', () => {
      far.destroy();
      clients.delete(link);
    });
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  return {
    port: (gateway.address() as AddressInfo).port,
    connections: () => clients.size,
    made: () => made,
    forget: () => {
      for (const link of clients) {
        link.forgotten = true;
        link.far.destroy();
      }
    },
    close: () => {
      for (const { near } of clients) near.destroy();
      return new Promise((done) => gateway.close(done));
    },
  };
}

let cos: Server;
let gateway: Awaited<ReturnType<typeof gatewayBefore>>;
beforeEach(async () => {
  const http = createServer((request, response) => {
    request.resume();
    if (request.method === 'DELETE') response.writeHead(204, { 'x-cos-version-id': 'm' }).end();
    else setTimeout(() => response.writeHead(200, { ETag: '"e"', 'Content-Length': 5 }).end(), 50);
  });
  http.keepAliveTimeout = 60_000;
  cos = http;
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  gateway = await gatewayBefore((http.address() as AddressInfo).port);
});
afterEach(async () => {
  await gateway.close();
  (cos as unknown as { closeAllConnections(): void }).closeAllConnections();
  await new Promise((done) => cos.close(done));
});

const invocationsAfterIdle = 3;
let nowMs = 0;
/** While an instance is frozen its clock goes on. */
const store = () =>
  createCosObjectStore(clientFor(gateway.port, { secretId: 'AKIDx', secretKey: 'y' }, () => nowMs));
const freeze = (): void => {
  nowMs += 60_000;
  gateway.forget();
};

test('an instance that was idle for a while serves its next events', async () => {
  const own = store();
  // An event with several keys: eight connections, all kept.
  await Promise.all(Array.from({ length: 8 }, (_, i) => own.headObject(source, `k${i}`)));
  expect(gateway.connections()).toBeGreaterThanOrEqual(3);
  freeze();
  // The event, and its two retries by the platform.
  const told: string[] = [];
  for (let invocation = 0; invocation < invocationsAfterIdle; invocation += 1)
    told.push(
      await own.headObject(source, 'k').then(
        () => 'done',
        (thrown: unknown) => asReplicationError(thrown).code,
      ),
    );
  expect(told).toEqual(['done', 'done', 'done']);
});

test('a delete that was never sent on is not of unknown outcome', async () => {
  const own = store();
  await own.headObject(source, 'k');
  freeze();
  expect(await own.putDeleteMarker(destination, 'k')).toEqual({ versionId: 'm' });
});

test('what is used all the time goes over one connection', async () => {
  const own = store();
  for (let i = 0; i < 5; i += 1) {
    nowMs += 3_000;
    await own.headObject(source, 'k');
  }
  expect(gateway.made()).toBe(1);
});
