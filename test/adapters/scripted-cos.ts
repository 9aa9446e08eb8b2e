import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CosClient } from '../../lib/adapters/cos/client';
import type { CopyRequest } from '../../lib/app/ports';
import { clientFor } from '../support/local';
import { destination, source } from '../support/world';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface ScriptedCos {
  answer: Answer;
  /** Since the beginning of the test. */
  readonly requests: IncomingMessage[];
  client(): CosClient;
}

/** A server for the tests of one file, that answers as it is told, and counts. */
export function scriptedCos(): ScriptedCos {
  let server: Server;
  const cos: ScriptedCos = {
    answer: () => {},
    requests: [],
    client: () => clientFor((server.address() as AddressInfo).port, { secretId: 'AKIDx', secretKey: 'y' }),
  };
  beforeAll(async () => {
    server = createServer((request, response) => {
      cos.requests.push(request);
      request.resume();
      cos.answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(() => {
    cos.requests.length = 0;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return cos;
}

/** An error document, as COS sends it; none to a HEAD. */
export const says =
  (status: number, code: string): Answer =>
  (request, response) =>
    void response
      .writeHead(status, { 'Content-Type': 'application/xml', 'x-cos-request-id': 'rid' })
      .end(request.method === 'HEAD' ? '' : `<Error><Code>${code}</Code><Message>m</Message></Error>`);

export const resets: Answer = (request) => void request.socket.destroy();

export function copyOf({ versionId = 'MTg0NDUxNTc1NjIzMTQ1MDAwODg' } = {}): CopyRequest {
  return {
    source,
    key: 'a b/中.txt',
    version: {
      kind: 'version',
      versionId,
      etag: 'abc',
      sizeBytes: 1,
      lastModifiedMs: 0,
      storageClass: 'STANDARD',
    },
    destination,
    storageClass: 'STANDARD_IA',
    metadata: { 'content-type': 'text/plain', 'x-cos-meta-a': 'é 🦊' },
  };
}
