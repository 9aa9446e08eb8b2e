import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { WireReport } from './cos-error';

/** The one request of a call of the SDK, seen and held from below the SDK. */
export interface Wire {
  /** What the wire showed, since the SDK keeps the first failure to itself when it tries again. */
  readonly report: WireReport;
  /** An agent for one request, which goes over the sockets of the shared one. */
  over(shared: Agent): Agent;
  /**
   * The outcome of a call of the SDK, or a failure once its time is over: the SDK itself only limits the time
   * between two bytes, and COS sends spaces while a long copy is under way.
   */
  within<Data>(timeoutMs: number, run: () => Promise<Data>): Promise<Data>;
}

export function createWire(): Wire {
  const report: WireReport = {};
  let sent: ClientRequest | undefined;
  let over = false;

  return {
    report,
    over(shared) {
      const agent = shared as Agent & { addRequest(request: ClientRequest, options: RequestOptions): void };
      const addRequest = (request: ClientRequest, options: RequestOptions): void => {
        // Kept from the wire: its call has failed already, after a time in which nothing ran.
        if (over) return;
        sent = request;
        listen(request, report);
        agent.addRequest(request, options);
      };
      return Object.create(shared, { addRequest: { value: addRequest } }) as Agent;
    },
    async within(timeoutMs, run) {
      let timer: NodeJS.Timeout | undefined;
      try {
        return await new Promise((resolve, reject) => {
          timer = setTimeout(() => {
            reject(new Error(`no whole answer within ${timeoutMs} ms`));
            sent?.destroy();
          }, timeoutMs);
          run().then(resolve, reject);
        });
      } finally {
        over = true;
        clearTimeout(timer);
      }
    },
  };
}

const errorCodePattern = /<Code>([^<]*)<\/Code>/;
const errorBytesMax = 8 * 1024;

function listen(request: ClientRequest, report: WireReport): void {
  request.on('error', (error) => {
    report.networkError = error;
  });
  request.on('response', (response: IncomingMessage) => {
    report.status = response.statusCode;
    report.requestId = String(response.headers['x-cos-request-id'] ?? '');
    const dateMs = Date.parse(response.headers.date ?? '');
    report.dateMs = Number.isNaN(dateMs) ? undefined : dateMs;
    let start = '';
    response.on('data', (chunk: Buffer) => {
      if (start.length < errorBytesMax) start += chunk.toString('latin1', 0, errorBytesMax);
    });
    response.on('end', () => {
      report.code = errorCodePattern.exec(start)?.[1];
    });
  });
}
