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
  /** No copy lands later than this after it was sent. */
  readonly longestTransferMs: number;
  /** The clocks of two regions, or of a function and COS, may differ by this much. */
  readonly clockToleranceMs: number;
  /** A single server-side copy surely ends well within the retry delay up to this size. */
  readonly singleCopyBytesMax: number;
  /** No step begins with less time than this left. */
  readonly deadlineMarginMs: number;
  /** Keys of one event, or of one sweep, looked at side by side. */
  readonly keysAtOnce: number;
}

export const defaultSettings: ReplicationSettings = {
  historyPageEntries: 100,
  roundsMax: 6,
  examinationsMax: 2_000,
  staleTriesMax: 5,
  staleWaitMs: 100,
  listingBelievedAfterMs: 60_000,
  longestTransferMs: 15 * 60_000,
  clockToleranceMs: 30_000,
  singleCopyBytesMax: 512 * 1024 ** 2,
  deadlineMarginMs: 5_000,
  keysAtOnce: 8,
};
