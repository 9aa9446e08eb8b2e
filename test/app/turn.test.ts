import { handleEvent } from '../../lib/app/handle-event';
import { defaultSettings, type ReplicationSettings } from '../../lib/app/settings';
import { destination, eventFor, source, type World, withRule } from '../support/world';

/** Where a contended key has no lease, chance decides who writes. */
const key = 'k';

const notify = ({ ports }: Pick<World, 'ports'>) => handleEvent(ports, eventFor(key, ports.clock.now()));

/** Two versions at once were told of by two events. */
const contended = async (own: Partial<ReplicationSettings> = { leases: false }): Promise<World> => {
  const world = await withRule({}, own);
  for (const body of ['one', 'two']) world.cos.put(source, key, { body });
  return world;
};

/** A worker of this world whose waits are written down; somebody else may do something during each. */
const watched = (world: World, during = async (_wait: number): Promise<unknown> => undefined) => {
  const { clock } = world.ports;
  const waits: number[] = [];
  const sleep = async (milliseconds: number): Promise<void> => {
    waits.push(milliseconds);
    await during(waits.length);
    await clock.sleep(milliseconds);
  };
  return { ports: { ...world.ports, clock: { ...clock, sleep } }, waits };
};

test('whoever waits longer sees that another one wrote, and writes nothing', async () => {
  const world = await contended();
  const longer = watched(world, async (wait) => {
    expect(wait).toBe(1);
    expect((await notify(world)).written).toBe(2);
  });
  expect((await notify(longer)).written).toBe(0);
  expect(world.shown(destination, key)).toEqual(['one', 'two']);
});

test('a key that nobody else works on is written to without a wait, and with a lease so is any', async () => {
  const world = await withRule({}, { leases: false });
  world.cos.put(source, key, { body: 'one' });
  const alone = watched(world);
  expect((await notify(alone)).written).toBe(1);
  expect(alone.waits).toEqual([]);

  const holder = watched(await contended({}));
  expect((await notify(holder)).written).toBe(2);
  expect(holder.waits).toEqual([]);
});

test('where no lease is to be had since the state bucket refuses it, there is a wait too', async () => {
  const world = await contended({});
  world.ports.state.create = () => Promise.reject(new Error('connection reset'));
  const worker = watched(world);
  expect((await notify(worker)).written).toBe(2);
  expect(worker.waits).toHaveLength(1);
});

test('a wait that was not in vain is forgotten', async () => {
  const world = await contended();
  const worker = watched(world, async (wait) => {
    if (wait <= 2) world.cos.put(destination, key, { body: `of somebody else ${wait}` });
    if (wait === 3) for (const body of ['three', 'four']) world.cos.put(source, key, { body });
  });
  expect((await notify(worker)).written).toBe(4);
  expect(worker.waits).toHaveLength(4);
  expect(worker.waits[3]).toBeLessThan(defaultSettings.backOffMs);
});

test('whoever always comes too late waits longer each time, and writes in the end', async () => {
  const world = await contended();
  const { backOffMs, backOffsMax } = defaultSettings;
  const worker = watched(world, async (wait) => {
    world.cos.put(destination, key, { body: `of somebody else ${wait}` });
  });
  const { waits } = worker;
  expect((await notify(worker)).written).toBe(2);
  expect(world.shown(destination, key).slice(-2)).toEqual(['one', 'two']);
  expect(waits).toHaveLength(backOffsMax);
  for (const [round, wait] of waits.entries()) expect(wait).toBeLessThan(backOffMs * 4 ** round);
  // By chance, which this world repeats.
  expect(Math.max(...waits)).toBeGreaterThan(backOffMs);
  expect(waits.every((wait) => Number.isInteger(wait))).toBe(true);
});

test('no wait takes the time that is needed to write, and to ask before it', async () => {
  const world = await contended({ leases: false, backOffMs: 60_000 });
  const { clock, settings, store } = world.ports;
  const { headObject } = store;
  store.headObject = async (...call) => {
    world.advance(50);
    return headObject(...call);
  };
  const endMs = clock.now() + 2 * settings.deadlineMarginMs + 300;
  const { ports, waits } = watched(world);
  const worker = { ports: { ...ports, remainingMs: () => endMs - clock.now() } };
  expect((await notify(worker)).written).toBe(2);
  expect(waits).toHaveLength(1);
  expect(waits[0]).toBeGreaterThan(0);
  expect(waits[0]).toBeLessThanOrEqual(300);
});
