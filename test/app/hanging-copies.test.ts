import { reconcile } from '../../lib/app/reconcile';
import { createTime } from '../support/idle-time';
import { createWorld, destination, settings, sound, source } from '../support/world';

const other = { bucket: 'other-1250000000', region: 'ap-beijing' };
const requestTimeoutMs = 120_000;
const functionTimeoutMs = 900_000;

/** Runs of a quarter of an hour until the one lost key of a healthy rule is copied. */
async function runsUntilFound(deadKeys: number, runsMax: number): Promise<number | undefined> {
  const world = createWorld();
  world.cos.createBucket(other);
  await world.rules.create(world.change, 'r1', sound(settings({ prefixes: ['dead/'] })));
  await world.rules.create(world.change, 'r2', sound(settings({ prefixes: ['live/'], destination: other })));
  world.advance(20_000);
  for (let i = 0; i < deadKeys; i += 1) world.cos.put(source, `dead/${i}`, { body: 'one' });
  world.cos.put(source, 'live/k', { body: 'one' });
  const time = createTime(world.ports.clock.now());
  const { copyVersion } = world.ports.store;
  // It lists and tells, but no copy is answered.
  world.ports.store.copyVersion = async (request) => {
    if (request.destination.bucket !== destination.bucket) return copyVersion(request);
    await time.sleep(requestTimeoutMs);
    throw new Error('timed out');
  };
  for (let run = 1; run <= runsMax; run += 1) {
    const startMs = time.now();
    const remainingMs = () => startMs + functionTimeoutMs - time.now();
    const ruleSets = () => world.ruleSetsOf(source.region);
    await time.run(reconcile({ ...world.ports, clock: time, remainingMs, ruleSets }));
    if (world.shown(other, 'live/k').length > 0) return run;
  }
  return undefined;
}

test.each([10, 1000])(
  'a rule to which %d keys cannot be copied does not keep the timer from another rule for an hour',
  async (deadKeys) => {
    const runs = await runsUntilFound(deadKeys, 60);
    expect(runs).toBeLessThanOrEqual(4);
  },
  300_000,
);
