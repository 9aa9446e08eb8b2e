import { handleEvent } from '../../lib/app/handle-event';
import { compareKeys } from '../../lib/app/key-walk';
import { reconcile } from '../../lib/app/reconcile';
import type { WalkState } from '../../lib/app/walk-state';
import fc from 'fast-check';
import {
  createWorld,
  destination,
  eventFor,
  settings,
  sound,
  source,
  type World,
  withRule,
} from '../support/world';

const run = (world: World, remainingMs = () => 600_000) =>
  reconcile({
    ...world.ports,
    remainingMs,
    ruleSets: () => world.ruleSetsOf(source.region),
  });

test('what no event told of is found and replicated', async () => {
  const world = await withRule();
  for (const key of ['a', 'b', '🦊', '｡']) world.cos.put(source, key, { body: `of ${key}` });
  world.cos.delete(source, 'b');
  const report = await run(world);
  expect(report).toMatchObject({ walkedKeys: 4, lookedAt: 4, written: 5, finished: true });
  expect(world.shown(destination, 'b')).toEqual(['of b', '(deleted)']);
  expect(world.shown(destination, '🦊')).toEqual(['of 🦊']);
});

test('with nothing different it costs two listings per thousand entries, and no look', async () => {
  const world = await withRule();
  const keys = Array.from({ length: 1500 }, (_, i) => `k${String(i).padStart(5, '0')}`);
  for (const key of keys) world.cos.put(source, key, { body: key });
  await run(world);
  world.requests.length = 0;
  const report = await run(world);
  expect(report).toMatchObject({ walkedKeys: 1500, written: 0, finished: true });
  expect(world.requests.filter((request) => request === 'listBucket')).toHaveLength(4);
  // The sample: one in a thousand.
  expect(report.lookedAt).toBeLessThan(10);
});

test('pending work of the backlog is done, and its entries go', async () => {
  const world = await withRule();
  world.cos.put(source, 'a', { body: 'one' });
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new Error('503');
  };
  await expect(handleEvent(world.ports, eventFor('a', world.ports.clock.now()))).rejects.toMatchObject({
    effect: 'retry',
  });
  expect((await world.rules.backlog(source.bucket, 'r1', undefined)).entries).toHaveLength(1);
  world.ports.store.copyVersion = copyVersion;
  expect(await run(world)).toMatchObject({ backlogKeys: 1, written: 1 });
  expect((await world.rules.backlog(source.bucket, 'r1', undefined)).entries).toEqual([]);
});

test('an entry that is written while its key is looked at stays', async () => {
  const world = await withRule();
  world.cos.put(source, 'a', { body: 'one' });
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new Error('503');
  };
  await expect(handleEvent(world.ports, eventFor('a', world.ports.clock.now()))).rejects.toMatchObject({
    effect: 'retry',
  });
  let meanwhile: string | undefined;
  world.ports.store.copyVersion = async (request) => {
    const [name, body] = [...world.documents].find(([found]) => found.startsWith('backlog/')) ?? [];
    meanwhile = `${name}`.replace(/\.json$/, '-later.json');
    world.documents.set(meanwhile, `${body}`);
    return copyVersion(request);
  };
  await run(world);
  expect([...world.documents.keys()].filter((name) => name.startsWith('backlog/'))).toEqual([meanwhile]);
});

test('a run that is out of time stops, and the next one goes on there', async () => {
  const world = await withRule();
  for (let i = 0; i < 40; i += 1) world.cos.put(source, `k${String(i).padStart(2, '0')}`, { body: `${i}` });
  const short = () => (world.requests.length > 60 ? 0 : 600_000);
  const first = await run(world, short);
  expect(first.finished).toBe(false);
  expect(first.written).toBeGreaterThan(0);
  expect(first.written).toBeLessThan(40);
  const second = await run(world);
  expect(second.finished).toBe(true);
  expect(second.walkedKeys).toBeLessThan(40);
  for (let i = 0; i < 40; i += 1) {
    expect(world.shown(destination, `k${String(i).padStart(2, '0')}`)).toEqual([`${i}`]);
  }
});

const stateOf = (world: World) =>
  JSON.parse(world.documents.get(`jobs/reconcile/${source.region}.json`) ?? '') as WalkState;

test.each([
  ['to their ends', false],
  // What the other had come to is written over.
  ['one of them out of time, and the last to write where it stopped', true],
])(
  'two runs of one region at once, %s: nothing is lost, each writes a thing once at most, and the next finds nothing',
  async (_name, cutShort) => {
    const world = await withRule();
    const bodies = (key: string) => world.shown(source, key);
    const { copyVersion } = world.ports.store;
    world.ports.store.copyVersion = async () => {
      throw new Error('503');
    };
    const pending = Array.from({ length: 10 }, (_, i) => `pending ${i}`);
    for (const key of pending) {
      for (const body of ['one', 'two']) world.cos.put(source, key, { body });
      await handleEvent(world.ports, eventFor(key, world.ports.clock.now())).catch(() => undefined);
    }
    world.ports.store.copyVersion = copyVersion;
    const unheard = Array.from({ length: 10 }, (_, i) => `unheard ${i}`);
    for (const key of unheard) {
      world.cos.put(source, key, { body: 'one' });
      world.cos.delete(source, key);
    }
    world.cos.put(source, 'archived', { body: 'cold', storageClass: 'ARCHIVE' });
    world.advance(120_000);

    const timeFor = (requests: number) => () => (world.requests.length > requests ? 0 : 600_000);
    world.requests.length = 0;
    const toItsEnd = run(world);
    const { put } = world.ports.state;
    world.ports.state.put = async (name, body) => {
      if (body.includes('"stopped":')) await toItsEnd;
      return put(name, body);
    };
    const reports = await Promise.all([run(world, timeFor(cutShort ? 60 : Infinity)), toItsEnd]);
    expect(reports.map(({ finished }) => finished)).toEqual([!cutShort, true]);

    for (const key of [...pending, ...unheard]) {
      const written = world.shown(destination, key);
      expect(written.filter((body, place) => written.indexOf(body) === place)).toEqual(bodies(key));
      expect(written.at(-1)).toBe(bodies(key).at(-1));
      for (const body of bodies(key))
        expect(written.filter((one) => one === body).length).toBeLessThanOrEqual(reports.length);
    }
    expect('stopped' in stateOf(world)).toBe(cutShort);
    // The next run goes on from there, the one after it begins anew, and then nothing is left.
    for (let next = 0; next < 2; next += 1) {
      world.advance(120_000);
      await run(world);
    }
    world.advance(120_000);
    expect(await run(world)).toMatchObject({ finished: true, written: 0, pending: 0, backlogKeys: 0 });
    const left = [...world.documents].filter(([name]) => name.startsWith('backlog/'));
    expect(left.map(([, body]) => (JSON.parse(body) as { key: string }).key)).toEqual(['archived']);
    const state = stateOf(world);
    expect(state).toMatchObject({ compared: { began: new Date(world.ports.clock.now()).toISOString() } });
    expect(state).not.toHaveProperty('stopped');
    expect(state.backlog).not.toHaveProperty('after');
  },
);

test('a late marker on top of the newest replica is found by the walk', async () => {
  const world = await withRule();
  world.cos.put(source, 'a', { body: 'one' });
  world.cos.delete(source, 'a');
  const { putDeleteMarker } = world.ports.store;
  let late: (() => Promise<unknown>) | undefined;
  world.ports.store.putDeleteMarker = async (...call) => {
    late = () => putDeleteMarker(...call);
    throw new Error('timed out');
  };
  await expect(handleEvent(world.ports, eventFor('a', world.ports.clock.now()))).rejects.toMatchObject({
    effect: 'retry',
  });
  world.ports.store.putDeleteMarker = putDeleteMarker;
  world.cos.put(source, 'a', { body: 'two' });
  await handleEvent(world.ports, eventFor('a', world.ports.clock.now()));
  await late?.();
  expect(world.shown(destination, 'a')).toEqual(['one', '(deleted)', 'two', '(deleted)']);
  world.letAttemptsEnd();
  await run(world);
  expect(world.shown(destination, 'a')).toEqual(['one', '(deleted)', 'two', '(deleted)', 'two']);
});

test('a rule that took long to be written is compared from its since on, also before a walk that ended meanwhile', async () => {
  const world = createWorld();
  const { create } = world.ports.state;
  world.ports.state.create = async (...call) => {
    // Long after the rule was asked for: a marker at the source, one of a user at the destination, and a walk.
    world.advance(1_000);
    world.cos.delete(source, 'a');
    world.advance(120_000);
    world.cos.delete(destination, 'a');
    await run(world);
    world.ports.state.create = create;
    return create(...call);
  };
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.advance(300_000);
  expect(await run(world)).toMatchObject({ lookedAt: 1, written: 1 });
  world.advance(300_000);
  expect(await run(world)).toMatchObject({ lookedAt: 0, written: 0 });
});

test('keys compare as COS lists them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      const bytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(Math.sign(compareKeys(a, b))).toBe(bytes);
    }),
  );
});
