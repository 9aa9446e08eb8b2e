import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { SyncAnswer } from './host';
import { syncBytesMax } from './limits';
import { failureStatus } from './outcome';

/** The event of a Function URL request. https://www.tencentcloud.com/document/product/583/69491 */
export interface FunctionUrlEvent {
  /** Lower-cased names; `x-scf-remote-addr` is the platform's own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly httpMethod: string;
  readonly path: string;
  /** Decoded; of a repeated name the last value counts. */
  readonly queryString: Readonly<Record<string, string>>;
  readonly body: string;
  readonly requestContext: { readonly sourceIp: string };
}

/** Answers one request with what the function makes of it. `path` and query as the function sees them. */
export async function serveFunctionUrl(
  request: IncomingMessage,
  response: ServerResponse,
  url: { readonly path: string; readonly query: string },
  invoke: (event: FunctionUrlEvent) => Promise<SyncAnswer>,
): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) {
    const message = `The request body is over the limit of ${syncBytesMax} bytes.`;
    return send(response, problem(413, { errorCode: 'RequestTooLarge', errorMessage: message }));
  }
  const sourceIp = request.socket.remoteAddress ?? '';
  const answer = await invoke({
    headers: { ...plainHeaders(request.headers), 'x-scf-remote-addr': sourceIp },
    httpMethod: request.method ?? 'GET',
    path: url.path,
    queryString: Object.fromEntries(new URLSearchParams(url.query)),
    body: body.toString('utf8'),
    requestContext: { sourceIp },
  });
  response.setHeader('x-scf-request-id', answer.requestId);
  send(response, httpAnswer(answer));
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What a function's answer is on the wire. A response that is not well formed is the function's error. */
export function httpAnswer(answer: SyncAnswer): HttpAnswer {
  if (!answer.ok) {
    const { kind, message } = answer.error;
    const status = kind === 'timedOut' ? 504 : kind === 'noInstance' ? 503 : 500;
    // Only the message, as the platform does: a stack is for the log.
    const errorMessage = message.split('\n')[0] ?? '';
    const { requestId } = answer;
    return problem(status, { errorCode: -1, errorMessage, requestId, statusCode: failureStatus[kind] });
  }
  const { result } = answer;
  if (!isObject(result) || !('statusCode' in result)) {
    return withinLimit(jsonAnswer(200, result), answer.requestId);
  }
  const { statusCode, headers = {}, body = '', isBase64Encoded = false } = result;
  const wrong: string[] = [];
  if (!isStatus(statusCode)) wrong.push('statusCode is not a whole number from 200 to 599');
  if (!isObject(headers) || !Object.values(headers).every(isHeaderValue))
    wrong.push('headers are not all texts');
  if (typeof body !== 'string') wrong.push('body is not a text');
  if (typeof isBase64Encoded !== 'boolean') wrong.push('isBase64Encoded is not true or false');
  if (wrong.length > 0 || !isStatus(statusCode) || !isObject(headers) || typeof body !== 'string') {
    return malformed(wrong.join('; '), answer.requestId);
  }
  return withinLimit(
    {
      status: statusCode,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      body: Buffer.from(body, isBase64Encoded === true ? 'base64' : 'utf8'),
    },
    answer.requestId,
  );
}

function withinLimit(answer: HttpAnswer, requestId: string): HttpAnswer {
  if (answer.body.length <= syncBytesMax) return answer;
  return malformed(`the response is over the limit of ${syncBytesMax} bytes`, requestId);
}

function malformed(what: string, requestId: string): HttpAnswer {
  const errorMessage = `The function answered with a malformed response: ${what}.`;
  return problem(502, { errorCode: -1, errorMessage, requestId, statusCode: failureStatus.userCode });
}

function problem(status: number, body: object): HttpAnswer {
  return jsonAnswer(status, body);
}

function jsonAnswer(status: number, value: unknown): HttpAnswer {
  return {
    status,
    headers: { 'Content-Type': 'application/json' },
    body: Buffer.from(JSON.stringify(value ?? null)),
  };
}

function send(response: ServerResponse, answer: HttpAnswer): void {
  // The body's true length wins over what the function says of it.
  const own = Object.entries(answer.headers).filter(([name]) => !framing.has(name.toLowerCase()));
  try {
    for (const [name, value] of own) response.setHeader(name, value);
  } catch (error) {
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    const what = error instanceof Error ? error.message : String(error);
    return send(response, malformed(what, ''));
  }
  response.statusCode = answer.status;
  response.setHeader('Content-Length', answer.body.length);
  response.end(answer.body);
}

const framing = new Set(['content-length', 'transfer-encoding', 'connection']);

/** `undefined`: too large. The rest is read and dropped up to a bound, so that the client sees the answer. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= syncBytesMax) chunks.push(chunk);
    if (bytes > drainedBytesMax) break;
  }
  return bytes <= syncBytesMax ? Buffer.concat(chunks) : undefined;
}

const drainedBytesMax = 4 * syncBytesMax;

function plainHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return plain;
}

function isStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 200 && value <= 599;
}

function isHeaderValue(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
