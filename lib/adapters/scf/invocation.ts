import type { MiddlewareObj } from '@middy/core';
import { ReplicationError } from '../../domain/error';
import type { Logger } from '../../app/ports';

/** The parts of SCF's context that are used. Source: https://www.tencentcloud.com/document/product/583/11060 */
export interface ScfContext {
  readonly request_id?: string;
  readonly time_limit_in_ms?: number;
  readonly getRemainingTimeInMillis?: () => number;
  callbackWaitsForEmptyEventLoop?: boolean;
}

/** The invocation that an instance is at: SCF gives an event function one event at a time. */
export interface Invocation {
  readonly requestId: string | undefined;
  readonly remainingMs: () => number;
}

/** SCF's own default; its context always says better. */
const timeLimitDefaultMs = 3_000;

/**
 * What every handler needs around it: the deadline, the request id for the log, and one line for a failure before it
 * goes on to the platform, which retries on nothing else.
 */
export function invocationMiddleware(
  begin: (invocation: Invocation) => void,
  log: Logger,
  now: () => number,
): MiddlewareObj {
  return {
    before: ({ context }) => {
      const scf = context as unknown as ScfContext;
      scf.callbackWaitsForEmptyEventLoop = false;
      const endMs = now() + (scf.time_limit_in_ms ?? timeLimitDefaultMs);
      begin({
        requestId: scf.request_id,
        remainingMs: () => scf.getRemainingTimeInMillis?.() ?? endMs - now(),
      });
    },
    onError: ({ error }) => {
      const facts =
        error instanceof ReplicationError
          ? { code: error.code, detail: error.message, hint: error.hint }
          : { code: 'UNEXPECTED', detail: error?.message, trace: error?.stack };
      log.error('invocation failed', facts);
      // Nothing is returned: middy then throws on, and SCF tries the event again.
    },
  };
}
