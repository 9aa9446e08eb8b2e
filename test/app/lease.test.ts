import { handleEvent } from '../../lib/app/handle-event';
import { type Lease, takeLease } from '../../lib/app/lease';
import type { StateStore } from '../../lib/app/ports';
import { reconcile } from '../../lib/app/reconcile';
import { createWorld, destination, eventFor, settings, sound, source, type World } from '../support/world';

const key = 'k';
const { leaseMs, clockToleranceMs } = createWorld().ports.settings;

/** A world with somebody who counts what is asked of leases. */
function withLeases() {
  const world = createWorld();
  const asked: string[] = [];
  const { state } = world.ports;
  const of =
    <Rest extends unknown[], Answer>(call: string, method: (name: string, ...rest: Rest) => Answer) =>
    (name: string, ...rest: Rest): Answer => {
      if (name.startsWith('leases/')) asked.push(call);
      return method(name, ...rest);
    };
  const counted: Partial<StateStore> = {
    get: of('get', state.get),
    create: of('create', state.create),
    remove: of('remove', state.remove),
  };
  Object.assign(state, counted);
  return { world, asked };
}

const take = (world: World) => takeLease(world.ports, source, destination, key);
const taken = async (world: World): Promise<Lease> => {
  const lease = await take(world);
  if (lease === 'held' || lease === undefined) throw new Error(`no lease, but ${lease}`);
  return lease;
};
const places = (world: World) =>
  [...world.documents.keys()]
    .filter((name) => name.startsWith('leases/'))
    .map((name) => Number.parseInt(name.split('/').at(-1) ?? '', 10));

test('one that is released in time costs two requests, and finding one held two', async () => {
  const { world, asked } = withLeases();
  const lease = await taken(world);
  expect(asked).toEqual(['create']);
  expect(await take(world)).toBe('held');
  expect(asked.splice(0)).toEqual(['create', 'create', 'get']);
  await lease.release();
  expect(asked).toEqual(['remove']);
});

test('a late release leaves a lease alone that was taken in the same place since', async () => {
  const { world } = withLeases();
  const late = await taken(world);
  world.advance(leaseMs);
  await (await taken(world)).release();
  expect(places(world)).toEqual([]);
  const another = await taken(world);
  await late.release();
  expect(await take(world)).toBe('held');
  await another.release();
  expect(places(world)).toEqual([]);
});

test('a late release leaves its place to whoever took it over, who removes both', async () => {
  const { world } = withLeases();
  const late = await taken(world);
  world.advance(leaseMs);
  const other = await taken(world);
  await late.release();
  // Whoever comes then must not find the first place free.
  expect(await take(world)).toBe('held');
  await other.release();
  expect(places(world)).toEqual([]);
});

test('a late release removes its own beside one that was taken over from another lease in its place', async () => {
  const { world } = withLeases();
  const died = await taken(world);
  world.advance(leaseMs);
  const other = await taken(world);
  // By a clock that is behind, that one was still in time.
  world.advance(-leaseMs);
  await died.release();
  const late = await taken(world);
  expect(places(world)).toEqual([1, 0]);
  world.advance(leaseMs);
  await late.release();
  expect(places(world)).toEqual([1]);
  await other.release();
  expect(places(world)).toEqual([]);
});

test('a late release removes what nobody took over, so that nobody relies on whoever is gone', async () => {
  const { world } = withLeases();
  const late = await taken(world);
  // By another clock it may have expired.
  world.advance(leaseMs - clockToleranceMs);
  await late.release();
  expect(places(world)).toEqual([]);
});

test('whoever comes in the middle of a release is the only one who holds', async () => {
  const { world } = withLeases();
  await taken(world);
  world.advance(leaseMs);
  const lease = await taken(world);
  const { remove } = world.ports.state;
  let next: Lease | undefined;
  world.ports.state.remove = async (name) => {
    await remove(name);
    next ??= await taken(world);
  };
  await lease.release();
  expect(await take(world)).toBe('held');
  await next?.release();
  expect(places(world)).toEqual([]);
});

test('where one that expired cannot be removed, what was taken after it is released all the same', async () => {
  const { world } = withLeases();
  await taken(world);
  world.advance(leaseMs);
  const lease = await taken(world);
  const { remove } = world.ports.state;
  world.ports.state.remove = async (name) => {
    if (name.endsWith('/000000.json')) throw new Error('503');
    return remove(name);
  };
  await expect(lease.release()).rejects.toThrow('503');
  expect(places(world)).toEqual([0]);
});

test('where releases fail for good, work goes on without a lease, and asks for none at each step', async () => {
  const { world, asked } = withLeases();
  world.ports.state.remove = async () => {
    throw new Error('403');
  };
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.advance(1000);
  for (let died = 0; died < 20; died += 1) {
    await taken(world);
    world.advance(leaseMs);
  }
  for (const body of ['one', 'two', 'three']) world.cos.put(source, key, { body });
  asked.length = 0;
  await handleEvent(world.ports, eventFor(key, world.ports.clock.now()));
  expect(world.shown(destination, key)).toEqual(['one', 'two', 'three']);
  expect(asked).toHaveLength(2 * 20);
});

describe('the timer', () => {
  const sweep = (world: World) => reconcile({ ...world.ports, ruleSets: async () => [] });

  test('leaves a lease alone that was taken in the same place since it was read', async () => {
    const { world } = withLeases();
    await taken(world);
    world.advance(leaseMs);
    const { get } = world.ports.state;
    let standing: Lease | undefined;
    world.ports.state.get = async (name) => {
      const body = await get(name);
      if (!name.startsWith('leases/')) return body;
      world.ports.state.get = get;
      await (await taken(world)).release();
      standing = await taken(world);
      return body;
    };
    await sweep(world);
    expect(standing).toBeDefined();
    expect(await take(world)).toBe('held');
  });

  test('looks at the key of one that it cannot remove', async () => {
    const { world } = withLeases();
    await world.rules.create(world.change, 'r1', sound(settings()));
    world.advance(1000);
    await taken(world);
    world.advance(leaseMs);
    world.cos.put(source, key, { body: 'one' });
    world.ports.state.remove = async () => {
      throw new Error('403');
    };
    expect(await sweep(world)).toMatchObject({ lookedAt: 1, written: 1 });
    expect(world.lines).toContainEqual(expect.objectContaining({ message: 'lease not removed' }));
  });

  test('leaves one that expired to whoever took it over', async () => {
    const { world } = withLeases();
    await taken(world);
    world.advance(leaseMs);
    const lease = await taken(world);
    await sweep(world);
    expect(await take(world)).toBe('held');
    await lease.release();
    expect(places(world)).toEqual([]);
  });
});
