import type { Clock } from '../ports';

export interface RateSettings {
  /** Requests a second, in the long run. */
  readonly perSecond: number;
  /** Requests at once, after a pause. */
  readonly burst: number;
}

/** Callers that are remembered; the one that asked least recently is forgotten first. */
const callersMax = 1000;

/** A token bucket for each caller of this instance. Gives the seconds to wait, or 0 where a request may pass. */
export function createRateLimit(clock: Pick<Clock, 'now'>, { perSecond, burst }: RateSettings) {
  const callers = new Map<string, { readonly tokens: number; readonly atMs: number }>();
  return (caller: string): number => {
    const nowMs = clock.now();
    const { tokens, atMs } = callers.get(caller) ?? { tokens: burst, atMs: nowMs };
    const refilled = Math.min(burst, tokens + (Math.max(0, nowMs - atMs) / 1000) * perSecond);
    callers.delete(caller);
    callers.set(caller, { tokens: refilled < 1 ? refilled : refilled - 1, atMs: nowMs });
    for (const oldest of callers.keys()) {
      if (callers.size <= callersMax) break;
      callers.delete(oldest);
    }
    return refilled < 1 ? (1 - refilled) / perSecond : 0;
  };
}
