/** What a Function URL hands to an event function, in every shape that is documented or seen. */
export interface FunctionUrlEvent {
  readonly httpMethod: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly queryString?: string | Readonly<Record<string, string | readonly string[]>>;
  readonly queryStringParameters?: string | Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

/** Source: https://www.tencentcloud.com/document/product/583/69491 */
export interface FunctionUrlResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function isFunctionUrlEvent(event: unknown): event is FunctionUrlEvent {
  if (typeof event !== 'object' || event === null) return false;
  const { httpMethod, path } = event as Partial<FunctionUrlEvent>;
  return typeof httpMethod === 'string' && typeof path === 'string' && path.startsWith('/');
}

/** The event as a standard Request. The host is only a name: routing is by path. `undefined`: none can hold it. */
export function toRequest(event: FunctionUrlEvent): Request | undefined {
  try {
    return requestOf(event);
  } catch {
    // A method such as TRACE, or a text that no header can be.
    return undefined;
  }
}

function requestOf(event: FunctionUrlEvent): Request {
  const url = new URL(`https://function.invalid${event.path}`);
  url.search = searchOf(event.queryString ?? event.queryStringParameters);
  const headers = new Headers();
  for (const [name, value] of Object.entries(event.headers ?? {})) {
    if (typeof value === 'string' && !hopByHop.has(name.toLowerCase())) headers.set(name, value);
  }
  const bodyless = event.httpMethod === 'GET' || event.httpMethod === 'HEAD' || !event.body;
  if (bodyless) return new Request(url, { method: event.httpMethod, headers });
  const body = event.isBase64Encoded ? Buffer.from(event.body, 'base64') : Buffer.from(event.body, 'utf8');
  headers.set('content-length', String(body.length));
  return new Request(url, { method: event.httpMethod, headers, body: new Uint8Array(body) });
}

export async function fromResponse(response: Response): Promise<FunctionUrlResponse> {
  const headers: Record<string, string> = {};
  response.headers.forEach((value, name) => {
    headers[name] = value;
  });
  return { statusCode: response.status, headers, body: await response.text() };
}

/** They describe the connection to the platform, not the request. Host and length may be signed. */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

function searchOf(query: FunctionUrlEvent['queryString']): string {
  if (query === undefined || typeof query === 'string') return query ?? '';
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === 'string' ? [value] : value) search.append(name, one);
  }
  return search.toString();
}
