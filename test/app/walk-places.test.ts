import { reconcile } from '../../lib/app/reconcile';
import { ReplicationError } from '../../lib/domain/error';
import type { WalkState } from '../../lib/app/walk-state';
import { createWorld, destination, settings, sound, source, type World, withRule } from '../support/world';

const run = (world: World, remainingMs = () => 600_000) =>
  reconcile({ ...world.ports, remainingMs, ruleSets: () => world.ruleSetsOf(source.region) });
const stateOf = (world: World) =>
  JSON.parse(world.documents.get(`jobs/reconcile/${source.region}.json`) ?? '') as WalkState;

/** A bucket so large that a walk takes several runs; the prefix of its rule is edited while one is under way. */
async function lostKeyIsFound(edited: readonly string[] | undefined): Promise<World> {
  const world = await withRule({ prefixes: ['p/'] });
  for (let i = 10; i < 30; i += 1) world.cos.put(source, `p/${i}`, { body: `${i}` });
  expect(await run(world)).toMatchObject({ finished: true, written: 20 });
  world.advance(300_000);
  // No event tells of it, and the walk that is under way has passed it, or takes long to come to it.
  world.cos.put(source, 'p/25', { body: 'lost' });
  world.advance(20 * 60_000);
  world.cos.put(source, 'p/12', { body: 'young' });
  const isDone = () => world.shown(destination, 'p/12').length > 1;
  // Time is up in the middle.
  for (let i = 10; i < 18; i += 1) world.cos.put(source, `p/${i}`, { body: `${i} again` });
  expect(await run(world, () => (isDone() ? 6_000 : 600_000))).toMatchObject({ finished: false });
  expect(stateOf(world).stopped).toMatchObject({ prefix: 'p/', afterKey: 'p/17' });
  if (edited) await world.rules.edit(world.change, 'r1', () => sound(settings({ prefixes: edited })));
  for (let time = 0; time < 12; time += 1) {
    world.advance(300_000);
    await run(world);
  }
  return world;
}

test.each([
  ['none', undefined],
  ['another one beside it', ['p/', 'q/']],
  ['a part of it', ['p/2']],
  ['a shorter one', ['p']],
  ['the whole bucket', ['']],
])('what no event told of is found within the hour, new prefix: %s', async (_name, edited) => {
  const world = await lostKeyIsFound(edited);
  expect(world.shown(destination, 'p/25')).toEqual(['25', 'lost']);
});

/** A bucket of which a run has time for one page on each side: a walk takes seven runs. */
async function runsUntilFound(outageEach: number, runsMax: number): Promise<number | undefined> {
  const world: World = await withRule();
  for (let i = 0; i < 6_500; i += 1) {
    const key = `k${String(i).padStart(5, '0')}`;
    world.cos.put(source, key, { body: key });
    world.cos.put(destination, key, { body: key });
  }
  world.cos.put(source, 'z', { body: 'lost' });
  world.advance(20 * 60_000);
  const { listVersions } = world.ports.store;
  for (let run = 1; run <= runsMax; run += 1) {
    let pages = 0;
    world.ports.store.listVersions = async (ref, page) => {
      // For as long as this run lasts, the destination does not list.
      if (run % outageEach === 0 && ref.bucket === destination.bucket)
        throw new ReplicationError('STORE_UNAVAILABLE', 'listVersions: 503');
      pages += 1;
      return listVersions(ref, page);
    };
    const remainingMs = () => (pages > 2 ? 0 : 600_000);
    await reconcile({ ...world.ports, remainingMs, ruleSets: () => world.ruleSetsOf(source.region) });
    world.advance(300_000);
    if (world.shown(destination, 'z').length > 0) return run;
  }
  return undefined;
}

test.each([
  ['no outage', Infinity],
  ['an outage in each fifth run', 5],
])(
  'the end of a large bucket is reached, with %s',
  async (_name, each) => {
    expect(await runsUntilFound(each, 60)).toBeDefined();
  },
  300_000,
);

test('a page that holds nothing and says that there is more is no end of a bucket', async () => {
  const world = await withRule();
  world.cos.put(source, 'a', { body: 'one' });
  const { listVersions } = world.ports.store;
  world.ports.store.listVersions = async (ref, page) =>
    ref.bucket === source.bucket ? { entries: [], complete: false } : listVersions(ref, page);
  await run(world);
  // Nothing of it was seen: it must not count as compared, and somebody must be told.
  expect(Object.keys(stateOf(world).compared?.sinces ?? {})).toEqual([]);
});
/** Two rules that were made in one second; the narrow one goes while a walk is under way. */
async function hoursUntilFound(leave: boolean): Promise<number | undefined> {
  const world = createWorld();
  const rules = [
    { id: 'r1', settings: settings({ priority: 2 }) },
    { id: 'r2', settings: settings({ priority: 1, prefixes: ['a/'] }) },
  ];
  for (const { id, settings } of rules) await world.rules.create(world.change, id, sound(settings));
  world.advance(1_000);
  for (let i = 10; i < 30; i += 1) world.cos.put(source, `p/${i}`, { body: `${i}` });
  world.cos.put(source, 'a/k', { body: 'one' });
  expect(await run(world)).toMatchObject({ finished: true, written: 21 });
  world.advance(300_000);
  // No event tells of it.
  world.cos.put(source, 'a/k', { body: 'lost' });
  world.advance(20 * 60_000);
  world.cos.put(source, 'p/12', { body: 'young' });
  const isDone = () => world.shown(destination, 'p/12').length > 1;
  for (let i = 10; i < 18; i += 1) world.cos.put(source, `p/${i}`, { body: `${i} again` });
  expect(await run(world, () => (isDone() ? 6_000 : 600_000))).toMatchObject({ finished: false });
  expect(stateOf(world).stopped).toMatchObject({ rule: 'r1', prefix: '', afterKey: 'p/17' });
  if (leave) await world.rules.remove(world.change, 'r2');
  world.advance(20_000);
  const begun = world.ports.clock.now();
  for (let time = 0; time < 12 * 48; time += 1) {
    await run(world);
    if (world.shown(destination, 'a/k').length > 1) return (world.ports.clock.now() - begun) / 3_600_000;
    world.advance(300_000);
  }
  return undefined;
}

test.each([false, true])(
  'what no event told of is found within the hour, where the rule that had it leaves it to another one: %s',
  async (leave) => {
    expect(await hoursUntilFound(leave)).toBeLessThan(1);
  },
);
