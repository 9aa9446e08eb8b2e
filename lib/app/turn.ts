import { type ApplyPlanPorts, PlanDropped } from './apply-plan';
import { takeLease } from './lease';
import { keyChanged, type Look } from './look';
import type { SourceSide } from './make-plan';
import type { Progress } from './progress';

interface TurnRequest {
  readonly source: SourceSide;
  readonly one: Progress;
  /** At the destination, when it was planned. */
  readonly look: Look;
  readonly contended: boolean;
  /** Whether the holder of the lease may not see what this worker sees. */
  readonly mayNotLeave: () => boolean;
  readonly round: number;
}

/**
 * Who writes to a contended key: the holder of its lease, and where none is to be had, whom chance lets go first. To be
 * asked before every write; fails if the plan is to be dropped.
 */
export function createTurn(ports: ApplyPlanPorts, request: TurnRequest): () => Promise<void> {
  const { source, one, look, contended, mayNotLeave, round } = request;
  const { settings, clock } = ports;
  const { destination } = one.rule;
  let isFree = !contended;
  let none = !settings.leases || !contended;

  const assertUnchanged = async (): Promise<void> => {
    if (await keyChanged(ports, destination, source.key, look)) throw new PlanDropped('again');
  };
  const holdLease = async (): Promise<void> => {
    const lease = await takeLease(ports, source.bucket, destination, source.key).catch(() => undefined);
    if (lease === 'held' && !mayNotLeave()) throw new PlanDropped('idle');
    if (lease === 'held') return;
    one.lease = lease;
    // Without one the steps go on, and do not ask each time.
    none = lease === undefined;
    // What was planned may have been done by whoever held it before.
    if (lease) await assertUnchanged();
  };
  /** Whoever waits shortest writes, and the others see that somebody did. Time for what comes then must be left. */
  const backOff = async (): Promise<void> => {
    isFree = true;
    if (round >= settings.backOffsMax) return;
    const waitMs = Math.floor(share(ports) * settings.backOffMs * 4 ** round);
    await clock.sleep(Math.max(0, Math.min(waitMs, ports.remainingMs() - settings.deadlineMarginMs)));
    await assertUnchanged();
  };
  return async () => {
    if (one.lease === undefined && !none) await holdLease();
    if (one.lease === undefined && !isFree) await backOff();
  };
}

/** At least 0 and less than 1, by chance. */
function share({ entropy, digests }: ApplyPlanPorts): number {
  return Number.parseInt(digests.sha256(entropy.nonce()).slice(0, 8), 16) / 2 ** 32;
}
