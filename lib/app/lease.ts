import type { BucketRef } from '../domain/rule';
import type { Clock, Digests, Entropy, Logger, StateStore } from './ports';
import { parseDocument } from './state-document';

/**
 * Best-effort leases on a key of a destination. COS has no compare-and-swap, so two may hold one at a time: a lease
 * saves requests, never correctness. Each taking has an epoch in its name, so that a late release drops nobody
 * else's.
 */
export interface Lease {
  readonly untilMs: number;
  /** Removes what was taken, and what it was taken over from. */
  release(): Promise<void>;
}

export interface LeasePorts {
  readonly state: StateStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly digests: Digests;
  readonly log: Logger;
  readonly settings: { readonly leaseMs: number };
}

/** What a lease is about; the timer finds the key of an expired one by it. */
export interface LeaseDocument {
  readonly source: BucketRef;
  readonly key: string;
  readonly untilMs: number;
  readonly holder: string;
}

export const leasesFolder = 'leases/';

export function leaseOf(log: Logger, name: string, body: string): LeaseDocument | undefined {
  const fields = { source: 'object', key: 'string', untilMs: 'number' } as const;
  return parseDocument<LeaseDocument>(log, name, body, fields);
}

/** Expired leases that one taker steps over; more mean that releases fail, and then a lease is not worth its requests. */
const epochsMax = 20;

/** `held`: somebody else works on the key. Two requests if nobody does, one more for each holder that died. */
export async function takeLease(
  ports: LeasePorts,
  source: BucketRef,
  destination: BucketRef,
  key: string,
): Promise<Lease | 'held'> {
  const { state, clock, entropy, digests, log, settings } = ports;
  const folder = `${leasesFolder}${destination.bucket}/${digests.sha256(key)}/`;
  const nameOf = (epoch: number): string => `${folder}${String(epoch).padStart(6, '0')}.json`;
  let epoch = 0;
  /** What expired below, as it was then. */
  const passed: { readonly name: string; readonly body: string }[] = [];
  for (let attempt = 0; attempt < epochsMax; attempt += 1) {
    const untilMs = clock.now() + settings.leaseMs;
    const document: LeaseDocument = {
      source: { bucket: source.bucket, region: source.region },
      key,
      untilMs,
      holder: entropy.nonce(),
    };
    if (await state.create(nameOf(epoch), JSON.stringify(document))) {
      const own = nameOf(epoch);
      const release = async (): Promise<void> => {
        await state.remove(own);
        // Others may have removed an expired one, and somebody taken its place.
        for (const { name, body } of passed) if ((await state.get(name)) === body) await state.remove(name);
      };
      return { untilMs, release };
    }
    const standing = await state.get(nameOf(epoch));
    // Released in between: try for the same place again.
    if (standing === undefined) continue;
    // A damaged one holds nothing.
    const untilMsOfHolder = leaseOf(log, nameOf(epoch), standing)?.untilMs ?? -Infinity;
    if (untilMsOfHolder > clock.now()) return 'held';
    passed.push({ name: nameOf(epoch), body: standing });
    epoch += 1;
  }
  return 'held';
}
