import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { cloudApiService } from './cloud-hosts';
import type { ScfFunction } from './scf/scf-function';

/** Where a request of the one port belongs. */
export type Route =
  | { readonly kind: 'cos' }
  /** Tencent Cloud's API, the control plane: `scf`, `cam`, `sts`, ... */
  | { readonly kind: 'cloudApi'; readonly service: string }
  | { readonly kind: 'function'; readonly name: string; readonly path: string; readonly query: string }
  /** What tests turn on the local cloud itself. */
  | { readonly kind: 'control'; readonly name: string }
  | { readonly kind: 'refused'; readonly status: 404 | 421; readonly message: string };

export interface RouteTable {
  readonly isCosHost: (host: string) => boolean;
  readonly functions: readonly Pick<ScfFunction, 'name' | 'appid' | 'region'>[];
}

type RoutedRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

const loopbackHosts = new Set(['127.0.0.1', 'localhost']);
const controlPath = /^\/local\/([a-z]+)$/;
const functionPath = /^\/function\/([^/?]+)(\/[^?]*)?$/;

export function routeOf(request: RoutedRequest, table: RouteTable): Route {
  const host = hostName(request.headers.host ?? '');
  const [path, query] = splitOnce(request.url ?? '/', '?');
  if (table.isCosHost(host)) return { kind: 'cos' };
  const service = cloudApiService(host);
  if (service !== undefined) return { kind: 'cloudApi', service };

  const byHost = table.functions.find((scf) => functionUrlHost(scf) === host);
  if (byHost) return { kind: 'function', name: byHost.name, path, query };
  if (!loopbackHosts.has(host)) {
    return refused(421, `The host "${host}" is not one that this local cloud answers for.`);
  }

  const [, control] = controlPath.exec(path) ?? [];
  if (control !== undefined) return { kind: 'control', name: control };

  const [, name, rest = '/'] = functionPath.exec(path) ?? [];
  if (name !== undefined) {
    if (table.functions.some((scf) => scf.name === name))
      return { kind: 'function', name, path: rest, query };
    const names = table.functions.map((scf) => scf.name).join(', ');
    return refused(404, `There is no function "${name}" with a URL; there are: ${names}.`);
  }
  if (path === '/' && isServiceCall(request)) return { kind: 'cos' };
  return refused(
    404,
    'Nothing is here. Buckets are addressed by their Host header, functions by /function/<name>/.',
  );
}

/** `<appid>-<urlid>.<region>.tencentscf.com`, the same for a function at every start. */
export function functionUrlHost(scf: Pick<ScfFunction, 'name' | 'appid' | 'region'>): string {
  return `${scf.appid}-${functionUrlId(scf.name)}.${scf.region}.tencentscf.com`;
}

export function functionUrlId(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 10);
}

/** An SDK whose ServiceDomain is this port sends GET Service with the port's own address as Host. */
function isServiceCall(request: RoutedRequest): boolean {
  return request.method === 'GET' && (request.headers.authorization ?? '').includes('q-sign-algorithm=');
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase();
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function refused(status: 404 | 421, message: string): Route {
  return { kind: 'refused', status, message };
}
