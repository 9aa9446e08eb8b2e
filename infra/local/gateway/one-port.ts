import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';
import { isCloudHost, outsideMessage } from '../cloud-hosts';
import { LocalCloudError } from '../local-cloud-error';
import { isForwardable, originForm, splitAuthority } from './proxy-request';

/**
 * One port of 127.0.0.1 for everything that a client may take it for: a server, with TLS or without, and a proxy that
 * is asked with whole URLs or with CONNECT. Whatever the way, a request comes out in origin form with the host it was
 * meant for, and none leaves this process.
 */
export interface OnePort {
  readonly port: number;
  /** Refuses new connections and ends those there are. */
  readonly close: () => Promise<void>;
}

export interface OnePortSettings {
  /** 0: any free one. */
  readonly port: number;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Of the TLS server for this name; without a name the client has only an address. */
  readonly contextFor: (serverName?: string) => Promise<SecureContext>;
}

/** Longer than any client keeps an idle connection, so that the client closes first and no request is lost to it. */
const keepAliveTimeoutMs = 120_000;
/** The first byte of a TLS connection: a handshake record. https://www.rfc-editor.org/rfc/rfc8446#section-5.1 */
const tlsHandshake = 0x16;

export async function openOnePort(settings: OnePortSettings): Promise<OnePort> {
  const sockets = new Set<Socket>();
  let port = settings.port;
  // It never listens: it is handed connections once it is known that HTTP is spoken on them.
  // An upload takes as long as it takes.
  const settingsOfHttp = { keepAliveTimeout: keepAliveTimeoutMs, requestTimeout: 0 };
  const http = createHttpServer(settingsOfHttp, (request, response) => {
    const asked = originForm(request.url ?? '/', request.headers.host);
    if (asked.proxied && !isForwardable(asked.proxied, port)) {
      return refuseProxied(response, `${asked.proxied.host}:${asked.proxied.port}`);
    }
    request.url = asked.url;
    request.headers.host = asked.hostHeader;
    settings.handle(request, response);
  });
  http.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const asked = splitAuthority(request.url ?? '', 443);
    if (!isForwardable(asked, port)) return refuseTunnel(socket, request.url ?? '');
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) socket.unshift(head);
    serveEither(socket as Socket);
  });

  /** TLS or not: the first byte tells. */
  const serveEither = (socket: Socket): void => {
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      if (first[0] !== tlsHandshake) {
        http.emit('connection', socket);
        socket.resume();
        return;
      }
      secured(socket, settings.contextFor).then(
        (secure) => http.emit('connection', secure),
        () => socket.destroy(),
      );
    });
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Whoever goes away before the first byte, or in a tunnel, is told of by nobody else.
    socket.on('error', () => socket.destroy());
    serveEither(socket);
  });
  await listen(server, port);
  ({ port } = server.address() as AddressInfo);

  return {
    port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function secured(socket: Socket, contextFor: OnePortSettings['contextFor']): Promise<TLSSocket> {
  return new TLSSocket(socket, {
    isServer: true,
    ALPNProtocols: ['http/1.1'],
    // For a client that sends no name, as one that connects to an address.
    secureContext: await contextFor(),
    SNICallback: (serverName, done) => {
      if (serverName === 'localhost') return done(null);
      if (!isCloudHost(serverName)) return done(new Error(outsideMessage(serverName)));
      contextFor(serverName).then(
        (context) => done(null, context),
        (error: unknown) => done(error as Error),
      );
    },
  });
}

function refuseProxied(response: ServerResponse, address: string): void {
  response.writeHead(403, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${outsideMessage(address)}\n`);
}

/** The name stands in the status line, since that is all that most clients show of a refused tunnel. */
function refuseTunnel(socket: Duplex, address: string): void {
  const name = address.replace(/[^\w.:[\]-]/g, '?').slice(0, 300);
  const body = `${outsideMessage(name)}\n`;
  const head = `HTTP/1.1 403 ${name} is outside the local cloud\r\nContent-Type: text/plain; charset=utf-8\r\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') return reject(error);
      const why = error.code === 'EADDRINUSE' ? 'is in use' : 'may not be used by this user';
      const advice = 'Stop what uses it, name another with --port N, or take any free one with --port 0.';
      reject(new LocalCloudError('PORT_IN_USE', `Port ${port} of 127.0.0.1 ${why}. ${advice}`, error));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}
