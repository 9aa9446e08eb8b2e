import { handleEvent } from '../../lib/app/handle-event';
import { createRuleSource } from '../../lib/app/rule-source';
import { reconcile } from '../../lib/app/reconcile';
import { ReplicationError } from '../../lib/domain/error';
import type { RuleSettings } from '../../lib/domain/rule';
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

/** What a change of rules does to their backlogs, by itself: no timer runs here unless a test says so. */
const keys = ['a/1', 'a/2', 'b/1', 'b/2'];
const elsewhere = { bucket: 'elsewhere-1250000000', region: 'ap-beijing' };

/** A rule, and keys that could not be copied. */
async function withBacklog(): Promise<World> {
  const world = createWorld();
  world.cos.createBucket(elsewhere);
  await world.rules.create(world.change, 'r1', sound(settings({ prefixes: ['a/', 'b/'] })));
  world.advance(1_000);
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new ReplicationError('THROTTLED', 'copyVersion');
  };
  for (const key of keys) {
    world.cos.put(source, key, { body: key });
    const notified = handleEvent(world.ports, eventFor(key, world.ports.clock.now()));
    await expect(notified).rejects.toMatchObject({ code: 'THROTTLED' });
  }
  world.ports.store.copyVersion = copyVersion;
  world.advance(1_000);
  expect(keysLeft(world)).toEqual(keys);
  return world;
}

const edit = (world: World, more: Partial<RuleSettings>) =>
  world.rules.edit(world.change, 'r1', (rule) => sound({ ...rule, ...more }));

const namesLeft = (world: World) => [...world.documents.keys()].filter((name) => name.startsWith('backlog/'));
const keysLeft = (world: World) =>
  namesLeft(world)
    .map((name) => (JSON.parse(world.documents.get(name) ?? '') as { key: string }).key)
    .toSorted();

const told = (world: World) =>
  world.lines.filter(({ message }) => /^(rule changed|backlog )/.test(message)).map(({ message }) => message);

/** Takes the place of the state bucket's removals, until it is mended. */
function onRemoval(world: World, before: (name: string) => Promise<void>): () => void {
  const { remove } = world.ports.state;
  world.ports.state.remove = async (name) => {
    await before(name);
    return remove(name);
  };
  return () => void (world.ports.state.remove = remove);
}

test.each<[string, Partial<RuleSettings>, readonly string[]]>([
  ['switched off: what is pending goes', { status: 'Disabled' }, []],
  ['another destination: it goes', { destination: elsewhere }, []],
  ['fewer prefixes: what is still covered stays', { prefixes: ['b/'] }, ['b/1', 'b/2']],
  ['a longer prefix: what is still covered stays', { prefixes: ['a/1'] }, ['a/1']],
  ['more prefixes: all stays', { prefixes: ['a/', 'b/', 'c/'] }, keys],
  ['the whole bucket: all stays', { prefixes: [''] }, keys],
  ['another class: all stays', { destination: { ...destination, storageClass: 'STANDARD_IA' } }, keys],
  ['another priority: all stays', { priority: 7 }, keys],
  ['another description: all stays', { description: 'another' }, keys],
  ['markers no longer: all stays', { deleteMarkerReplication: 'Disabled' }, keys],
])('%s', async (_name, more, left) => {
  const world = await withBacklog();
  await edit(world, more);
  expect(keysLeft(world)).toEqual(left);
});

test('deleted: what is pending goes, and not that of another rule', async () => {
  const world = await withBacklog();
  const other = `backlog/${source.bucket}/r2/0/key.0-n.json`;
  world.documents.set(other, '{}');
  await world.rules.remove(world.change, 'r1');
  expect(namesLeft(world)).toEqual([other]);
});

test('switched on again: the backlog is empty', async () => {
  const world = await withBacklog();
  await edit(world, { status: 'Disabled' });
  world.advance(20_000);
  await edit(world, { status: 'Enabled' });
  expect(keysLeft(world)).toEqual([]);
});

test('what a later change covers again stays, however late and by whatever clock an earlier one closes', async () => {
  const world = await withBacklog();
  const { list } = world.ports.state;
  let asked = false;
  world.ports.state.list = async (folder, after) => {
    if (asked || !folder.startsWith('backlog/')) return list(folder, after);
    asked = true;
    // The first change pauses here, and what failed under the second is written by a clock that is behind.
    await edit(world, { prefixes: ['a/', 'b/'] });
    const [name = ''] = namesLeft(world);
    const early = name.replace(/\.[0-9a-z]+-/, '.0-');
    world.documents.set(early, world.documents.get(name) ?? '');
    return list(folder, after);
  };
  await edit(world, { prefixes: ['c/'] });
  expect(namesLeft(world)).toHaveLength(keys.length + 1);
  expect(told(world)).toContain('backlog left to the timer');
});

test('what fails under the new destination stays, however late the change closes', async () => {
  const world = await withBacklog();
  const { list } = world.ports.state;
  world.ports.state.list = async (folder, after) => {
    if (!folder.startsWith('backlog/')) return list(folder, after);
    world.ports.state.list = list;
    world.advance(1_000);
    world.cos.put(source, 'a/3', { body: 'new', storageClass: 'ARCHIVE' });
    // An instance that has just begun.
    const rules = createRuleSource(world.ruleStore, world.ports.clock, ruleTimes);
    await handleEvent({ ...world.ports, rules }, eventFor('a/3', world.ports.clock.now()));
    return list(folder, after);
  };
  await edit(world, { destination: elsewhere });
  expect(keysLeft(world)).toEqual(['a/3']);
});

test.each<[string, RuleSettings, readonly string[]]>([
  ['to the same destination', settings({ prefixes: ['a/'] }), ['a/1', 'a/2']],
  ['to another destination', settings({ prefixes: ['a/'], destination: elsewhere }), []],
  ['that is off', settings({ prefixes: ['a/'], status: 'Disabled' }), []],
])(
  'left out of a whole new set of rules: what no other rule of it copies goes, beside one %s',
  async (_name, other, left) => {
    const world = await withBacklog();
    await world.rules.replace(world.change, [{ id: 'r2', settings: other }], undefined);
    expect(keysLeft(world)).toEqual(left);
    world.advance(20_000);
    await reconcile({ ...world.ports, ruleSets: () => world.ruleSetsOf(source.region) });
    expect(namesLeft(world)).toEqual([]);
    const copied = keys.filter((key) => world.shown(destination, key).length > 0);
    expect(copied).toEqual(left);
  },
);

test('an entry that cannot be read is not taken for one that is no longer covered', async () => {
  const world = await withBacklog();
  const { get } = world.ports.state;
  const [unread] = namesLeft(world);
  world.ports.state.get = async (name) => {
    if (name === unread) throw new ReplicationError('STORE_UNAVAILABLE', name);
    return get(name);
  };
  await edit(world, { prefixes: ['c/'] });
  expect(namesLeft(world)).toEqual([unread]);
  expect(told(world)).toEqual(['rule changed', 'rule changed', 'backlog entry not read']);
});

test('an entry that cannot be removed is no failure of the change, and keeps no other; the timer removes it', async () => {
  const world = await withBacklog();
  const [refused] = namesLeft(world);
  const mend = onRemoval(world, async (name) => {
    if (name === refused) throw new ReplicationError('STORE_UNAVAILABLE', name);
  });
  const { ruleSet } = await edit(world, { status: 'Disabled' });
  expect((await world.rules.list(source.bucket)).revision).toBe(ruleSet.revision);
  expect(namesLeft(world)).toEqual([refused]);
  // Who made the change is said before anything that may go wrong after it.
  expect(told(world)).toEqual(['rule changed', 'rule changed', 'backlog not closed']);
  mend();
  world.advance(20_000);
  await reconcile({ ...world.ports, ruleSets: () => world.ruleSetsOf(source.region) });
  expect(namesLeft(world)).toEqual([]);
});

test('a list of the backlog that fails is no failure of the change', async () => {
  const world = await withBacklog();
  const { list } = world.ports.state;
  world.ports.state.list = async (folder, after) => {
    if (folder.startsWith('backlog/')) throw new ReplicationError('STORE_UNAVAILABLE', folder);
    return list(folder, after);
  };
  await edit(world, { status: 'Disabled' });
  expect(told(world)).toEqual(['rule changed', 'rule changed', 'backlog not closed']);
});

test.each<[string, Partial<RuleSettings>]>([
  ['all', { status: 'Disabled' }],
  ['what is no longer covered', { prefixes: ['c/'] }],
])('a backlog of thousands keeps no answer waiting, several go side by side: %s', async (_name, more) => {
  const world = await withBacklog();
  const [name = ''] = namesLeft(world);
  const body = world.documents.get(name) ?? '';
  for (let i = 0; i < 5_000; i += 1) world.documents.set(name.replace(/[^/]*$/, `v${i}.0-n.json`), body);
  const beforeMs = world.ports.clock.now();
  let underWay = 0;
  let most = 0;
  const mend = onRemoval(world, async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    world.advance(10);
    underWay -= 1;
  });
  await edit(world, more);
  expect(world.ports.clock.now() - beforeMs).toBeLessThan(15_000);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(8);
  expect(told(world)).toEqual(['rule changed', 'rule changed', 'backlog left to the timer']);
  mend();
  world.advance(20_000);
  await reconcile({ ...world.ports, ruleSets: () => world.ruleSetsOf(source.region) });
  expect(namesLeft(world)).toEqual([]);
});
