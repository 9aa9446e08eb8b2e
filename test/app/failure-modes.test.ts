import fc from 'fast-check';
import { handleEvent } from '../../lib/app/handle-event';
import { ReplicationError } from '../../lib/domain/error';
import type { ObjectStore } from '../../lib/app/ports';
import { reconcile } from '../../lib/app/reconcile';
import { entryId, type HistoryEntry } from '../../lib/domain/history';
import type { BucketRef } from '../../lib/domain/rule';
import {
  destination,
  eventFor,
  ruleOf,
  settings,
  sound,
  source,
  type World,
  loseAnswers,
  withRule,
} from '../support/world';

/** What users of other replicators have reported, each as a story here: docs/testing.md says which test is which. */
const key = 'k';

const notify = (world: World, of = key, ref: BucketRef = source) =>
  handleEvent(world.ports, eventFor(of, world.ports.clock.now(), ref));
const sweep = (world: World, region = source.region) =>
  reconcile({
    ...world.ports,
    ruleSets: () => world.ruleSetsOf(region),
  });
const at = (world: World, ref: BucketRef = destination) => world.shown(ref, key);
const writesOf = (world: World) =>
  world.requests.filter((request) => request === 'copy' || request === 'delete');

/** From this call on, the process is dead: nothing it asks is heard. */
function dieAt(world: World, call: number): () => void {
  const { store, state } = world.ports;
  let calls = 0;
  const undo = [store, state].map((port) => {
    const original = { ...port };
    for (const [name, method] of Object.entries(original)) {
      Object.assign(port, {
        [name]: async (...args: unknown[]) => {
          calls += 1;
          if (calls >= call) throw new Error('killed');
          return (method as (...args: unknown[]) => Promise<unknown>)(...args);
        },
      });
    }
    return () => void Object.assign(port, original);
  });
  return () => undo.forEach((one) => one());
}

test('1: an old version that is deleted for good hides nothing, also where its replica is', async () => {
  const world = await withRule();
  const one = world.cos.put(source, key, { body: 'one' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  world.cos.deleteVersion(source, key, entryId(one.entry));
  await notify(world);
  await sweep(world);
  expect(at(world)).toEqual(['one', 'two']);

  // Its replica was never written.
  const late = world.cos.put(source, 'other', { body: 'one' });
  world.cos.put(source, 'other', { body: 'two' });
  world.cos.deleteVersion(source, 'other', entryId(late.entry));
  await notify(world, 'other');
  await sweep(world);
  expect(world.shown(destination, 'other')).toEqual(['two']);
});

test('2: a delete whose answer was lost, its event delivered ten more times and its timer run: one marker', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  world.cos.delete(source, key);
  const { lost } = loseAnswers(world, 'putDeleteMarker');
  for (let delivery = 0; delivery <= 10; delivery += 1) {
    // The first ones while nobody can tell whether the marker came about, the later ones after that.
    await notify(world).catch(() => undefined);
    if (delivery % 5 === 4) await sweep(world);
    world.advance(20_000);
  }
  expect(lost()).toBe(1);
  expect(at(world)).toEqual(['one', '(deleted)']);
});

const withoutRepeats = (written: readonly string[]) =>
  written.filter((body, place) => body !== written[place - 1]);

test.each([
  // Whoever has several entries to write takes a lease first, or leaves.
  ['in sequence', false, true, 1],
  ['in sequence, without leases', false, false, 1],
  ['at once', true, true, 1],
  // Each worker that looked before the others had written may write all of it.
  ['at once, without leases', true, false, 4],
])(
  '3: a put and a delete within 10 ms, both events doubled, in any order, %s: one version below one marker',
  async (_name, atOnce, leases, timesMax) => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
        fc.array(fc.nat(60), { minLength: 4, maxLength: 4 }),
        async (order, delays) => {
          const world = await withRule({}, { leases });
          const told: unknown[] = [];
          for (const write of ['put', 'delete'] as const) {
            if (write === 'put') world.cos.put(source, key, { body: 'one' });
            else world.cos.delete(source, key);
            const event = eventFor(key, world.ports.clock.now());
            told.push(event, event);
            world.advance(5);
          }
          const deliver = async (place: number) => {
            for (let turn = 0; atOnce && turn < (delays[place] ?? 0); turn += 1) await Promise.resolve();
            await handleEvent(world.ports, told[place]).catch(() => undefined);
          };
          if (atOnce) await Promise.all(order.map(deliver));
          else for (const place of order) await deliver(place);
          world.letAttemptsEnd();
          await sweep(world);
          const written = at(world);
          expect(withoutRepeats(written)).toEqual(['one', '(deleted)']);
          const times = ['one', '(deleted)'].map((body) => written.filter((one) => one === body).length);
          expect(Math.max(...times)).toBeLessThanOrEqual(timesMax);
        },
      ),
      { numRuns: 40 },
    );
  },
);

test.each([1, 2, 3, 4, 5])(
  '4: %i versions, their events in every order: the same order at the destination',
  async (count) => {
    for (const order of permutations(Array.from({ length: count }, (_, i) => i))) {
      const world = await withRule();
      const bodies = order.map((_, i) => `v${i}`);
      let written = 0;
      // An event comes at the earliest when its version stands.
      for (const place of order) {
        for (; written <= place; written += 1) world.cos.put(source, key, { body: bodies[written] ?? '' });
        await notify(world);
      }
      expect(at(world)).toEqual(bodies);
    }
  },
);

test('4: two hundred versions and markers, events lost, doubled and late: the same order at the destination', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ marker: fc.boolean(), events: fc.nat(2) }), { minLength: 200, maxLength: 200 }),
      async (writes) => {
        const world = await withRule();
        const expected: string[] = [];
        for (const [i, { marker, events }] of writes.entries()) {
          if (marker) world.cos.delete(source, key);
          else world.cos.put(source, key, { body: `v${i}` });
          expected.push(marker ? '(deleted)' : `v${i}`);
          world.advance(50);
          for (let event = 0; event < events; event += 1) await notify(world);
        }
        await notify(world);
        expect(at(world)).toEqual(expected);
      },
    ),
    { numRuns: 5 },
  );
});

test('5: walks of both sides of a pair in sync write nothing', async () => {
  const world = await withRule();
  await ruleOf(world, destination, source, 'back');
  for (const [ref, name] of [
    [source, 'a'],
    [destination, 'b'],
  ] as const) {
    for (const body of ['one', 'two']) world.cos.put(ref, name, { body });
    world.cos.delete(ref, name);
    // Until then a marker of a bucket that others copy to may be a replica itself.
    world.letAttemptsEnd();
    await notify(world, name, ref);
  }
  world.letAttemptsEnd();
  expect(world.shown(destination, 'a')).toEqual(['one', 'two', '(deleted)']);
  expect(world.shown(source, 'b')).toEqual(['one', 'two', '(deleted)']);

  world.requests.length = 0;
  const there = { ...world.ports, region: destination.region };
  const both = await Promise.all([
    sweep(world),
    reconcile({
      ...there,
      ruleSets: () => world.ruleSetsOf(destination.region),
    }),
  ]);
  expect(both.map(({ walkedKeys, written }) => ({ walkedKeys, written }))).toEqual([
    { walkedKeys: 2, written: 0 },
    { walkedKeys: 2, written: 0 },
  ]);
  expect(writesOf(world)).toEqual([]);
});

test('6: the 404 of a marker is no missing object: its event again sends no DELETE', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  world.cos.delete(source, key);
  await notify(world);
  world.letAttemptsEnd();
  world.requests.length = 0;
  for (let i = 0; i < 3; i += 1) await notify(world);
  expect(writesOf(world)).toEqual([]);
});

test('7: after an outage of the destination one run brings everything over, each key’s own versions oldest first, and the backlog is empty', async () => {
  const world = await withRule();
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new Error('503');
  };
  // More entries than one page of the backlog holds.
  const keys = Array.from({ length: 600 }, (_, i) => `k${i}`);
  for (const body of ['one', 'two']) {
    for (const one of keys) {
      world.cos.put(source, one, { body: `${body} of ${one}` });
      await notify(world, one).catch(() => undefined);
    }
  }
  const backlog = [...world.documents.keys()].filter((name) => name.startsWith('backlog/'));
  expect(backlog).toHaveLength(1_200);
  world.ports.store.copyVersion = copyVersion;
  world.advance(3_600_000);
  // Keys come in no order: none of them waits for another, and the run ends with all of them done.
  const report = await sweep(world);
  expect(report).toMatchObject({ backlogKeys: 600, written: 1_200, pending: 0, finished: true });
  for (const one of keys) {
    expect(world.shown(destination, one)).toEqual([`one of ${one}`, `two of ${one}`]);
  }
  expect((await world.rules.backlog(source.bucket, 'r1', undefined)).entries).toEqual([]);
});

test('8: a function that is killed at any of its calls: the timer finishes its work', async () => {
  let call = 1;
  for (let reached = true; reached; call += 1) {
    const world = await withRule();
    world.cos.put(source, key, { body: 'one' });
    world.cos.delete(source, key);
    world.cos.put(source, key, { body: 'two' });
    const revive = dieAt(world, call);
    reached = await notify(world).then(
      () => false,
      () => true,
    );
    revive();
    world.advance(world.ports.settings.leaseMs);
    world.letAttemptsEnd();
    await sweep(world);
    expect(at(world)).toEqual(['one', '(deleted)', 'two']);
  }
  // It was killed at every call of a whole run.
  expect(call).toBeGreaterThan(10);
});

test('9: a destination that is down does not hold up another one', async () => {
  const world = await withRule();
  const other = { bucket: 'other-1250000000', region: 'ap-beijing' };
  world.cos.createBucket(other);
  await world.rules.create(world.change, 'r2', sound(settings({ destination: other })));
  world.advance(20_000);
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async (...call: Parameters<ObjectStore['copyVersion']>) => {
    if (JSON.stringify(call).includes(`"bucket":"${destination.bucket}"`)) throw new Error('503');
    return copyVersion(...call);
  };
  world.cos.put(source, key, { body: 'one' });
  await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
  expect([at(world), at(world, other)]).toEqual([[], ['one']]);
});

test('9: a destination that never answers does not hold up another one', async () => {
  const world = await withRule();
  const other = { bucket: 'other-1250000000', region: 'ap-beijing' };
  world.cos.createBucket(other);
  await world.rules.create(world.change, 'r2', sound(settings({ destination: other })));
  world.advance(20_000);
  const hole = blackHole(world, destination);
  world.cos.put(source, key, { body: 'one' });
  const running = notify(world);
  running.catch(() => undefined);
  await hole.reached;
  while (at(world, other).length === 0) await new Promise((resolve) => setImmediate(resolve));
  // A reason for another round.
  world.cos.put(source, key, { body: 'two' });
  hole.timeOut();
  await expect(running).rejects.toMatchObject({ effect: 'retry' });
  // A HEAD and a listing, side by side.
  expect(hole.asked()).toBeLessThanOrEqual(2);
  expect([at(world), at(world, other)]).toEqual([[], ['one', 'two']]);
});

/** Requests to a bucket get no answer until they time out, those that are made then and later at once. */
function blackHole(world: World, bucket: BucketRef) {
  const { store } = world.ports;
  let asked = 0;
  let reach = (): void => {};
  let timeOut = (): void => {};
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const timedOut = new Promise<void>((resolve) => (timeOut = resolve));
  for (const name of ['headObject', 'listKey', 'copyVersion', 'putDeleteMarker'] as const) {
    const original = store[name] as (...call: unknown[]) => Promise<unknown>;
    store[name] = (async (...call: unknown[]) => {
      const [first] = call as [BucketRef | { readonly destination: BucketRef }];
      const to = 'destination' in first ? first.destination : first;
      if (to.bucket !== bucket.bucket) return original(...call);
      asked += 1;
      reach();
      await timedOut;
      throw new Error('timed out');
    }) as never;
  }
  return { reached, timeOut: () => timeOut(), asked: () => asked };
}

test('13: a version that is deleted for good before it was copied is passed over, and the rest flows', async () => {
  const world = await withRule();
  const poison = world.cos.put(source, 'poison', { body: 'one' });
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async (...call: Parameters<ObjectStore['copyVersion']>) => {
    world.cos.deleteVersion(source, 'poison', entryId(poison.entry));
    return copyVersion(...call);
  };
  world.cos.put(source, 'sound', { body: 'one' });
  const told = eventFor('poison', world.ports.clock.now()) as { Records: unknown[] };
  const sound = eventFor('sound', world.ports.clock.now()) as { Records: unknown[] };
  const report = await handleEvent(world.ports, { Records: [...told.Records, ...sound.Records] });
  expect(report).toMatchObject({ keys: 2, written: 1 });
  expect(world.shown(destination, 'sound')).toEqual(['one']);
  expect((await world.rules.backlog(source.bucket, 'r1', undefined)).entries).toEqual([]);
});

test('14: what a deleted rule left behind is removed, and nothing is tried for it again', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  world.ports.store.copyVersion = async () => {
    throw new ReplicationError('STORE_UNAVAILABLE', 'down');
  };
  await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
  const backlogOf = () => [...world.documents.keys()].filter((name) => name.startsWith('backlog/'));
  expect(backlogOf()).toHaveLength(1);
  const { revision } = await world.rules.list(source.bucket);
  await world.rules.remove({ ...world.change, revision }, 'r1');
  // At once, by the change itself; the timer would do it too.
  expect(backlogOf()).toEqual([]);
  world.advance(20_000);
  world.requests.length = 0;
  await sweep(world);
  await sweep(world);
  expect(backlogOf()).toEqual([]);
  expect(writesOf(world)).toEqual([]);
});

describe('15: in a ring of three', () => {
  const third = { bucket: 'third-1250000000', region: 'ap-beijing' };
  const ring = [source, destination, third];
  const invocationsMax = 20;

  const withRing = async (): Promise<World> => {
    const world = await withRule();
    world.cos.createBucket(third);
    await ruleOf(world, destination, third, 'second');
    await ruleOf(world, third, source, 'last');
    return world;
  };

  /** Each entry that comes about, in whichever bucket, invokes a function, until that succeeds. */
  const invocationsOf = async (world: World, write: () => unknown): Promise<number> => {
    const entries = (ref: BucketRef): number => world.cos.history(ref, key).length;
    const told = ring.map(entries);
    write();
    let invocations = 0;
    for (;;) {
      const place = ring.findIndex((ref, at) => entries(ref) > (told[at] ?? 0));
      if (place < 0 || invocations >= invocationsMax) return invocations;
      invocations += 1;
      const succeeds = await notify(world, key, ring[place]).then(
        () => true,
        () => false,
      );
      if (succeeds) told[place] = (told[place] ?? 0) + 1;
      else world.letAttemptsEnd();
    }
  };

  const shown = (world: World) => ring.map((ref) => at(world, ref));

  test('a write and its copy invoke two functions, a delete and its marker three, and nothing is copied on', async () => {
    const world = await withRing();
    expect(await invocationsOf(world, () => world.cos.put(source, key, { body: 'one' }))).toBe(2);
    expect(shown(world)).toEqual([['one'], ['one'], []]);
    // A marker of a bucket that others copy to may be a replica itself until it is a while old: that one is tried again.
    expect(await invocationsOf(world, () => world.cos.delete(source, key))).toBe(3);
    expect(shown(world)).toEqual([['one', '(deleted)'], ['one', '(deleted)'], []]);
  });

  test('nothing comes of events that are repeated, or of timers', async () => {
    const world = await withRing();
    for (const write of [
      () => world.cos.put(source, key, { body: 'one' }),
      () => world.cos.delete(source, key),
    ]) {
      await invocationsOf(world, write);
    }
    const before = shown(world);
    world.requests.length = 0;
    for (let round = 0; round < 3; round += 1) {
      for (const ref of ring) {
        await notify(world, key, ref);
        const there = { ...world.ports, region: ref.region };
        await reconcile({ ...there, ruleSets: () => world.ruleSetsOf(ref.region) });
      }
    }
    expect(writesOf(world)).toEqual([]);
    expect(shown(world)).toEqual(before);
  });
});

test('multipart ETags, which no copy keeps, lead to no second copy', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  const listed = world.ports.store.listVersions;
  world.ports.store.listVersions = async (...call: Parameters<ObjectStore['listVersions']>) => {
    const page = await listed(...call);
    const ofSource = call[0].bucket === source.bucket;
    const renamed = page.entries.map((one) =>
      one.entry.kind === 'version' && ofSource
        ? { ...one, entry: { ...one.entry, etag: `${one.entry.etag}-2` } }
        : one,
    );
    return { ...page, entries: renamed };
  };
  world.requests.length = 0;
  // It may be a user's own of the same size: that is asked once.
  for (const lookedAt of [1, 0, 0]) {
    world.advance(300_000);
    expect(await sweep(world)).toMatchObject({ walkedKeys: 1, lookedAt });
  }
  expect(writesOf(world)).toEqual([]);
});

test('ETags that a destination’s own encryption changes lead to no second copy', async () => {
  const world = await withRule();
  const { store } = world.ports;
  const { listVersions, listKey, headObject } = store;
  const encrypted = (ref: BucketRef, etag: string): string =>
    ref.bucket === destination.bucket ? etag.split('').toReversed().join('') : etag;
  const entryOf = <Entry extends HistoryEntry>(ref: BucketRef, entry: Entry): Entry =>
    entry.kind === 'version' ? { ...entry, etag: encrypted(ref, entry.etag) } : entry;
  store.listVersions = async (ref, page) => {
    const found = await listVersions(ref, page);
    return { ...found, entries: found.entries.map((one) => ({ ...one, entry: entryOf(ref, one.entry) })) };
  };
  store.listKey = async (ref, ...call) => {
    const found = await listKey(ref, ...call);
    return { ...found, entries: found.entries.map((entry) => entryOf(ref, entry)) };
  };
  store.headObject = async (ref, ...call) => {
    const head = await headObject(ref, ...call);
    return head && { ...head, etag: encrypted(ref, head.etag) };
  };
  world.cos.put(source, key, { body: 'one' });
  expect(await notify(world)).toMatchObject({ written: 1, left: 0 });
  world.requests.length = 0;
  for (let i = 0; i < 3; i += 1) {
    await notify(world);
    expect(await sweep(world)).toMatchObject({ walkedKeys: 1, written: 0, pending: 0 });
  }
  expect(writesOf(world)).toEqual([]);
});

test('a role that lacks one permission: the key is pending with what to do, and done once the role has it', async () => {
  const world = await withRule();
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new ReplicationError('ACCESS_DENIED', 'PutObjectCopy');
  };
  world.cos.put(source, key, { body: 'one' });
  await expect(notify(world)).rejects.toMatchObject({ code: 'ACCESS_DENIED', effect: 'retry' });
  const backlog = async () => (await world.rules.backlog(source.bucket, 'r1', undefined)).entries;
  const denied = {
    key,
    status: 'PENDING',
    code: 'ACCESS_DENIED',
    retryable: true,
    hint: expect.stringMatching(/role/) as string,
  };
  expect(await backlog()).toMatchObject([denied]);
  // However often it is tried in vain, it stays.
  for (let i = 0; i < 3; i += 1) await sweep(world);
  expect(await backlog()).toMatchObject([denied]);

  world.ports.store.copyVersion = copyVersion;
  await sweep(world);
  expect(at(world)).toEqual(['one']);
  expect(await backlog()).toEqual([]);
});

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}
