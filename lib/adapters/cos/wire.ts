import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { WireReport } from './cos-error';

/** The one request of a call of the SDK, seen and held from below the SDK. */
export interface Wire {
  /** What the wire showed, since the SDK keeps the first failure to itself when it tries again. */
  readonly report: WireReport;
  /** An agent for one request, which goes over the sockets of the shared one. */
  over(shared: Agent): Agent;
  /**
   * The outcome of a call of the SDK, or a failure once its time is over, or what a listener of the SDK threw. The SDK
   * itself only limits the time between two bytes, and COS sends spaces while a long copy is under way. And it reads
   * an answer's body within a listener, where an error of its parser is caught by nobody and would end the process.
   */
  within<Data>(timeoutMs: number, run: () => Promise<Data>): Promise<Data>;
}

export function createWire(): Wire {
  const report: WireReport = {};
  let sent: ClientRequest | undefined;
  let ended = false;
  let giveUp: (thrown: unknown) => void = () => {};

  return {
    report,
    over(shared) {
      const agent = shared as Agent & { addRequest(request: ClientRequest, options: RequestOptions): void };
      const addRequest = (request: ClientRequest, options: RequestOptions): void => {
        // Kept from the wire: its call has failed already, after a time in which nothing ran.
        if (ended) return;
        sent = request;
        const caught = (thrown: unknown): void => giveUp(thrown);
        catchFromListeners(request, caught);
        request.on('response', (response) => catchFromListeners(response, caught));
        listen(request, report);
        agent.addRequest(request, options);
      };
      return Object.create(shared, { addRequest: { value: addRequest } }) as Agent;
    },
    async within(timeoutMs, run) {
      let timer: NodeJS.Timeout | undefined;
      try {
        return await new Promise((resolve, reject) => {
          giveUp = (thrown) => {
            reject(thrown as Error);
            sent?.destroy();
          };
          timer = setTimeout(() => {
            report.networkError ??= new Error(`no whole answer within ${timeoutMs} ms`);
            giveUp(report.networkError);
          }, timeoutMs);
          run().then(resolve, reject);
        });
      } finally {
        ended = true;
        clearTimeout(timer);
      }
    },
  };
}

/** All that the SDK does after it sent its request, it does in listeners of these two. */
function catchFromListeners(
  emitter: ClientRequest | IncomingMessage,
  caught: (thrown: unknown) => void,
): void {
  const emit = emitter.emit.bind(emitter) as (event: string | symbol, ...args: unknown[]) => boolean;
  emitter.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    try {
      return emit(event, ...args);
    } catch (thrown) {
      caught(thrown);
      return true;
    }
  };
}

const errorCodePattern = /<Code>([^<]*)<\/Code>/;
const errorBytesMax = 8 * 1024;

function listen(request: ClientRequest, report: WireReport): void {
  const broken = (error: Error): void => {
    report.networkError ??= error;
  };
  request.on('error', broken);
  request.on('response', (response: IncomingMessage) => {
    report.status = response.statusCode;
    report.requestId = String(response.headers['x-cos-request-id'] ?? '');
    const dateMs = Date.parse(response.headers.date ?? '');
    report.dateMs = Number.isNaN(dateMs) ? undefined : dateMs;
    // An answer that breaks off.
    response.on('error', broken);
    let start = '';
    response.on('data', (chunk: Buffer) => {
      if (start.length < errorBytesMax) start += chunk.toString('latin1', 0, errorBytesMax);
    });
    response.on('end', () => {
      report.code = errorCodePattern.exec(start)?.[1];
    });
  });
}
