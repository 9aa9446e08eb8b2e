import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Accounts, Caller } from './accounts';
import type { Circumstances } from './circumstances';
import { CosError } from './cos-error';
import type { ChangeOrigin } from './events';
import type { SignedRequest } from './signature';
import type { StoredBucket } from './store/entry';
import type { ObjectStore } from './store/object-store';
import { declaration, document, element, node, type XmlNode } from './xml';

/** One request and its answer. */
export interface Exchange extends SignedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly nowMs: number;
  readonly circumstances: Circumstances;
  /** `undefined`: COS's own. */
  readonly dialect?: Dialect;
  /** For the request log. */
  readonly seen: { api: string; caller: string; requestBytes: number; responseBytes: number };
}

/** One operation of the API. */
export interface Operation<For> {
  /** The name that CAM gives the action. */
  readonly action: string;
  readonly run: (exchange: For) => Promise<void>;
  /** It finds out itself who asks and whether they may: a form says so in its fields. */
  readonly open?: true;
}

/** By method and sub-resource. */
export type Operations<For> = Readonly<Record<string, Operation<For>>>;

/** Another language of requests and answers. The operations are COS's, and know nothing of it. */
export interface Dialect {
  /** The request as COS's own dialect has it. Fails with what it cannot say there. */
  inCosNames(): Pick<SignedRequest, 'headers' | 'query'>;
  /** Who signed. Fails as the signature does. */
  callerOf(accounts: Accounts, nowMs: number): Caller;
  /** A body without its framing, checked as it passes; called after `callerOf`. */
  contentOf(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
  /** What an answer's header is called. */
  headerName(name: string): string;
  /** Operations that answer with a form of their own, by method and sub-resource. */
  readonly bucketOperations: Operations<BucketExchange>;
  readonly objectOperations: Operations<ObjectExchange>;
}

/** What an operation on a bucket or object is given once the request is known to be allowed. */
export interface BucketExchange extends Exchange {
  readonly store: ObjectStore;
  /** `undefined`: nobody signed. */
  readonly caller: Caller | undefined;
  readonly bucket: StoredBucket;
  /** The UIN of the account that owns the bucket. */
  readonly ownerUin: string;
}

export interface ObjectExchange extends BucketExchange {
  readonly key: string;
}

export function beginExchange(
  request: IncomingMessage,
  response: ServerResponse,
  nowMs: number,
  circumstances: Circumstances,
): Exchange {
  const url = request.url ?? '/';
  const at = url.indexOf('?');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return {
    request,
    response,
    method: request.method ?? 'GET',
    path: at < 0 ? url : url.slice(0, at),
    query: at < 0 ? [] : parseQuery(url.slice(at + 1)),
    headers,
    requestId: newRequestId(nowMs),
    nowMs,
    circumstances,
    seen: {
      api: 'Unknown',
      caller: 'anonymous',
      requestBytes: Number(headers['content-length'] ?? 0),
      responseBytes: 0,
    },
  };
}

/** `+` stays a plus. A parameter that cannot be decoded is taken as it is. */
function parseQuery(text: string): readonly (readonly [string, string])[] {
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [decoded(pair), ''] : [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))];
    });
}

export function param({ query }: SignedRequest, name: string): string | undefined {
  return query.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

/** Whether a write must not replace anything. https://www.tencentcloud.com/document/product/436/7749 */
export function forbidsOverwrite({
  headers,
  circumstances,
}: Pick<Exchange, 'headers' | 'circumstances'>): boolean {
  return headers['x-cos-forbid-overwrite'] === 'true' && circumstances.forbidOverwriteIgnored !== true;
}

/** The `versionId` of a request. What could be no id at all is refused, so that it never names a version by accident. */
export function versionIdOf(exchange: SignedRequest): string | undefined {
  const versionId = param(exchange, 'versionId');
  if (versionId !== undefined && !/^[\w+/=.-]{1,128}$/.test(versionId))
    throw new CosError('InvalidArgument', 'Invalid version id specified.');
  return versionId;
}

/** base64 of `<epoch seconds in hex>_<hex>_<hex>_<hex>`, as COS's look. */
function newRequestId(nowMs: number): string {
  const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
  return Buffer.from(`${Math.floor(nowMs / 1000).toString(16)}_${hex(4)}_${hex(2)}_${hex(3)}`).toString(
    'base64',
  );
}

export type Headers = Readonly<Record<string, string | number | undefined>>;

/** Answers with headers that every answer of COS has. */
export function writeHead(exchange: Exchange, status: number, headers: Headers = {}): void {
  const { response } = exchange;
  response.statusCode = status;
  response.setHeader('Date', new Date(exchange.nowMs).toUTCString());
  response.setHeader('Server', 'tencent-cos');
  setHeader(exchange, 'x-cos-request-id', exchange.requestId);
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) setHeader(exchange, name, value);
  exchange.seen.responseBytes = exchange.method === 'HEAD' ? 0 : Number(headers['Content-Length'] ?? 0);
}

/** Names it as the dialect of the request does. */
export function setHeader({ response, dialect }: Exchange, name: string, value: string | number): void {
  response.setHeader(dialect?.headerName(name) ?? name, value);
}

export function reply(exchange: Exchange, status: number, headers: Headers = {}, body = ''): void {
  const bytes = Buffer.from(body);
  const length = status === 204 || status === 304 ? undefined : (headers['Content-Length'] ?? bytes.length);
  writeHead(exchange, status, { ...headers, 'Content-Length': length });
  exchange.response.end(exchange.method === 'HEAD' ? undefined : bytes);
}

export function replyXml(exchange: Exchange, status: number, xml: string, headers: Headers = {}): void {
  reply(exchange, status, { 'Content-Type': 'application/xml', ...headers }, xml);
}

function errorNode(exchange: Exchange, error: CosError): XmlNode {
  return node('Error', [
    node('Code', error.code),
    node('Message', error.message),
    node('Resource', `${exchange.headers['host'] ?? ''}${exchange.path}`),
    node('RequestId', exchange.requestId),
    node('TraceId', traceIdOf(exchange)),
  ]);
}

function traceIdOf({ requestId }: Exchange): string {
  return Buffer.from(requestId.repeat(2)).toString('base64').slice(0, 96);
}

const keepAliveAfterMs = 2_000;

/**
 * Answers with what takes its time: after a while with the status, and white space until the result is there. Then a
 * failure is an error inside of a 200, and headers that are only known at the end are missing, which COS documents for
 * copies and for the end of a multipart upload.
 */
export async function replyWhenDone(
  exchange: Exchange,
  work: Promise<{ readonly root: XmlNode; readonly headers?: Headers }>,
): Promise<void> {
  const { response } = exchange;
  let begun = false;
  const timer = setInterval(() => {
    if (!begun) {
      writeHead(exchange, 200, { 'Content-Type': 'application/xml' });
      response.write(declaration);
    }
    begun = true;
    response.write(' ');
  }, keepAliveAfterMs);
  try {
    const { root, headers } = await work;
    if (begun) response.end(element(root));
    else replyXml(exchange, 200, document(root), headers);
  } catch (error) {
    if (!begun) throw error;
    const known = error instanceof CosError ? error : new CosError('InternalError');
    response.end(element(errorNode(exchange, known)));
  } finally {
    clearInterval(timer);
  }
}

export function replyError(exchange: Exchange, error: CosError): void {
  const xml = document(errorNode(exchange, error));
  const headers: Record<string, string> = { 'x-cos-trace-id': traceIdOf(exchange) };
  // The rest of an unread body would be taken for the next request.
  if (!exchange.request.complete) headers['Connection'] = 'close';
  if (exchange.method === 'HEAD') reply(exchange, error.status, headers);
  else replyXml(exchange, error.status, xml, headers);
  exchange.request.resume();
}

export function originOf(exchange: Exchange): ChangeOrigin {
  return {
    requestId: exchange.requestId,
    sourceIp: exchange.request.socket.remoteAddress ?? '',
    authorization: exchange.headers['authorization'] ?? '',
  };
}
