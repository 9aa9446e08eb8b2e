import { asReplicationError, ReplicationError, type ReasonCode } from '../domain/error';
import { type BucketRef, reservedPrefix } from '../domain/rule';
import type { DestinationProbe, Entropy } from './ports';

export interface ProbeReport {
  readonly ok: boolean;
  /** The object that was written and marked as deleted; its version stays. */
  readonly key: string;
  readonly steps: readonly ProbeStep[];
}

export interface ProbeStep {
  readonly step: 'write' | 'read' | 'mark';
  readonly ok: boolean;
  readonly versionId?: string;
  readonly code?: ReasonCode;
  readonly message?: string;
  readonly hint?: string;
}

/**
 * Whether a destination can be written to, found out by doing it: one small object is written, read, and marked as
 * deleted, under a prefix that no rule replicates. Stops at the first step that fails.
 */
export async function probeDestination(
  probe: DestinationProbe,
  entropy: Entropy,
  bucket: BucketRef,
): Promise<ProbeReport> {
  const body = entropy.nonce();
  const key = `${reservedPrefix}probe/${body}`;
  const versioned = (versionId: string | undefined): string => {
    if (versionId !== undefined && versionId !== 'null') return versionId;
    throw new ReplicationError('DESTINATION_NOT_VERSIONED', `${bucket.bucket} in ${bucket.region}`);
  };
  const work: readonly (readonly [ProbeStep['step'], () => Promise<string | undefined>])[] = [
    ['write', async () => versioned((await probe.write(bucket, key, body)).versionId)],
    [
      'read',
      async () => {
        if ((await probe.read(bucket, key)) === body) return undefined;
        throw new ReplicationError('REPLICA_MISMATCH', `"${key}" reads back as something else`);
      },
    ],
    ['mark', async () => versioned((await probe.mark(bucket, key)).versionId)],
  ];
  const steps: ProbeStep[] = [];
  for (const [step, run] of work) {
    try {
      const versionId = await run();
      steps.push({ step, ok: true, ...(versionId === undefined ? {} : { versionId }) });
    } catch (thrown) {
      const { code, message, hint } = asReplicationError(thrown);
      steps.push({ step, ok: false, code, message, hint });
      break;
    }
  }
  return { ok: steps.every(({ ok }) => ok), key, steps };
}
