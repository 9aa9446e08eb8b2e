import type { Clock, Digests } from './ports';

export interface Turn {
  readonly periodMs: number;
  readonly oneIn: number;
  /** Periods since this one count as well: whoever asks has not asked since. Absent: only the present one. */
  readonly fromMs?: number;
}

/** Whether a name is among the one in so many whose turn it is: in each period others, and about as many. */
export function isItsTurn(
  { clock, digests }: { readonly clock: Clock; readonly digests: Digests },
  name: string,
  { periodMs, oneIn, fromMs = Infinity }: Turn,
): boolean {
  const now = Math.floor(clock.now() / periodMs);
  // That of the last question was answered then.
  const first = Math.min(now, Math.floor(fromMs / periodMs) + 1);
  for (let period = first; period <= now; period += 1) {
    const digest = digests.sha256(`${name}\n${period}`);
    if (Number.parseInt(digest.slice(0, 8), 16) % oneIn === 0) return true;
  }
  return false;
}
