import type { HandleEventPorts } from './handle-event';
import { isolated } from './isolated';
import { leaseOf, leasesFolder, removeExpired } from './lease';
import { lookAtKey, type TimerRun } from './look-at-key';
import { mapAtMost } from './map-at-most';

/** Pages of leases a run reads at most. */
const leasePagesMax = 20;

/** A lease that expired belonged to a worker that died, and others may have left their work to it. */
export async function sweepLeases(ports: HandleEventPorts, run: TimerRun): Promise<void> {
  let after: string | undefined;
  for (let page = 0; page < leasePagesMax; page += 1) {
    const { names, complete } = await ports.state.list(leasesFolder, after);
    await mapAtMost(ports.settings.keysAtOnce, names, async (name) => {
      if (run.timeIsUp()) return;
      await isolated(ports, 'lease not swept', { name }, () => sweepLease(ports, name, run));
    });
    after = names.at(-1);
    if (complete || after === undefined || run.timeIsUp()) return;
  }
}

async function sweepLease(ports: HandleEventPorts, name: string, run: TimerRun): Promise<void> {
  const body = await ports.state.get(name);
  if (body === undefined) return;
  const lease = leaseOf(ports.log, name, body);
  if (lease === undefined || lease.untilMs > ports.clock.now() || lease.source.region !== ports.region)
    return;
  // Before the look: a worker that finds the lease gone takes one of its own.
  await isolated(ports, 'lease not removed', { name }, () => removeExpired(ports, { name, body }));
  await lookAtKey(ports, lease.source, lease.key, run);
}
