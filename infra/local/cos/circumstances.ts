/** What the world around COS does to one request; by default nothing. */
export interface Circumstances {
  /** A listing shows nothing that was written after this time: documented as eventual consistency. */
  readonly listedUntilMs?: number;
  /** `x-cos-forbid-overwrite` is passed over, as observed when several create one key at the same time. */
  readonly forbidOverwriteIgnored?: boolean;
  /** Where a new version's id and place come from; `end` of the write by default. */
  readonly versionIdFrom?: 'start' | 'end';
  /** What a 404 for a delete marker says; nothing of it by default. */
  readonly markerNotFound?: 'plain' | 'withHeaders';
  /** Bytes per second at which an object's content of so many bytes goes to the caller; Infinity by default. */
  readonly downloadRate?: (bytes: number) => number;
  /** Resolves when one region has asked another for these bytes of a copy, and has them. */
  readonly transfer?: (fromRegion: string, toRegion: string, bytes: number) => Promise<void>;
}
