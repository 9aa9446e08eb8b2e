import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Circumstances } from '../cos/circumstances';
import { createFaultDraws, type FaultDraws } from '../faults/fault-draws';
import { type FaultPlan, noFaults } from '../faults/fault-plan';
import { type Handle, sendCosError, serveWithFault } from '../faults/inject-fault';
import { requestFacts } from '../faults/request-facts';
import { linkBetween, type NetworkSettings, plainNetwork } from './network-settings';
import { createRateLimiter, rateClassOf } from './request-rate';
import { createTransferLines } from './transfer-line';

/** All that lies between COS and those who use it, changeable while it runs. */
export interface CosNetwork {
  /** Takes a request to COS through distance, limits and faults. */
  readonly serve: (request: IncomingMessage, response: ServerResponse) => void;
  readonly faults: () => FaultDraws;
  readonly plan: () => FaultPlan;
  readonly settings: () => NetworkSettings;
  /** From the next request on; the draws begin anew. */
  readonly setPlan: (plan: FaultPlan) => void;
  readonly setSettings: (settings: NetworkSettings) => void;
  /** Ends whatever is under way. */
  readonly close: () => void;
}

export interface CosNetworkSettings {
  readonly handle: Handle;
  /** Which function's key it is, or `user`. */
  readonly callerOf: (secretId: string) => string;
  /** Where functions run. */
  readonly functionRegion: string;
  readonly now?: () => number;
}

export function createCosNetwork({
  handle,
  callerOf,
  functionRegion,
  now = Date.now,
}: CosNetworkSettings): CosNetwork {
  let plan = noFaults;
  let draws = createFaultDraws(plan);
  let settings = plainNetwork;
  let limiter = createRateLimiter(settings.requestsPerSecond);
  let lines = createTransferLines();
  const ending = new AbortController();
  // Every request that waits listens, and there may be any number.
  setMaxListeners(0, ending.signal);
  const pass = async (milliseconds: number): Promise<void> => {
    if (milliseconds > 0) await sleep(milliseconds, undefined, { signal: ending.signal, ref: false });
  };

  const roundTripMs = (one: string, other: string): number =>
    linkBetween(settings, one, other)?.roundTripMs ?? 0;
  /** Until these bytes have gone over what lies between; 0 if no bandwidth is set. */
  const carryMs = (one: string, other: string, bytes: number): number => {
    const link = linkBetween(settings, one, other);
    return link ? lines.put(link, bytes, now()) : 0;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const facts = requestFacts(request, callerOf);
    const { bucket, region } = facts;
    const from = facts.caller === 'user' ? 'user' : functionRegion;
    await pass(roundTripMs(from, region));
    await pass(carryMs(from, region, Number(request.headers['content-length'] ?? 0)));
    if (bucket !== '' && !limiter.admit(bucket, region, rateClassOf(facts.operation), now())) {
      request.resume();
      return sendCosError(response, 503, 'SlowDown');
    }
    const fault = draws.forRequest(facts);
    const circumstances: Circumstances = {
      transfer: async (source, destination, bytes) => {
        if (source === destination) return;
        await pass(roundTripMs(source, destination));
        await pass(carryMs(source, destination, bytes));
      },
      downloadRate: (bytes) => (bytes / carryMs(from, region, bytes)) * 1000,
    };
    if (!fault) return handle(request, response, circumstances);
    return serveWithFault(fault, request, response, circumstances, handle, ending.signal);
  };

  return {
    serve: (request, response) => {
      serve(request, response).catch(() => response.destroy());
    },
    faults: () => draws,
    plan: () => plan,
    settings: () => settings,
    setPlan: (next) => {
      plan = next;
      draws = createFaultDraws(next);
    },
    setSettings: (next) => {
      settings = next;
      limiter = createRateLimiter(next.requestsPerSecond);
      lines = createTransferLines();
    },
    close: () => ending.abort(),
  };
}
