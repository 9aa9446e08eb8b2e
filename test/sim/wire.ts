import { type ReasonCode, ReplicationError } from '../../lib/domain/error';
import type { Chance } from './chance';
import type { FaultKind, Faults } from './faults';
import type { Scheduler } from './scheduler';
import type { Trace } from './trace';

/** Whoever sends requests: a function's instance, or an operator's. */
export interface Caller {
  readonly name: string;
  /** What becomes of its requests: a stream of its own, so that leaving out one caller moves no other. */
  readonly chance: Chance;
  readonly alive: boolean;
  /** It stops at the await where it is, for good. What it has sent may still land. */
  crash(): void;
}

export interface Request {
  readonly api: string;
  /** What it is about, for the trace. */
  readonly subject: string;
  readonly writes: boolean;
  /** Kinds of trouble beside those of every request. */
  readonly faults?: readonly FaultKind[];
}

/** The network: each request takes its time, gets lost, or outlives its sender, as the seed has it. */
export interface Wire {
  /** `effect` is what the other side does; it is told which of the request's own faults to play. */
  send<Answer>(
    caller: Caller,
    request: Request,
    effect: (fault: FaultKind | undefined) => Answer,
    show?: (answer: Answer) => string,
  ): Promise<Answer>;
}

const everyRequest: readonly FaultKind[] = [
  'throttled',
  'refused',
  'expired',
  'failedBefore',
  'slow',
  'paused',
  'crashedBefore',
  'crashedAfter',
];
const everyWrite: readonly FaultKind[] = ['failedAfter', 'late'];

/** So long at most a creator may be on the way and still pass beside one that came first. */
const creatorsOverlapMs = 1_500;

/** No copy takes longer than this, whatever its caller was told. */
export const latestLandingMs = 45_000;

const refusals: Partial<Record<FaultKind, ReasonCode>> = {
  throttled: 'THROTTLED',
  refused: 'ACCESS_DENIED',
  expired: 'CREDENTIALS_EXPIRED',
};

export function createWire(scheduler: Scheduler, faults: Faults, trace: Trace): Wire {
  return {
    send: (caller, request, effect, show) =>
      new Promise((resolve, reject) => {
        const { api, subject, writes } = request;
        const { chance } = caller;
        const fault = faults.befalls(chance, [
          ...(request.faults ?? []),
          ...everyRequest,
          ...(writes ? everyWrite : []),
        ]);
        const delayMs = latencyMs(chance, fault);
        // Whether the other side acts at once or only just before it answers; a sender that pauses has been answered.
        const early = chance.happens(0.5) || (writes && fault === 'paused');
        const tell = (outcome: string): void => trace.add(caller.name, api, subject, outcome);
        const unknown = writes ? 'OUTCOME_UNKNOWN' : 'STORE_UNAVAILABLE';

        if (fault === 'crashedBefore') {
          tell('crashes before it is sent');
          return caller.crash();
        }
        const act = (): (() => void) => {
          try {
            const answer = effect(fault);
            return () => {
              if (trace.kept) tell(`${fault ?? 'ok'}${show ? ` ${show(answer)}` : ''}`);
              resolve(answer);
            };
          } catch (thrown) {
            return () => {
              if (trace.kept) tell(String(thrown));
              reject(thrown as Error);
            };
          }
        };
        const fail = (code: ReasonCode): void => {
          tell(`${fault}: ${code}`);
          reject(new ReplicationError(code, `${api} ${subject}`));
        };
        const reply = (run: () => void): void => {
          scheduler.after(delayMs, () => {
            if (caller.alive) run();
          });
        };

        const refusal = fault && refusals[fault];
        if (refusal) return reply(() => fail(refusal));
        if (fault === 'failedBefore' || (fault === 'errorIn200' && early)) return reply(() => fail(unknown));
        if (fault === 'late') {
          scheduler.after(delayMs + chance.between(1, latestLandingMs - 10_000), () => {
            act();
            trace.add(caller.name, api, subject, 'lands late');
          });
          return reply(() => fail(unknown));
        }
        if (fault === 'crashedAfter') {
          tell('is sent, then the sender crashes');
          caller.crash();
          scheduler.after(delayMs, () => void act());
          return;
        }
        const lost = fault === 'failedAfter' || fault === 'errorIn200';
        const answerOf = (done: () => void) => (lost ? () => fail(unknown) : done);
        if (early) {
          const done = act();
          return reply(answerOf(done));
        }
        scheduler.after(delayMs, () => {
          const done = act();
          if (caller.alive) answerOf(done)();
        });
      }),
  };
}

function latencyMs(chance: Chance, fault: FaultKind | undefined): number {
  if (fault === 'paused') return chance.between(20_000, 90_000);
  if (fault === 'slow' || fault === 'failedAfter') return chance.between(1_000, 9_000);
  // Who overlaps with another creator is on the way for a while: others read meanwhile what the first one wrote.
  if (fault === 'twoCreators') return chance.between(3, creatorsOverlapMs);
  return chance.between(3, 60);
}
