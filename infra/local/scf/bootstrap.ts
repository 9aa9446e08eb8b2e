/**
 * The first file of every instance's process: what SCF's own runtime is to a function. It loads the bundle, hands
 * it events one at a time and reports what came of them. The bundle never sees this file, nor the local cloud.
 */
import { createRequire } from 'node:module';
import type { HostMessage, InitMessage, InstanceMessage, InvokeMessage } from './messages';
import { redirectConnections } from './redirect';

type Handler = (
  event: unknown,
  context: object,
  callback: (error: unknown, result?: unknown) => void,
) => unknown;

let init: InitMessage;
let handler: Handler;

// An instance never outlives its host, however that ended.
process.on('disconnect', () => process.exit(0));
// Ctrl-C in a terminal reaches the whole process group; the host decides when its instances end.
process.on('SIGINT', () => {});
process.on('message', (message: HostMessage) => {
  if (message.kind === 'init') load(message);
  else void invoke(message);
});

function load(message: InitMessage): void {
  init = message;
  redirectConnections(message.cloudPort);
  try {
    const loaded = createRequire(message.bundle)(message.bundle) as Record<string, unknown>;
    const exported = loaded[message.handlerExport];
    if (typeof exported !== 'function')
      throw new Error(`The bundle exports no function ${message.handlerExport}.`);
    handler = exported as Handler;
    report({ kind: 'ready' });
  } catch (error) {
    report({ kind: 'initFailed', message: describe(error) });
  }
}

async function invoke(message: InvokeMessage): Promise<void> {
  const { requestId } = message;
  Object.assign(process.env, message.environment);
  const deadlineMs = Date.now() + init.context.time_limit_in_ms;
  const context = {
    ...init.context,
    request_id: requestId,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  };
  try {
    const value = await run(JSON.parse(message.event), context);
    // A value that is no JSON is the handler's error: the platform could not pass it on.
    report({ kind: 'returned', requestId, result: JSON.stringify(value ?? null) ?? 'null' });
  } catch (error) {
    report({ kind: 'threw', requestId, message: describe(error) });
  }
}

/** Both forms of handler: one that returns (a promise), and the older one that calls back. */
function run(event: unknown, context: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const callback = (error: unknown, result?: unknown): void =>
      error === null || error === undefined ? resolve(result) : reject(error as Error);
    const returned = handler(event, context, callback);
    if (handler.length < 3 || returned instanceof Promise) resolve(returned);
  });
}

function report(message: InstanceMessage): void {
  process.send?.(message);
}

function describe(error: unknown): string {
  if (error instanceof Error) return error.stack ?? error.message;
  return typeof error === 'string' ? error : `a thrown ${JSON.stringify(error) ?? typeof error}`;
}
