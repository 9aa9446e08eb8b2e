/** Every bound and wait of replication, in one place. Times in milliseconds, sizes in bytes. */
export interface ReplicationSettings {
  /** Entries of a key's history read at a time. */
  readonly historyPageEntries: number;
  /** Looks at one key before it is left for later, because it changes faster than it can be copied. */
  readonly roundsMax: number;
  /** Destination entries examined, or pages read, for one plan. */
  readonly examinationsMax: number;
  /** A listing that lags behind a HEAD is read again this often, with a growing wait. */
  readonly staleTriesMax: number;
  readonly staleWaitMs: number;
  /** A listing is believed against a HEAD of a version that is older than this. */
  readonly listingBelievedAfterMs: number;
  /** A plan is applied no longer than this after its look; then the key is looked at again. */
  readonly planAgeMaxMs: number;
  /** No copy lands later than this after it was sent. */
  readonly longestTransferMs: number;
  /** What a user uploads so long may have the time of its begin, and be listed below what was written meanwhile. */
  readonly longestUploadMs: number;
  /** A delete whose answer never came has happened by then, or never will. */
  readonly deleteSettlesMs: number;
  /** The clocks of two regions, or of a function and COS, may differ by this much. */
  readonly clockToleranceMs: number;
  /** A single server-side copy surely ends well within the retry delay up to this size. */
  readonly singleCopyBytesMax: number;
  /** No step begins with less time than this left. */
  readonly deadlineMarginMs: number;
  /** Work on a contended key is left to one worker at a time, which saves requests and nothing else. */
  readonly leases: boolean;
  /** Without a lease, a contended key is written to after a wait by chance, at first below this, then four times as long. */
  readonly backOffMs: number;
  /** After so many waits, each in vain because somebody else wrote, it is written to all the same. */
  readonly backOffsMax: number;
  /** A lease whose holder does not come back is taken over after this. */
  readonly leaseMs: number;
  /** The record of a delete marker is kept at least this long, whatever the destination's listing shows. */
  readonly recordsKeptMs: number;
  /** Keys of one event, or of one sweep, looked at side by side. */
  readonly keysAtOnce: number;
}

export const defaultSettings: ReplicationSettings = {
  historyPageEntries: 1_000,
  roundsMax: 6,
  examinationsMax: 2_000,
  staleTriesMax: 5,
  staleWaitMs: 100,
  listingBelievedAfterMs: 20_000,
  planAgeMaxMs: 30_000,
  longestTransferMs: 15 * 60_000,
  longestUploadMs: 15 * 60_000,
  deleteSettlesMs: 120_000,
  clockToleranceMs: 30_000,
  singleCopyBytesMax: 512 * 1024 ** 2,
  deadlineMarginMs: 5_000,
  leases: true,
  backOffMs: 200,
  backOffsMax: 4,
  leaseMs: 60_000,
  recordsKeptMs: 24 * 3_600_000,
  keysAtOnce: 8,
};

/** What is this old stands in every listing, whatever clock tells its age: Last-Modified is in whole seconds. */
export function listedForSureMs(
  settings: Pick<ReplicationSettings, 'listingBelievedAfterMs' | 'clockToleranceMs'>,
): number {
  return settings.listingBelievedAfterMs + settings.clockToleranceMs + 1000;
}

/** How far back from a look entries may come to light that were not listed when it was stamped. */
export function seenLookbackMs(settings: ReplicationSettings): number {
  const { listingBelievedAfterMs, clockToleranceMs, planAgeMaxMs, longestUploadMs } = settings;
  return listingBelievedAfterMs + clockToleranceMs + planAgeMaxMs + longestUploadMs;
}
