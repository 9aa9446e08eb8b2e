import { handleEvent } from '../../lib/app/handle-event';
import { reconcile } from '../../lib/app/reconcile';
import { ReplicationError } from '../../lib/domain/error';
import type { BucketRef } from '../../lib/domain/rule';
import { createWorld, destination, eventFor, settings, sound, source, type World } from '../support/world';

/** What goes wrong under the timer's function: a part that fails holds up no other. */
const elsewhere: BucketRef = { bucket: 'elsewhere-1250000000', region: 'ap-beijing' };

const run = (world: World, remainingMs = () => 600_000) =>
  reconcile({ ...world.ports, remainingMs, ruleSets: () => world.ruleSetsOf(source.region) });

async function withTwoDestinations(): Promise<World> {
  const world = createWorld();
  world.cos.createBucket(elsewhere);
  // In the order of the walk: the first one fails below.
  await world.rules.create(world.change, 'r1', sound(settings({ destination: elsewhere })));
  await world.rules.create(world.change, 'r2', sound(settings()));
  world.advance(1_000);
  return world;
}

const codesTold = (world: World): readonly unknown[] =>
  world.lines.filter(({ level }) => level === 'error').map(({ facts }) => facts.code);

/** Until mended, COS refuses every list of this bucket. */
function denyLists(world: World, bucket: string): () => void {
  const { listVersions } = world.ports.store;
  world.ports.store.listVersions = async (ref, page) => {
    if (ref.bucket === bucket) throw new ReplicationError('ACCESS_DENIED', `listVersions ${bucket}`);
    return listVersions(ref, page);
  };
  return () => {
    world.ports.store.listVersions = listVersions;
  };
}

test('a rule whose destination cannot be listed keeps no other from its walk, and does not count as compared', async () => {
  const world = await withTwoDestinations();
  await run(world);
  world.advance(300_000);
  // A marker that was replicated, and one of a user at the destination, look alike.
  world.cos.put(source, 'a', { body: 'one' });
  world.cos.delete(source, 'a');
  for (const to of [destination, elsewhere]) {
    world.cos.put(to, 'a', { body: 'one' });
    world.cos.delete(to, 'a');
  }
  world.advance(120_000);
  const mend = denyLists(world, elsewhere.bucket);
  expect(await run(world)).toMatchObject({ finished: true, lookedAt: 1 });
  expect(codesTold(world)).toEqual(['ACCESS_DENIED']);
  mend();
  world.advance(300_000);
  expect(await run(world)).toMatchObject({ finished: true, lookedAt: 1 });
  world.advance(300_000);
  expect(await run(world)).toMatchObject({ finished: true, lookedAt: 0 });
});

test('a key of which nothing can be written down keeps no other from its look', async () => {
  const world = await withTwoDestinations();
  for (const key of ['a', 'b', 'c']) world.cos.put(source, key, { body: key });
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async (request) => {
    if (request.key === 'b') throw new ReplicationError('THROTTLED', 'b');
    return copyVersion(request);
  };
  const { put } = world.ports.state;
  world.ports.state.put = async (name, body) => {
    if (name.startsWith('backlog/')) throw new ReplicationError('STORE_UNAVAILABLE', name);
    return put(name, body);
  };
  expect(await run(world)).toMatchObject({ finished: true, written: 4 });
  expect(world.shown(destination, 'c')).toEqual(['c']);
  world.ports.store.copyVersion = copyVersion;
  expect(await run(world)).toMatchObject({ written: 2 });
  expect(world.shown(destination, 'b')).toEqual(['b']);
});

test('a page that fails is read again', async () => {
  const world = await withTwoDestinations();
  world.cos.put(source, 'a', { body: 'one' });
  const { listVersions } = world.ports.store;
  let failures = 3;
  world.ports.store.listVersions = async (...call) => {
    if (failures > 0) {
      failures -= 1;
      throw new ReplicationError('THROTTLED', 'listVersions');
    }
    return listVersions(...call);
  };
  expect(await run(world)).toMatchObject({ walkedKeys: 2, written: 2, finished: true });
  expect(codesTold(world)).toEqual([]);
});

test('damaged documents are told of by name, and passed over', async () => {
  const world = await withTwoDestinations();
  world.cos.put(source, 'a', { body: 'one' });
  const damaged = [
    `backlog/${source.bucket}/r1/0/key.0-n1.json`,
    `jobs/reconcile/${source.region}.json`,
    `leases/${destination.bucket}/0/000000.json`,
  ];
  for (const name of damaged) world.documents.set(name, '{"half": ');
  expect(await run(world)).toMatchObject({ written: 2, finished: true });
  const told = world.lines.filter(({ facts }) => facts.code === 'STATE_UNREADABLE');
  expect(told.map(({ facts }) => facts.name).sort()).toEqual(damaged);
});

test('rules of one bucket that cannot be read keep no other from its walk', async () => {
  const world = await withTwoDestinations();
  world.cos.put(source, 'a', { body: 'one' });
  world.documents.set('sources/broken-1250000000.json', '{}');
  world.documents.set('rules/broken-1250000000/newest.json', '{"revision":7}');
  expect(await run(world)).toMatchObject({ written: 2, finished: true });
  expect(codesTold(world)).toEqual(['RULES_UNREADABLE']);
});

test('a backlog about which nothing can be done leaves the walk its turn, and is gone on with where it stopped', async () => {
  const world = createWorld();
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.advance(1_000);
  const { copyVersion } = world.ports.store;
  const stuck: string[] = [];
  world.ports.store.copyVersion = async (request) => {
    if (!request.key.startsWith('stuck')) return copyVersion(request);
    stuck.push(request.key);
    throw new ReplicationError('ACCESS_DENIED', request.key);
  };
  const keys = Array.from({ length: 20 }, (_, i) => `stuck ${i}`);
  for (const key of keys) {
    world.cos.put(source, key, { body: key });
    const told = handleEvent(world.ports, eventFor(key, world.ports.clock.now()));
    await expect(told).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
  }
  world.cos.put(source, 'unheard', { body: 'one' });
  stuck.length = 0;
  // The time is half over after some keys of the backlog.
  const remainingMs = () => (stuck.length >= 10 ? 100_000 : 600_000);
  expect(await run(world, remainingMs)).toMatchObject({ finished: true });
  expect(world.shown(destination, 'unheard')).toEqual(['one']);
  const ofFirst = new Set(stuck.slice(0, 10));
  stuck.length = 0;
  // The walk looks at all of them again; what the sweep looks at comes first.
  expect(await run(world, () => (stuck.length >= 5 ? 100_000 : 600_000))).toMatchObject({ finished: true });
  expect(stuck.slice(0, 5).filter((key) => ofFirst.has(key))).toEqual([]);
});
