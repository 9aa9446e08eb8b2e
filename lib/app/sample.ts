import type { Clock, Digests } from './ports';

/** Whether a name is among the one in so many whose turn it is: in each period others, and about as many. */
export function isItsTurn(
  { clock, digests }: { readonly clock: Clock; readonly digests: Digests },
  name: string,
  { periodMs, oneIn }: { readonly periodMs: number; readonly oneIn: number },
): boolean {
  const period = Math.floor(clock.now() / periodMs);
  return Number.parseInt(digests.sha256(`${period}\n${name}`).slice(0, 8), 16) % oneIn === 0;
}
