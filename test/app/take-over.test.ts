import { handleEvent } from '../../lib/app/handle-event';
import { createRuleSource } from '../../lib/app/rule-source';
import { reconcile } from '../../lib/app/reconcile';
import { ReplicationError } from '../../lib/domain/error';
import { coverageOf, type ReplicationRule, type RuleSettings } from '../../lib/domain/rule';
import {
  createWorld,
  destination,
  eventFor,
  ruleTimes,
  settings,
  sound,
  source,
  type World,
} from '../support/world';

/** Two rules to one destination share keys: the one with the higher priority takes them over, or leaves them. */
const key = 'a/k';
const wide = settings({ priority: 2 });
const narrow = settings({ priority: 1, prefixes: ['a/'], deleteMarkerReplication: 'Disabled' });

const elsewhere = { bucket: 'elsewhere-1250000000', region: 'ap-beijing' };

const at = (world: World) => world.shown(destination, key);
const notify = (world: World) => handleEvent(world.ports, eventFor(key, world.ports.clock.now()));
const sweep = (world: World) =>
  reconcile({ ...world.ports, ruleSets: () => world.ruleSetsOf(source.region) });
const backlog = (world: World) => [...world.documents.keys()].filter((name) => name.startsWith('backlog/'));

async function beside(...rules: readonly RuleSettings[]): Promise<World> {
  const world = createWorld();
  for (const [place, rule] of rules.entries())
    await world.rules.create(world.change, `r${place}`, sound(rule));
  world.advance(20_000);
  return world;
}

const edit = async (world: World, id: string, more: Partial<RuleSettings>): Promise<void> => {
  await world.rules.edit(world.change, id, (rule) => sound({ ...rule, ...more }));
};

/** Copies that fail, until they are mended. */
function refuseCopies(world: World): () => void {
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new ReplicationError('THROTTLED', 'copyVersion');
  };
  return () => {
    world.ports.store.copyVersion = copyVersion;
  };
}

async function pendingUnder(world: World): Promise<void> {
  const mend = refuseCopies(world);
  world.cos.put(source, key, { body: 'one' });
  await expect(notify(world)).rejects.toMatchObject({ code: 'THROTTLED' });
  mend();
  world.advance(5_000);
}

test('what is pending when a rule takes a key over is copied by that one', async () => {
  const world = await beside(wide);
  await pendingUnder(world);
  await world.rules.create(
    world.change,
    'r1',
    sound({ ...narrow, destination: { ...destination, storageClass: 'STANDARD_IA' } }),
  );
  world.advance(20_000);
  await sweep(world);
  expect(world.cos.history(destination, key).map(({ content }) => content?.storageClass)).toEqual([
    'STANDARD_IA',
  ]);
  expect(backlog(world)).toEqual([]);
});

test.each<[string, (world: World) => Promise<unknown>]>([
  ['is deleted', (world) => world.rules.remove(world.change, 'r1')],
  ['is switched off', (world) => edit(world, 'r1', { status: 'Disabled' })],
  [
    'is switched off, and sent elsewhere then',
    async (world) => {
      world.cos.createBucket(elsewhere);
      await edit(world, 'r1', { status: 'Disabled' });
      await edit(world, 'r1', { destination: elsewhere });
    },
  ],
  ['goes elsewhere', (world) => edit(world, 'r1', { prefixes: ['c/'] })],
])('what is pending under a rule that %s is copied by the one whose turn it is', async (_name, leave) => {
  const world = await beside(wide, narrow);
  await pendingUnder(world);
  await leave(world);
  expect(backlog(world)).toHaveLength(1);
  world.advance(20_000);
  await sweep(world);
  expect(at(world)).toEqual(['one']);
  expect(backlog(world)).toEqual([]);
});

test.each<[string, (world: World) => Promise<unknown>]>([
  ['is deleted', (world) => world.rules.remove(world.change, 'r1')],
  ['is switched off', (world) => edit(world, 'r1', { status: 'Disabled' })],
])('a delete that a rule did not replicate is not made up for once it %s', async (_name, leave) => {
  const world = await beside(wide, narrow);
  world.cos.put(source, key, { body: 'one' });
  world.cos.delete(source, key);
  await notify(world);
  expect(at(world)).toEqual(['one']);
  world.advance(60_000);
  await leave(world);
  world.advance(60_000);
  await sweep(world);
  await notify(world);
  expect(at(world)).toEqual(['one']);
  world.cos.put(source, key, { body: 'two' });
  world.cos.delete(source, key);
  await notify(world);
  expect(at(world)).toEqual(['one', 'two', '(deleted)']);
});

test('markers that come to a rule are covered by the clock of the source bucket', async () => {
  const world = await beside(wide, narrow);
  const { directory } = world.checks;
  const describeBucket = directory.describe.bind(directory);
  directory.describe = async (ref) => {
    const found = await describeBucket(ref);
    return found.kind === 'found' ? { ...found, dateMs: found.dateMs + 20_000 } : found;
  };
  const seconds = Math.floor(world.ports.clock.now() / 1000);
  const { rules } = await world.rules.remove(world.change, 'r1');
  expect(coverageOf(rules[0] as ReplicationRule, key)?.markersSince).toBe(seconds + 20);
});

test('what a rule left undone at one destination stays, whatever it leaves undone at its new one', async () => {
  const world = await beside(wide, { ...narrow, deleteMarkerReplication: 'Enabled' });
  world.cos.createBucket(elsewhere);
  // In the second of the change, so that both destinations are to have it.
  world.advance(1_000 - (world.ports.clock.now() % 1_000));
  world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
  await notify(world);
  await edit(world, 'r1', { destination: elsewhere });
  // An instance that has just begun.
  const rules = createRuleSource(world.ruleStore, world.ports.clock, ruleTimes);
  await handleEvent({ ...world.ports, rules }, eventFor(key, world.ports.clock.now()));
  const at2 = backlog(world).map(
    (name) =>
      (JSON.parse(world.documents.get(name) ?? '') as { destinationBucket: string }).destinationBucket,
  );
  expect(at2.toSorted()).toEqual([destination.bucket, destination.bucket, elsewhere.bucket]);
});

test('with a source bucket that does not tell its time, a rule goes all the same', async () => {
  const world = createWorld();
  await world.rules.create(world.change, 'r0', sound(wide));
  await world.rules.create(world.change, 'r1', sound(narrow));
  world.advance(60_000);
  world.checks.directory.describe = async () => {
    throw new ReplicationError('STORE_UNAVAILABLE', source.bucket);
  };
  const seconds = Math.floor(world.ports.clock.now() / 1000);
  await edit(world, 'r1', { status: 'Disabled' });
  await world.rules.remove(world.change, 'r1');
  const { rules } = await world.rules.list(source.bucket);
  expect(coverageOf(rules[0] as ReplicationRule, key)?.markersSince).toBeGreaterThanOrEqual(seconds);
  expect(coverageOf(rules[0] as ReplicationRule, 'b')?.markersSince).toBeLessThan(seconds);
});

test('a worker starts no copy under a rule that has lost the key, though nobody has touched it', async () => {
  const world = await beside(wide);
  for (const body of ['one', 'two']) world.cos.put(source, key, { body });
  const { copyVersion } = world.ports.store;
  const classes: (string | undefined)[] = [];
  world.ports.store.copyVersion = async (request) => {
    classes.push(request.storageClass);
    if (classes.length > 1) return copyVersion(request);
    const done = await copyVersion(request);
    await world.rules.create(
      world.change,
      'r1',
      sound({ ...narrow, destination: { ...destination, storageClass: 'STANDARD_IA' } }),
    );
    world.advance(16_000);
    return done;
  };
  await expect(notify(world)).rejects.toMatchObject({ code: 'RULE_CHANGED' });
  await notify(world);
  expect(classes).toEqual(['STANDARD', 'STANDARD_IA']);
  expect(at(world)).toEqual(['one', 'two']);
});

test('a rule that loses other keys goes on with this one', async () => {
  const world = await beside(wide);
  const own = 'b/k';
  for (const body of ['one', 'two']) world.cos.put(source, own, { body });
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async (request) => {
    world.ports.store.copyVersion = copyVersion;
    const done = await copyVersion(request);
    await world.rules.create(world.change, 'r1', sound(narrow));
    world.advance(16_000);
    return done;
  };
  await handleEvent(world.ports, eventFor(own, world.ports.clock.now()));
  expect(world.shown(destination, own)).toEqual(['one', 'two']);
});

test('a destination of the same name in another region is covered from now', async () => {
  const world = await beside(settings());
  world.cos.put(source, 'k', { body: 'old' });
  await handleEvent(world.ports, eventFor('k', world.ports.clock.now()));
  world.advance(3_600_000);
  // The bucket was deleted, and made anew elsewhere.
  const moved = { ...destination, region: 'ap-beijing' };
  world.cos.bucket(destination)?.keys.clear();
  world.cos.createBucket(moved);
  const now = Math.floor(world.ports.clock.now() / 1000);
  await world.rules.edit(world.change, 'r0', (rule) => sound({ ...rule, destination: moved }));
  world.advance(1_200_000);
  await reconcile({ ...world.ports, ruleSets: () => world.ruleSetsOf(source.region) });
  const { rule } = await world.rules.get(source.bucket, 'r0');
  expect({ shown: world.shown(moved, 'k'), fromNow: (coverageOf(rule, 'k')?.since ?? 0) >= now }).toEqual({
    shown: [],
    fromNow: true,
  });
});
