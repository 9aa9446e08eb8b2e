import { asReplicationError, type ReasonCode, ReplicationError } from '../domain/error';
import type { BucketRef } from '../domain/rule';
import type { BucketDirectory, BucketVersioning, Clock } from './ports';

/**
 * Keeps replication away from buckets whose versioning is not Enabled: a write there replaces what has no version.
 * States are read at most one config lifetime apart, and at once distrusted when an answer names no version.
 */
export interface VersioningGate {
  /** Fails, retryable, with SOURCE_NOT_VERSIONED or DESTINATION_NOT_VERSIONED. */
  pass(bucket: BucketRef, side: 'source' | 'destination'): Promise<void>;
  /** An answer of this bucket named no version. */
  trip(bucket: BucketRef): void;
}

/** Answers that are about a bucket as a whole. */
const refusals: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['ACCESS_DENIED', 'BUCKET_MISSING']);

export function createVersioningGate(
  directory: BucketDirectory,
  clock: Clock,
  settings: { readonly configLifetimeMs: number },
): VersioningGate {
  const known = new Map<string, { readonly answer: Promise<BucketVersioning>; readonly readMs: number }>();

  const nameOf = (ref: BucketRef): string => `${ref.region}/${ref.bucket}`;

  const stateOf = async (ref: BucketRef): Promise<BucketVersioning> => {
    const readMs = clock.now();
    const held = known.get(nameOf(ref));
    if (held && readMs - held.readMs < settings.configLifetimeMs) return held.answer;
    const answer = directory.versioning(ref);
    known.set(nameOf(ref), { answer, readMs });
    answer.catch((thrown: unknown) => {
      // A refusal is of the bucket, and no key of it fares better; any other failure may have passed by now.
      if (!refusals.has(asReplicationError(thrown).code)) known.delete(nameOf(ref));
    });
    return answer;
  };

  return {
    async pass(ref, side) {
      const versioning = await stateOf(ref);
      if (versioning === 'Enabled') return;
      const code = side === 'source' ? 'SOURCE_NOT_VERSIONED' : 'DESTINATION_NOT_VERSIONED';
      throw new ReplicationError(code, `${ref.bucket} in ${ref.region} is ${versioning}`);
    },
    trip(ref) {
      known.delete(nameOf(ref));
    },
  };
}
