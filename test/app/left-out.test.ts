import { handleEvent } from '../../lib/app/handle-event';
import { reconcile } from '../../lib/app/reconcile';
import { createRuleSource } from '../../lib/app/rule-source';
import { createVersioningGate } from '../../lib/app/versioning-gate';
import { at, backlogOf, key, notify, sweep } from '../support/gap-stories';
import { destination, eventFor, ruleOf, ruleTimes, source, withRule, type World } from '../support/world';

/** Each request to COS takes this long. */
function slowed(world: World, ms: number): void {
  for (const name of ['headObject', 'tagsOf', 'listKey', 'copyVersion', 'putDeleteMarker'] as const) {
    const original = world.ports.store[name] as (...call: unknown[]) => Promise<unknown>;
    world.ports.store[name] = (async (...call: unknown[]) => {
      world.advance(ms);
      return original(...call);
    }) as never;
  }
}

test('a version that carries the tags arrives, however many without them lie below it', async () => {
  const world = await withRule({ tags: [{ key: 'a', value: 'b' }], deleteMarkerReplication: 'Disabled' });
  for (let i = 0; i < 1_000; i += 1) world.cos.put(source, key, { body: `no-${i}` });
  world.cos.put(source, key, { body: 'yes', tags: 'a=b' });
  slowed(world, 20);
  await notify(world).catch(() => undefined);
  for (let run = 0; run < 12; run += 1) {
    world.advance(300_000);
    await sweep(world);
  }
  expect({ shown: at(world), backlog: await backlogOf(world) }).toEqual({ shown: ['yes'], backlog: [] });
});

test('in a chain, a user’s write arrives, however many replicas lie below it', async () => {
  const world = await withRule();
  const third = { bucket: 'third-1250000000', region: 'ap-beijing' };
  world.cos.createBucket(third);
  await ruleOf(world, destination, third, 'on');
  for (let i = 0; i < 1_600; i += 1) world.cos.put(source, key, { body: `v-${i}` });
  await notify(world);
  world.cos.put(destination, key, { body: 'mine' });
  const { ports, ruleStore, checks } = world;
  slowed(world, 20);
  const there = {
    ...ports,
    region: destination.region,
    rules: createRuleSource(ruleStore, ports.clock, ruleTimes),
    gate: createVersioningGate(checks.directory, ports.clock, { configLifetimeMs: 15_000 }),
  };
  await handleEvent(there, eventFor(key, ports.clock.now(), destination)).catch(() => undefined);
  for (let run = 0; run < 3; run += 1) {
    world.advance(300_000);
    await reconcile({ ...there, ruleSets: () => world.ruleSetsOf(destination.region) });
  }
  expect(world.shown(third, key)).toEqual(['mine']);
});

test('a version that can be copied arrives, however many that cannot lie below it', async () => {
  const world = await withRule(undefined, { singleCopyBytesMax: 5 });
  for (let i = 0; i < 800; i += 1) world.cos.put(source, key, { body: `too large ${i}` });
  world.cos.put(source, key, { body: 'small' });
  slowed(world, 20);
  for (const name of ['put', 'list', 'remove'] as const) {
    const original = world.ports.state[name] as (...call: unknown[]) => Promise<unknown>;
    world.ports.state[name] = (async (...call: unknown[]) => {
      world.advance(10);
      return original(...call);
    }) as never;
  }
  await notify(world).catch(() => undefined);
  world.advance(60_000);
  await notify(world).catch(() => undefined);
  world.advance(300_000);
  await sweep(world);
  expect(at(world)).toEqual(['small']);
});

test('a version that was tagged after its event arrives, also if the key is written again before the timer comes', async () => {
  const world = await withRule({ tags: [{ key: 'a', value: 'b' }], deleteMarkerReplication: 'Disabled' });
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  expect(at(world)).toEqual([]);
  world.advance(5_000);
  // Uploaded first, tagged then: COS tells of no tags.
  Object.assign(world.cos.history(source, key)[0]?.content ?? {}, { tags: 'a=b' });
  world.advance(5_000);
  world.cos.put(source, key, { body: 'two', tags: 'a=b' });
  await notify(world);
  for (let run = 0; run < 12 * 30; run += 1) {
    world.advance(300_000);
    await sweep(world);
  }
  expect({ shown: at(world), backlog: await backlogOf(world) }).toEqual({
    shown: ['one', 'two'],
    backlog: [],
  });
});

test('a version that is tagged long after its upload arrives, if it was not looked at within minutes', async () => {
  const world = await withRule({ tags: [{ key: 'a', value: 'b' }], deleteMarkerReplication: 'Disabled' });
  for (const body of ['one', 'none']) world.cos.put(source, key, { body });
  world.advance(120_000);
  await notify(world);
  world.advance(600_000);
  Object.assign(world.cos.history(source, key)[0]?.content ?? {}, { tags: 'a=b' });
  world.cos.put(source, key, { body: 'two', tags: 'a=b' });
  await notify(world);
  expect(at(world)).toEqual(['one', 'two']);
});
