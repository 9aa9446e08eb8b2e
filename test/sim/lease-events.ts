import type { LeaseDocument } from '../../lib/app/lease';
import type { World } from './world';

const isLease = (name: string): boolean => name.startsWith('leases/');

/** Told of every request to create a lease's document, once it is decided. */
export function noteLeaseAsked({ state, scheduler, tally }: World, name: string, created: boolean): void {
  if (!isLease(name)) return;
  if (created) {
    tally.count('lease taken');
    // Whoever finds an expired one takes the place after it.
    if (!name.endsWith('/000000.json')) tally.count('lease stolen');
    return;
  }
  const standing = state.documents.get(name);
  if (standing !== undefined && leaseOf(standing).untilMs > scheduler.now()) tally.count('lease found held');
}

/** Told before a lease's document goes. */
export function noteLeaseRemoved(
  { state, scheduler, settings, tally }: World,
  name: string,
  by: string,
): void {
  const standing = isLease(name) ? state.documents.get(name) : undefined;
  if (standing === undefined) return;
  const { holder, untilMs } = leaseOf(standing);
  const isOwn = holder.startsWith(nonceStart(by));
  if (isOwn && untilMs < scheduler.now()) tally.count('lease expired under its worker');
  if (!isOwn && untilMs > scheduler.now() + settings.replication.clockToleranceMs)
    tally.count('lease of another dropped');
}

const leaseOf = (body: string): LeaseDocument => JSON.parse(body) as LeaseDocument;

/** What all nonces of an instance begin with. */
export const nonceStart = (instance: string): string => `${instance.replaceAll(/[^a-z0-9]/g, '')}n`;
