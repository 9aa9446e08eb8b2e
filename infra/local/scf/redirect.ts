import dns from 'node:dns';
import net from 'node:net';
import tls from 'node:tls';
import { isCloudAddress, isCloudHost, outsideMessage } from '../cloud-hosts';

/**
 * Turns a process's outgoing connections round to the local cloud, below every HTTP client: code that speaks
 * to Tencent Cloud's hosts with TLS or without reaches `127.0.0.1:cloudPort` in clear text, headers untouched.
 * Any other host is refused by name: nothing in a local cloud may depend on, or reach, the outside.
 */
export function redirectConnections(cloudPort: number): void {
  const connect = Reflect.get(net.Socket.prototype, 'connect') as (...args: unknown[]) => net.Socket;
  const target = { host: '127.0.0.1', port: cloudPort };

  const connectToCloud = (socket: net.Socket, onConnect?: () => void): net.Socket =>
    Reflect.apply(connect, socket, onConnect ? [target, onConnect] : [target]);

  // Every TCP connection of a process, TLS included, is made by this method.
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]): net.Socket {
    const [options, onConnect] = normalizeConnect(args);
    const destination = destinationOf(options);
    if (destination.redirected) return connectToCloud(this, onConnect);
    return refuse(this, destination.name);
  } as typeof net.Socket.prototype.connect;

  // TLS ends before it begins: the caller gets a plain socket that says what a TLS one would.
  tls.connect = ((...args: unknown[]): net.Socket => {
    const [options, onConnect] = normalizeConnect(args);
    const destination = destinationOf(options);
    const socket = new net.Socket().setNoDelay(true);
    if (onConnect) socket.once('secureConnect', onConnect);
    if (!destination.redirected) return refuse(socket, destination.name);
    const secure = { encrypted: true, authorized: true, alpnProtocol: false, isSessionReused: () => false };
    Object.assign(socket, secure, { getPeerCertificate: () => ({}), getSession: () => undefined });
    return connectToCloud(socket, () => socket.emit('secureConnect'));
  }) as typeof tls.connect;

  redirectNames();
}

interface ConnectOptions {
  readonly host?: string;
  readonly port?: number | string;
  readonly path?: string;
}

function destinationOf(options: ConnectOptions): { readonly name: string; readonly redirected: boolean } {
  if (options.path !== undefined && options.port === undefined)
    return { name: options.path, redirected: false };
  const host = options.host ?? 'localhost';
  const redirected = isCloudAddress(host, Number(options.port));
  return { name: `${host}:${options.port ?? '?'}`, redirected };
}

/** `connect` takes (options, f), (port, host, f), (port, host, options, f), (path, f), or node's own list of both. */
function normalizeConnect(args: readonly unknown[]): [ConnectOptions, (() => void) | undefined] {
  const list = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  const options: { host?: string; port?: number | string; path?: string } = {};
  let onConnect: (() => void) | undefined;
  list.forEach((arg, place) => {
    if (typeof arg === 'function') onConnect = arg as () => void;
    else if (typeof arg === 'object' && arg !== null) Object.assign(options, addressOf(arg));
    else if (place === 0 && isPort(arg)) options.port = arg;
    else if (place === 0 && typeof arg === 'string') options.path = arg;
    else if (typeof arg === 'string') options.host = arg;
  });
  return [options, onConnect];
}

/** An http agent hands its request's whole options on: `path` names a socket file only where there is no port. */
function addressOf({ host, port, path }: ConnectOptions): ConnectOptions {
  const isGiven = (value: unknown): boolean => value !== undefined && value !== null;
  return {
    ...(isGiven(host) ? { host } : {}),
    ...(isGiven(port) ? { port } : {}),
    ...(isGiven(path) && !isGiven(port) ? { path } : {}),
  } as ConnectOptions;
}

function isPort(value: unknown): value is number | string {
  return typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value));
}

function refusal(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(outsideMessage(name)), { code: 'ELOCALCLOUDONLY' });
}

/** As a failed connection looks to its caller: first it connects, and the error comes once listeners are in place. */
function refuse(socket: net.Socket, name: string): net.Socket {
  Object.assign(socket, { connecting: true });
  setImmediate(() => socket.destroy(refusal(name)));
  return socket;
}

/** Names resolve to the local cloud or not at all; a resolver of its own would ask the network. */
function redirectNames(): void {
  type Callback = (error: Error | null, ...values: unknown[]) => void;
  const lookup = (host: string, ...rest: unknown[]): void => {
    const callback = rest.at(-1) as Callback;
    const all =
      typeof rest[0] === 'object' && rest[0] !== null && (rest[0] as { all?: boolean }).all === true;
    const loopback = { address: '127.0.0.1', family: 4 };
    process.nextTick(() => {
      if (!isCloudHost(host)) callback(refusal(host));
      else if (all) callback(null, [loopback]);
      else callback(null, loopback.address, loopback.family);
    });
  };
  const lookupPromise = (host: string, options?: { all?: boolean }): Promise<unknown> => {
    const loopback = { address: '127.0.0.1', family: 4 };
    if (!isCloudHost(host)) return Promise.reject(refusal(host));
    return Promise.resolve(options?.all ? [loopback] : loopback);
  };
  const refuseQuery = (name: string, ...rest: unknown[]): void => {
    const callback = rest.at(-1) as Callback;
    process.nextTick(() => callback(refusal(name)));
  };
  const refusePromise = (name: string): Promise<never> => Promise.reject(refusal(name));
  replaceQueries(dns, refuseQuery);
  replaceQueries(dns.Resolver.prototype, refuseQuery);
  replaceQueries(dns.promises, refusePromise);
  replaceQueries(dns.promises.Resolver.prototype, refusePromise);
  Object.assign(dns, { lookup });
  Object.assign(dns.promises, { lookup: lookupPromise });
}

function replaceQueries(owner: object, replacement: unknown): void {
  const names = new Set([...Object.keys(owner), ...Object.getOwnPropertyNames(owner)]);
  for (const name of names) {
    if (/^(resolve|reverse|lookupService)/.test(name)) Object.assign(owner, { [name]: replacement });
  }
}
