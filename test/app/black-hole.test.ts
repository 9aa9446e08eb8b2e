import { handleEvent } from '../../lib/app/handle-event';
import { reconcile } from '../../lib/app/reconcile';
import type { BucketRef } from '../../lib/domain/rule';
import { createTime } from '../support/idle-time';
import { createWorld, destination, eventFor, settings, sound, source, type World } from '../support/world';

/** A destination that never answers holds up nothing else. */
const other = { bucket: 'other-1250000000', region: 'ap-beijing' };
const requestTimeoutMs = 120_000;
const functionTimeoutMs = 900_000;

/** Its listings do not answer either: as long as a request may take, and its run. */
function withoutLists(
  world: World,
  time: ReturnType<typeof createTime>,
  hole: BucketRef,
  endsMs: () => number,
): void {
  const { listVersions } = world.ports.store;
  world.ports.store.listVersions = async (ref, page) => {
    if (ref.bucket !== hole.bucket) return listVersions(ref, page);
    await time.sleep(Math.max(1_000, Math.min(requestTimeoutMs, endsMs() - time.now() - 2_000)));
    throw new Error('timed out');
  };
}

function withHole(world: World, time: ReturnType<typeof createTime>, hole: BucketRef): void {
  const { store } = world.ports;
  for (const name of ['headObject', 'listKey', 'copyVersion', 'putDeleteMarker'] as const) {
    const original = store[name] as (...call: unknown[]) => Promise<unknown>;
    store[name] = (async (...call: unknown[]) => {
      const [first] = call as [BucketRef | { readonly destination: BucketRef }];
      const to = 'destination' in first ? first.destination : first;
      if (to.bucket !== hole.bucket) return original(...call);
      await time.sleep(requestTimeoutMs);
      throw new Error('timed out');
    }) as never;
  }
}

test('pending keys of a destination that never answers do not keep the timer from the rest', async () => {
  const world = createWorld();
  world.cos.createBucket(other);
  await world.rules.create(world.change, 'r1', sound(settings({ prefixes: ['dead/'] })));
  await world.rules.create(world.change, 'r2', sound(settings({ prefixes: ['live/'], destination: other })));
  world.advance(20_000);
  const time = createTime(world.ports.clock.now());
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new Error('503');
  };
  for (let i = 0; i < 100; i += 1) {
    world.cos.put(source, `dead/${i}`, { body: 'one' });
    await handleEvent(world.ports, eventFor(`dead/${i}`, world.ports.clock.now())).catch(() => undefined);
  }
  world.ports.store.copyVersion = copyVersion;
  // Of this one no event told.
  world.cos.put(source, 'live/k', { body: 'one' });
  withHole(world, time, destination);
  for (let run = 0; run < 5; run += 1) {
    const startMs = time.now();
    const remainingMs = () => startMs + functionTimeoutMs - time.now();
    const ruleSets = () => world.ruleSetsOf(source.region);
    await time.run(reconcile({ ...world.ports, clock: time, remainingMs, ruleSets }));
  }
  expect(world.shown(other, 'live/k')).toEqual(['one']);
});

test('entries of the backlog that are never answered for do not keep the timer from the rest', async () => {
  const world = createWorld();
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.advance(20_000);
  const time = createTime(world.ports.clock.now());
  for (let i = 0; i < 100; i += 1) {
    world.documents.set(`backlog/${source.bucket}/r1/${i}/key.0-n.json`, '{}');
  }
  const { get } = world.ports.state;
  world.ports.state.get = async (name) => {
    if (!name.startsWith('backlog/')) return get(name);
    await time.sleep(requestTimeoutMs);
    throw new Error('timed out');
  };
  world.cos.put(source, 'live', { body: 'one' });
  const startMs = time.now();
  const remainingMs = () => startMs + functionTimeoutMs - time.now();
  const ruleSets = () => world.ruleSetsOf(source.region);
  await time.run(reconcile({ ...world.ports, clock: time, remainingMs, ruleSets }));
  expect(world.shown(destination, 'live')).toEqual(['one']);
  expect(remainingMs()).toBeGreaterThan(0);
});

test('many prefixes of a destination that cannot be listed do not keep the timer from the rest', async () => {
  const world = createWorld();
  world.cos.createBucket(other);
  const prefixes = Array.from({ length: 12 }, (_, i) => `dead${i}/`);
  await world.rules.create(world.change, 'r1', sound(settings({ prefixes })));
  await world.rules.create(world.change, 'r2', sound(settings({ prefixes: ['live/'], destination: other })));
  world.advance(20_000);
  world.cos.put(source, 'live/lost', { body: 'lost' });
  const time = createTime(world.ports.clock.now());
  let endsMs = 0;
  withoutLists(world, time, destination, () => endsMs);
  const clock = { now: time.now, sleep: time.sleep };
  for (let run = 0; run < 3; run += 1) {
    endsMs = time.now() + functionTimeoutMs;
    const remainingMs = () => endsMs - time.now();
    const ports = { ...world.ports, clock, remainingMs, ruleSets: () => world.ruleSetsOf(source.region) };
    await time.run(reconcile(ports));
    expect(time.now()).toBeLessThan(endsMs);
  }
  expect(world.shown(other, 'live/lost')).toEqual(['lost']);
});
