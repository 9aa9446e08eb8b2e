import type { NetworkLink } from './network-settings';

/** How long bytes take that are put on links which others use too: one after the other, so that they share. */
export interface TransferLines {
  /** Milliseconds from now until these bytes have arrived. */
  readonly put: (link: NetworkLink, bytes: number, nowMs: number) => number;
}

export function createTransferLines(): TransferLines {
  const freeAtMs = new Map<NetworkLink, number>();
  return {
    put: (link, bytes, nowMs) => {
      // What is as small as a head passes between the packets of others.
      if (link.bytesPerSecond === undefined || bytes === 0) return 0;
      const startMs = Math.max(nowMs, freeAtMs.get(link) ?? 0);
      const endMs = startMs + (bytes / link.bytesPerSecond) * 1000;
      freeAtMs.set(link, endMs);
      return endMs - nowMs;
    },
  };
}
