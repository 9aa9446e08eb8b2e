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
  /** Whether the holder of the lease sees what this worker sees. */
  readonly mayLeave: boolean;
}

/**
 * Who writes to a contended key: the holder of its lease, and where none is to be had, whom chance lets go first. To be
 * asked before every write; fails if the plan is to be dropped.
 */
export function createTurn(ports: ApplyPlanPorts, request: TurnRequest): () => Promise<void> {
  const { source, one, look, contended, mayLeave } = request;
  const { settings, clock } = ports;
  const { destination } = one.rule;
  /** Nothing is left to be asked. */
  let isFree = !contended;

  const assertUnchanged = async (): Promise<void> => {
    if (await keyChanged(ports, destination, source.key, look)) throw new PlanDropped('again');
  };
  const holdLease = async (): Promise<void> => {
    const lease = await takeLease(ports, source.bucket, destination, source.key).catch(() => undefined);
    if (lease === 'held' && mayLeave) throw new PlanDropped('idle');
    one.lease = lease === 'held' ? undefined : lease;
    // What was planned may have been done by whoever held it before.
    if (one.lease) await assertUnchanged();
  };
  /** Whoever waits shortest writes, and the others see that somebody did. */
  const backOff = async (): Promise<void> => {
    if (one.waitsInVain >= settings.backOffsMax) return;
    const waitMs = Math.floor(share(ports) * settings.backOffMs * 4 ** one.waitsInVain);
    // As much as a write needs is left for it, and for what is asked before it.
    const spareMs = ports.remainingMs() - 2 * settings.deadlineMarginMs;
    one.waitsInVain += 1;
    await clock.sleep(Math.max(0, Math.min(waitMs, spareMs)));
    await assertUnchanged();
    one.waitsInVain = 0;
  };
  return async () => {
    if (isFree || one.lease !== undefined) return;
    isFree = true;
    if (settings.leases) await holdLease();
    if (one.lease === undefined) await backOff();
  };
}

/** At least 0 and less than 1, by chance. */
function share({ entropy, digests }: ApplyPlanPorts): number {
  return Number.parseInt(digests.sha256(entropy.nonce()).slice(0, 8), 16) / 2 ** 32;
}
