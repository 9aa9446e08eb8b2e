import { runHotKey } from '../sim/hot-key';

/** The budget of a key that is overwritten a hundred times a second, with twenty workers at it. */
const redundantShareMax = 0.01;
/** Workers without leases ask for a lot, and a busy machine takes its time. */
const patienceMs = 180_000;

async function redundantShare(leases: 'on' | 'off'): Promise<number> {
  const { writes, redundant, failure } = await runHotKey('one hot key', leases);
  expect(failure).toBeUndefined();
  // All but what cannot be copied, such as archived ones.
  expect(writes - redundant).toBeGreaterThan(80);
  return redundant / writes;
}

test(
  'a hot key: with leases at most one write in a hundred repeats a version, without them many do',
  async () => {
    const [on, off] = [await redundantShare('on'), await redundantShare('off')];
    expect(on).toBeLessThanOrEqual(redundantShareMax);
    // Otherwise the workload has no contention, and the first says nothing.
    expect(off).toBeGreaterThan(10 * redundantShareMax);
  },
  patienceMs,
);
