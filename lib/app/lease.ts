import type { BucketRef } from '../domain/rule';
import type { Clock, Digests, Entropy, Logger, StateStore } from './ports';
import type { ReplicationSettings } from './settings';
import { parseDocument } from './state-document';

/**
 * Best-effort leases on a key of a destination. COS has no compare-and-swap, so two may hold one at a time: a lease
 * saves requests, never correctness.
 *
 * Places are numbered, and everybody begins at the first, so that one request tells whether it is free: a first name that
 * changed with the time would hide what was taken before the change, or by a clock that differs, from whoever asked for
 * nothing else. Whoever finds a place expired takes the next one. Names therefore come again, and a late release must
 * drop nobody else's:
 * - As long as no clock can have seen a lease expire, nobody took it over: its holder removes it unread.
 * - From then on it is removed only if nobody holds what was taken over from it, and it still reads as it did. Whoever
 *   took it over removes both. The place after it may also be held by somebody who took over another lease, which stood
 *   in its place before: that one knows nothing of it.
 *
 * What remains is that others take it over, release both and take the same place anew, all between that read and the
 * removal, or before COS carries a removal out that was sent in time; that such a removal, carried out late, drops what its
 * own sender has taken there since, who then releases what another one took in its place; and two creators who were both
 * told yes, each of whom removes what stands in their place then.
 */
export interface Lease {
  /** Whether no clock can have seen it expire. */
  isInTime(): boolean;
  /** Removes what was taken, and what it was taken over from. */
  release(): Promise<void>;
}

export interface LeasePorts {
  readonly state: StateStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly digests: Digests;
  readonly log: Logger;
  readonly settings: Pick<ReplicationSettings, 'leaseMs' | 'clockToleranceMs'>;
}

/** What a lease is about; the timer finds the key of an expired one by it. */
export interface LeaseDocument {
  readonly source: BucketRef;
  readonly key: string;
  readonly untilMs: number;
  readonly holder: string;
  /** The holder of the expired one that it was taken over from. */
  readonly after?: string;
}

export const leasesFolder = 'leases/';

export function leaseOf(log: Logger, name: string, body: string): LeaseDocument | undefined {
  const fields = { source: 'object', key: 'string', untilMs: 'number' } as const;
  return parseDocument<LeaseDocument>(log, name, body, fields);
}

/** A lease as it was read, or written. */
interface Standing {
  readonly name: string;
  readonly body: string;
}

/** Expired leases that one taker steps over; more mean that releases fail, and then a lease is not worth its requests. */
const epochsMax = 20;

/**
 * `held`: somebody else works on the key; `undefined`: none is to be had, and nobody is relied on. One request if the key
 * is free, and two more for each holder that died; a release in time as many.
 */
export async function takeLease(
  ports: LeasePorts,
  source: BucketRef,
  destination: BucketRef,
  key: string,
): Promise<Lease | 'held' | undefined> {
  const { state, clock, entropy, digests, settings } = ports;
  const folder = `${leasesFolder}${destination.bucket}/${digests.sha256(key)}/`;
  let epoch = 0;
  /** What expired below, as it was then. */
  const passed: Standing[] = [];
  let after: string | undefined;
  for (let attempt = 0; attempt < epochsMax; attempt += 1) {
    const untilMs = clock.now() + settings.leaseMs;
    const document: LeaseDocument = {
      source: { bucket: source.bucket, region: source.region },
      key,
      untilMs,
      holder: entropy.nonce(),
      ...(after === undefined ? {} : { after }),
    };
    const own = { name: `${folder}${placeName(epoch)}`, body: JSON.stringify(document) };
    if (await state.create(own.name, own.body)) {
      const isInTime = (): boolean => clock.now() + settings.clockToleranceMs < untilMs;
      return { isInTime, release: () => release(ports, own, isInTime, passed) };
    }
    const body = await state.get(own.name);
    // Released in between: try for the same place again.
    if (body === undefined) continue;
    const found = leaseOf(ports.log, own.name, body);
    if (isHeld(clock, found)) return 'held';
    after = found?.holder;
    passed.push({ name: own.name, body });
    epoch += 1;
  }
  return undefined;
}

async function release(
  ports: LeasePorts,
  own: Standing,
  isInTime: () => boolean,
  passed: readonly Standing[],
): Promise<void> {
  const { state } = ports;
  if (!isInTime() && (await isTakenOver(ports, own))) return;
  try {
    // From below, and what is held last: whoever comes meanwhile takes the first place, and no other.
    for (const one of passed) await removeIfStanding(state, one);
  } finally {
    if (isInTime()) await state.remove(own.name);
    else await removeIfStanding(state, own);
  }
}

/** Removes a lease that was found expired, unless somebody has taken it over, or has taken its place. */
export async function removeExpired(ports: LeasePorts, lease: Standing): Promise<void> {
  if (!(await isTakenOver(ports, lease))) await removeIfStanding(ports.state, lease);
}

async function isTakenOver({ state, clock, log }: LeasePorts, { name, body }: Standing): Promise<boolean> {
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  const next = `${folder}${placeName(Number.parseInt(name.slice(folder.length), 10) + 1)}`;
  const found = await state.get(next);
  const taken = found === undefined ? undefined : leaseOf(log, next, found);
  return isHeld(clock, taken) && taken?.after === leaseOf(log, name, body)?.holder;
}

async function removeIfStanding(state: StateStore, { name, body }: Standing): Promise<void> {
  if ((await state.get(name)) === body) await state.remove(name);
}

/** A damaged one holds nothing. */
function isHeld(clock: Clock, lease: LeaseDocument | undefined): boolean {
  return (lease?.untilMs ?? -Infinity) > clock.now();
}

function placeName(epoch: number): string {
  return `${String(epoch).padStart(6, '0')}.json`;
}
