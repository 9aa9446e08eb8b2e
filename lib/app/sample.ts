import type { Clock, Digests } from './ports';

export interface Turn {
  readonly periodMs: number;
  readonly oneIn: number;
  /** Periods since this one count as well: whoever asks has not asked since. Absent: only the present one. */
  readonly fromMs?: number;
}

/** Whether a name is among the one in so many whose turn it is: in each period others, and each once in so many periods. */
export function isItsTurn(
  { clock, digests }: { readonly clock: Clock; readonly digests: Digests },
  name: string,
  { periodMs, oneIn, fromMs = Infinity }: Turn,
): boolean {
  const now = Math.floor(clock.now() / periodMs);
  // That of the last question was answered then.
  const first = Math.min(now, Math.floor(fromMs / periodMs) + 1);
  const turn = Number.parseInt(digests.sha256(name).slice(0, 8), 16) % oneIn;
  const sinceTurn = (((now - turn) % oneIn) + oneIn) % oneIn;
  return now - sinceTurn >= first;
}
