import { randomBytes } from 'node:crypto';
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import type { Circumstances } from '../cos/circumstances';
import type { RequestFault } from './fault-plan';

/** Answers a request of COS; resolves when it was answered. */
export type Handle = (
  request: IncomingMessage,
  response: ServerResponse,
  circumstances: Circumstances,
) => Promise<void>;

/** Serves one request with what a plan has decided for it. Rejects only if `signal` ends it. */
export async function serveWithFault(
  fault: RequestFault,
  request: IncomingMessage,
  response: ServerResponse,
  circumstances: Circumstances,
  handle: Handle,
  signal: AbortSignal,
): Promise<void> {
  if (fault.kind === 'staleListing')
    return handle(request, response, { ...circumstances, listedUntilMs: Date.now() - fault.lagMs });
  if (fault.kind === 'forbidOverwriteIgnored')
    return handle(request, response, { ...circumstances, forbidOverwriteIgnored: true });

  if (fault.when === 'afterEffect') await handle(request, discardedResponse(request), circumstances);
  else request.resume();
  switch (fault.kind) {
    case 'reset':
      return breakOff(request.socket);
    case 'silence':
      // Ends early if the client hangs up.
      await Promise.race([closed(response), sleep(fault.holdMs, undefined, { signal, ref: false })]);
      response.destroy();
      return;
    case 'error':
      if (fault.requestId) return sendCosError(response, fault.status, fault.code);
      response.writeHead(fault.status, { 'Content-Type': 'text/html', Connection: 'close' });
      response.end(`<html><body><h1>${fault.status} ${fault.code}</h1></body></html>`);
      return;
    case 'errorInside200':
      return sendCosError(response, 200, fault.code);
  }
}

/** An error in COS's form, for one that COS itself has no part in. */
export function sendCosError(response: ServerResponse, status: number, code: string): void {
  const id = Buffer.from(randomBytes(12).toString('hex')).toString('base64');
  // The request's body may not have been read to its end.
  response.writeHead(status, {
    'Content-Type': 'application/xml',
    'x-cos-request-id': id,
    Connection: 'close',
  });
  response.end(
    `<?xml version='1.0' encoding='utf-8' ?>\n<Error><Code>${code}</Code><Message>By the fault plan of the local ` +
      `cloud.</Message><RequestId>${id}</RequestId></Error>`,
  );
}

/** With a reset where there is TCP to reset; TLS ends without its farewell, which clients take for the same. */
function breakOff(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

/** Takes an answer that nobody will see. */
function discardedResponse(request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.assignSocket(new Writable({ write: (_chunk, _encoding, done) => done() }) as Socket);
  return response;
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('close', () => resolve()));
}
