import { handleEvent } from '../../lib/app/handle-event';
import type { StoredEntry } from '../../lib/adapters/memory/memory-cos';
import type { LeaseDocument } from '../../lib/app/lease';
import { reconcile } from '../../lib/app/reconcile';
import { createRuleSource } from '../../lib/app/rule-source';
import { createVersioningGate } from '../../lib/app/versioning-gate';
import { entryId } from '../../lib/domain/history';
import type { BucketRef } from '../../lib/domain/rule';
import {
  createWorld,
  destination,
  eventFor,
  landLate,
  ruleOf,
  ruleTimes,
  settings,
  sound,
  source,
  type World,
  withRule,
} from '../support/world';
import { pause } from '../support/pause';

/** Interleavings that have gone wrong elsewhere, each told as a story of one key. */
const key = 'k';

const notify = (world: World, ref = source) =>
  handleEvent(world.ports, eventFor(key, world.ports.clock.now(), ref));
const sweep = (world: World) =>
  reconcile({
    ...world.ports,
    ruleSets: () => world.ruleSetsOf(source.region),
  });
const at = (world: World) => world.shown(destination, key);

describe.each([
  ['with leases', true],
  ['without leases', false],
])('%s', (_name, leases) => {
  test('a marker attempt that is paused across a newer put', async () => {
    const world = await withRule({}, { leases });
    world.cos.put(source, key, { body: 'one' });
    await notify(world);
    world.cos.delete(source, key);
    const paused = pause(world, 'putDeleteMarker');
    const first = notify(world);
    await paused.arrived;
    world.cos.put(source, key, { body: 'two' });
    await notify(world).catch(() => undefined);
    paused.release();
    await first.catch(() => undefined);
    await sweep(world);
    expect(at(world).at(-1)).toBe('two');
    expect(firstOccurrences(at(world))).toEqual(['one', '(deleted)', 'two']);
  });

  test('a copy that lands after its retry has completed', async () => {
    const world = await withRule({}, { leases });
    world.cos.put(source, key, { body: 'one' });
    const late = landLate(world, 'copyVersion');
    await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
    await notify(world);
    world.cos.put(source, key, { body: 'two' });
    await notify(world);
    await late.land();
    await sweep(world);
    expect(at(world)).toEqual(['one', 'two', 'one', 'two']);
  });

  test('a marker that lands after its retry has completed', async () => {
    const world = await withRule({}, { leases });
    world.cos.put(source, key, { body: 'one' });
    await notify(world);
    world.cos.delete(source, key);
    const late = landLate(world, 'putDeleteMarker');
    await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
    world.cos.put(source, key, { body: 'two' });
    await notify(world);
    await late.land();
    world.letAttemptsEnd();
    await sweep(world);
    expect(at(world)).toEqual(['one', '(deleted)', 'two', '(deleted)', 'two']);
  });

  test('two workers with the same plan, one overtaking the other', async () => {
    const world = await withRule({}, { leases });
    world.cos.put(source, key, { body: 'one' });
    const paused = pause(world, 'copyVersion');
    const slow = notify(world);
    await paused.arrived;
    world.cos.put(source, key, { body: 'two' });
    await notify(world);
    paused.release();
    await slow;
    await sweep(world);
    expect(firstOccurrences(at(world))).toEqual(['one', 'two']);
    expect(at(world).at(-1)).toBe('two');
  });
});

test('an old copy that lands after the rule began to ask for tags: what was on top is put there again', async () => {
  const world = await withRule({ deleteMarkerReplication: 'Disabled' });
  world.cos.put(source, key, { body: 'one' });
  const late = landLate(world, 'copyVersion');
  await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
  await notify(world);
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  const tags = [{ key: 'team', value: 'a' }];
  await world.rules.edit(world.change, 'r1', (before) => sound({ ...before, tags }));
  world.advance(20_000);
  await late.land();
  await sweep(world);
  expect(at(world)).toEqual(['one', 'two', 'one', 'two']);
  // And what comes now without them is not copied.
  world.cos.put(source, key, { body: 'three' });
  await notify(world);
  world.cos.put(source, key, { body: 'four', tags: 'team=a' });
  await notify(world);
  expect(at(world).slice(4)).toEqual(['four']);
});

test('a listing that hides a middle version: it is copied when it comes to light, in its place', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  const hidden = world.cos.put(source, key, { body: 'two' });
  world.cos.put(source, key, { body: 'three' });
  const { listKey } = world.ports.store;
  world.ports.store.listKey = async (...call) => {
    const page = await listKey(...call);
    return { ...page, entries: page.entries.filter((entry) => entryId(entry) !== entryId(hidden.entry)) };
  };
  await notify(world);
  expect(at(world)).toEqual(['one', 'three']);
  world.ports.store.listKey = listKey;
  world.cos.put(source, key, { body: 'four' });
  await notify(world);
  expect(at(world)).toEqual(['one', 'three', 'two', 'three', 'four']);
  expect((await notify(world)).written).toBe(0);
});

test.each([
  ['3 seconds', 'by landing', 3_000, ['one', 'two', 'late'], ['one', 'two', 'late']],
  ['3 seconds', 'by id', 3_000, ['one', 'late', 'two'], ['one', 'two', 'late', 'two']],
  ['14 minutes', 'by landing', 840_000, ['one', 'two', 'late'], ['one', 'two', 'late']],
  ['14 minutes', 'by id', 840_000, ['one', 'late', 'two'], ['one', 'two', 'late', 'two']],
])(
  'a write whose id is %s older than one already copied, listed %s: the destination ends in the order of the listing',
  async (_older, _order, tookMs, listed, copied) => {
    const world = await withRule();
    world.cos.put(source, key, { body: 'one' });
    await notify(world);
    // Its id is of the moment that the upload began.
    world.cos.put(source, key, { body: 'late' });
    const keys = world.cos.bucket(source)?.keys ?? new Map();
    const begun = keys.get(key) ?? [];
    keys.set(key, begun.slice(0, 1));
    world.advance(tookMs);
    world.cos.put(source, key, { body: 'two' });
    await notify(world);
    expect(at(world)).toEqual(['one', 'two']);

    const all = [...begun, ...(keys.get(key) ?? [])];
    const landed = listed.map((body) => all.find(({ content }) => content?.body === body));
    keys.set(
      key,
      landed.flatMap((entry) => entry ?? []),
    );
    await notify(world);
    expect(at(world)).toEqual(copied);
    expect((await notify(world)).written).toBe(0);
  },
);

test('a version that is deleted for good below the head is not taken for a hidden one', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  const two = world.cos.put(source, key, { body: 'two' });
  world.cos.put(source, key, { body: 'three' });
  await notify(world);
  world.cos.deleteVersion(source, key, entryId(two.entry));
  expect((await notify(world)).written).toBe(0);
  expect(at(world)).toEqual(['one', 'two', 'three']);
});

test('a listing that lags behind the newest version is waited for, and then left for a retry', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  world.cos.put(source, key, { body: 'two' });
  const { listKey } = world.ports.store;
  world.ports.store.listKey = async (ref, ...rest) => {
    const page = await listKey(ref, ...rest);
    return ref.bucket === source.bucket ? { ...page, entries: page.entries.slice(0, -1) } : page;
  };
  await expect(notify(world)).rejects.toMatchObject({ code: 'LISTING_STALE' });
  // It may have the time at which its upload began.
  world.advance(world.ports.settings.longestUploadMs);
  await expect(notify(world)).rejects.toMatchObject({ code: 'LISTING_STALE' });
  expect(at(world)).toEqual(['one']);
  world.ports.store.listKey = listKey;
  await notify(world);
  expect(at(world)).toEqual(['one', 'two']);
});

test('a user’s restore of an old replica stands until the next version', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  world.advance(3_600_000);
  world.cos.put(destination, key, world.cos.history(destination, key)[0]?.content ?? {});
  await notify(world);
  await sweep(world);
  expect(at(world)).toEqual(['one', 'two', 'one']);
  world.cos.put(source, key, { body: 'three' });
  await notify(world);
  expect(at(world)).toEqual(['one', 'two', 'one', 'three']);
});

test('a null version that is overwritten in place holds the rule, and is copied when versioning is on again', async () => {
  const world = await withRule();
  world.cos.setVersioning(source, 'Suspended');
  world.cos.put(source, key, { body: 'first null' });
  await expect(notify(world)).rejects.toMatchObject({ code: 'SOURCE_NOT_VERSIONED' });
  world.cos.put(source, key, { body: 'second null' });
  world.cos.setVersioning(source, 'Enabled');
  world.advance(20_000);
  await notify(world);
  expect(at(world)).toEqual(['second null']);
  expect((await notify(world)).written).toBe(0);
});

test('a null version is not said to have failed for what took its place before it was looked at', async () => {
  const world = createWorld({ settings: { singleCopyBytesMax: 10 } });
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.cos.setVersioning(source, 'Suspended');
  world.cos.put(source, key, { body: 'null' });
  world.cos.setVersioning(source, 'Enabled');
  world.cos.put(source, key, { body: 'with an id' });
  const { headObject } = world.ports.store;
  let replaced = false;
  world.ports.store.headObject = (bucket, of, versionId) => {
    if (versionId === 'null' && !replaced) {
      replaced = true;
      world.cos.setVersioning(source, 'Suspended');
      world.cos.put(source, key, { body: 'far too large' });
      world.cos.setVersioning(source, 'Enabled');
    }
    return headObject(bucket, of, versionId);
  };
  await notify(world);
  expect(replaced).toBe(true);
  const { entries } = await world.rules.backlog(source.bucket, 'r1', undefined);
  const large = world.cos.history(source, key).find(({ content }) => content?.body === 'far too large');
  expect(entries).toMatchObject([{ code: 'OBJECT_TOO_LARGE', source: entryId(large!.entry) }]);
  expect(at(world)).toEqual(['with an id']);
});

describe.each([
  ['before the copy reads it: only the new one arrives', false, ['second null']],
  ['after the copy has read it: both arrive', true, ['first null', 'second null']],
] as const)(
  'a null version is overwritten in place while its copy is under way, %s',
  (_name, landed, told) => {
    /** The source was suspended a moment ago, of which the function has not heard yet. */
    const underWay = async () => {
      const world = await withRule();
      world.cos.put(source, 'other', { body: 'x' });
      await handleEvent(world.ports, eventFor('other', world.ports.clock.now()));
      world.cos.setVersioning(source, 'Suspended');
      world.cos.put(source, key, { body: 'first null' });
      const paused = pause(world, 'copyVersion', landed);
      const running = notify(world).catch(() => undefined);
      await paused.arrived;
      world.cos.put(source, key, { body: 'second null' });
      return { world, finish: () => (paused.release(), running) };
    };

    test('in the moment in which the function still takes the source for versioned', async () => {
      const { world, finish } = await underWay();
      await finish();
      await notify(world);
      expect(at(world)).toEqual(told);
      expect((await notify(world)).written).toBe(0);
    });

    test('and the source is versioned again later: nothing more starts until then', async () => {
      const { world, finish } = await underWay();
      world.advance(16_000);
      await finish();
      await expect(notify(world)).rejects.toMatchObject({ code: 'SOURCE_NOT_VERSIONED' });
      expect(at(world)).toEqual(landed ? ['first null'] : []);
      world.cos.setVersioning(source, 'Enabled');
      world.advance(16_000);
      await sweep(world);
      expect(at(world)).toEqual(told);
      expect((await notify(world)).written).toBe(0);
    });

    test('and the source is versioned again meanwhile: what comes then stands above it', async () => {
      const { world, finish } = await underWay();
      world.cos.setVersioning(source, 'Enabled');
      world.cos.put(source, key, { body: 'with an id' });
      await finish();
      await notify(world);
      expect(at(world)).toEqual([...told, 'with an id']);
      expect((await notify(world)).written).toBe(0);
    });
  },
);

test('a destination that is suspended is not written to', async () => {
  const world = await withRule();
  world.cos.setVersioning(destination, 'Suspended');
  world.cos.put(destination, key, { body: 'a null of a user' });
  world.cos.put(source, key, { body: 'one' });
  await expect(notify(world)).rejects.toMatchObject({ code: 'DESTINATION_NOT_VERSIONED' });
  expect(at(world)).toEqual(['a null of a user']);
  world.cos.setVersioning(destination, 'Enabled');
  world.advance(20_000);
  await notify(world);
  expect(at(world)).toEqual(['a null of a user', 'one']);
});

describe('rules that change while copies are under way', () => {
  const midway = async (change: (world: World) => Promise<unknown>): Promise<World> => {
    const world = await withRule({ prefixes: ['k'] }, { leases: false });
    for (const body of ['one', 'two', 'three']) world.cos.put(source, key, { body });
    const paused = pause(world, 'copyVersion');
    const running = notify(world);
    await paused.arrived;
    // What the change covers from now on is not what was written before.
    world.advance(2_000);
    await change(world);
    // The function's own copy of the rules ends its life meanwhile.
    world.advance(16_000);
    paused.release();
    await running.catch(() => undefined);
    return world;
  };
  const edit = (world: World, more: Parameters<typeof settings>[0]) =>
    world.rules.edit(world.change, 'r1', (rule) => sound({ ...rule, ...more }));

  test('off: nothing starts after one config lifetime; only what was sent lands', async () => {
    const world = await midway((own) => edit(own, { status: 'Disabled' }));
    expect(at(world)).toEqual(['one']);
    await sweep(world);
    expect(at(world)).toEqual(['one']);
    expect([...world.documents.keys()].filter((name) => name.startsWith('backlog/'))).toEqual([]);
  });

  test('off and on again: what was pending is not copied, what comes after is', async () => {
    const world = await midway(async (own) => {
      await edit(own, { status: 'Disabled' });
      own.advance(2_000);
      await edit(own, { status: 'Enabled' });
    });
    await sweep(world);
    world.cos.put(source, key, { body: 'four' });
    await notify(world);
    expect(at(world)).toEqual(['one', 'four']);
  });

  test('widened: everything arrives', async () => {
    const world = await midway((own) => edit(own, { prefixes: [''] }));
    await sweep(world);
    expect(at(world)).toEqual(['one', 'two', 'three']);
  });

  test('put again as it was: everything arrives', async () => {
    const world = await midway((own) => edit(own, {}));
    await sweep(world);
    expect(at(world)).toEqual(['one', 'two', 'three']);
  });

  // As a PUT in COS's own form has it: all rules of the bucket, with ids or without.
  const replaceAll = (world: World, id: string | undefined, more: Parameters<typeof settings>[0] = {}) =>
    world.rules.replace(world.change, [{ id, settings: settings({ prefixes: ['k'], ...more }) }], undefined);

  test.each([
    ['with its id', 'r1'],
    ['without an id', undefined],
  ])('put again as it was in the place of all rules, %s: everything arrives', async (_name, id) => {
    const world = await midway((own) => replaceAll(own, id));
    await sweep(world);
    expect(at(world)).toEqual(['one', 'two', 'three']);
  });

  test.each([
    ['with its id', 'r1'],
    ['without an id', undefined],
  ])('put again in the place of all rules with another class, %s: everything arrives', async (_name, id) => {
    const to = { ...destination, storageClass: 'STANDARD_IA' as const };
    const world = await midway((own) => replaceAll(own, id, { destination: to }));
    await sweep(world);
    expect(at(world)).toEqual(['one', 'two', 'three']);
    // The copy that had been sent is of the old rule, what came after it of the new one.
    const classes = world.cos.history(destination, key).map(({ content }) => content?.storageClass);
    expect(classes).toEqual(['STANDARD', 'STANDARD_IA', 'STANDARD_IA']);
  });

  test('put in the place of all rules under another id: what goes to the same destination arrives', async () => {
    const world = await midway((own) => replaceAll(own, 'r2'));
    await sweep(world);
    expect(at(world)).toEqual(['one', 'two', 'three']);
    expect([...world.documents.keys()].filter((name) => name.startsWith('backlog/'))).toEqual([]);
  });

  describe('another destination', () => {
    const elsewhere: BucketRef = { bucket: 'elsewhere-1250000000', region: 'ap-beijing' };
    const moved = () =>
      midway(async (own) => {
        own.cos.createBucket(elsewhere);
        await edit(own, { destination: elsewhere });
      });
    const at2 = (world: World) => [at(world), world.shown(elsewhere, key)];

    test('what was sent may land at the old one, and nothing starts there after one config lifetime', async () => {
      const world = await moved();
      expect(at2(world)).toEqual([['one'], []]);
      await notify(world);
      await sweep(world);
      expect(at2(world)).toEqual([['one'], []]);
      // What comes then goes to the new one only, and nothing of what was pending for the old one.
      world.cos.put(source, key, { body: 'four' });
      await notify(world);
      await sweep(world);
      expect(at2(world)).toEqual([['one'], ['four']]);
      expect([...world.documents.keys()].filter((name) => name.startsWith('backlog/'))).toEqual([]);
    });

    test('what is written in the second of the change is the first that it covers', async () => {
      let beforeMs = 0;
      const world = await midway(async (own) => {
        own.cos.createBucket(elsewhere);
        own.advance(999 - (own.ports.clock.now() % 1000));
        own.cos.put(source, key, { body: 'the second before' });
        own.advance(1);
        beforeMs = own.ports.clock.now();
        own.cos.put(source, key, { body: 'the same second' });
        await edit(own, { destination: elsewhere });
      });
      const { rule } = await world.rules.get(source.bucket, 'r1');
      const since = beforeMs / 1000;
      expect(rule.coverage).toEqual([{ prefix: 'k', since, markersSince: since }]);
      await notify(world);
      expect(at2(world)).toEqual([['one'], ['the same second']]);
    });

    test('what a function still sends to the old one, under rules of less than one config lifetime, comes to the new one too', async () => {
      const world = await withRule({ prefixes: ['k'] }, { leases: false });
      world.cos.createBucket(elsewhere);
      world.cos.put(source, key, { body: 'one' });
      await notify(world);
      world.advance(2_000);
      await edit(world, { destination: elsewhere });
      world.cos.put(source, key, { body: 'two' });
      await notify(world);
      expect(at2(world)).toEqual([['one', 'two'], []]);
      world.advance(16_000);
      await sweep(world);
      world.cos.put(source, key, { body: 'three' });
      await notify(world);
      expect(at2(world)).toEqual([
        ['one', 'two'],
        ['two', 'three'],
      ]);
    });
  });

  test('deleted: nothing more starts', async () => {
    const world = await midway((own) => own.rules.remove(own.change, 'r1'));
    await sweep(world);
    expect(at(world)).toEqual(['one']);
  });
});

describe('leases', () => {
  const held = (world: World) => [...world.documents.keys()].filter((name) => name.startsWith('leases/'));

  /** What has been put has not landed until it is told to; its id is of the moment that its upload began. */
  const uploading = (world: World, body: string): (() => void) => {
    const keys = world.cos.bucket(source)?.keys ?? new Map<string, StoredEntry[]>();
    const landed = keys.get(key) ?? [];
    keys.set(
      key,
      landed.filter((stored) => stored.content?.body !== body),
    );
    return () => void keys.set(key, landed);
  };

  /** A single version, which takes no lease, and a newer one that is written before its copy is sent. */
  const copyingWithoutLease = async () => {
    const world = await withRule();
    world.cos.put(source, key, { body: 'one' });
    const slow = pause(world, 'copyVersion');
    const late = notify(world);
    await slow.arrived;
    expect(held(world)).toEqual([]);
    world.cos.put(source, key, { body: 'two' });
    return { world, slow, late };
  };

  test('whoever finds the key taken leaves at once, and the holder brings it up to date', async () => {
    const world = await withRule();
    world.cos.put(source, key, { body: 'one' });
    world.cos.put(source, key, { body: 'two' });
    const paused = pause(world, 'copyVersion');
    const holder = notify(world);
    await paused.arrived;
    expect(held(world)).toHaveLength(1);
    world.cos.put(source, key, { body: 'three' });
    world.requests.length = 0;
    expect((await notify(world)).written).toBe(0);
    expect(world.requests).not.toContain('copy');
    paused.release();
    expect((await holder).written).toBe(3);
    expect(at(world)).toEqual(['one', 'two', 'three']);
    expect(held(world)).toEqual([]);
  });

  test.each([
    ['the newest', ['one', 'late', 'two'], ['one', 'two', 'late', 'two']],
    ['all there is', ['late', 'one', 'two'], ['one', 'two', 'late', 'one', 'two']],
  ])(
    'what lands below %s while its holder copies is found after the release',
    async (_name, bodies, copied) => {
      const world = await withRule();
      for (const body of bodies) world.cos.put(source, key, { body });
      const land = uploading(world, 'late');
      const paused = pause(world, 'copyVersion');
      const holder = notify(world);
      await paused.arrived;

      land();
      expect((await notify(world)).written).toBe(0);
      paused.release();
      await holder;
      expect(at(world)).toEqual(copied);
      expect((await notify(world)).written).toBe(0);
    },
  );

  test('what lands on a delete marker is found after the release, although the listing lags', async () => {
    const world = await withRule();
    world.cos.put(source, key, { body: 'one' });
    world.cos.delete(source, key);
    const paused = pause(world, 'copyVersion');
    const holder = notify(world);
    await paused.arrived;
    world.cos.put(source, key, { body: 'two' });
    expect((await notify(world)).written).toBe(0);

    const { listKey } = world.ports.store;
    world.ports.store.listKey = async (ref, ...rest) => {
      const page = await listKey(ref, ...rest);
      if (ref.bucket !== source.bucket) return page;
      world.ports.store.listKey = listKey;
      return { ...page, entries: page.entries.slice(0, -1) };
    };
    paused.release();
    await holder;
    expect(at(world)).toEqual(['one', '(deleted)', 'two']);
  });

  test('what lands below an ineligible newest while an older one is copied is not left below it', async () => {
    const world = await withRule({ deleteMarkerReplication: 'Disabled' });
    for (const body of ['one', 'two']) world.cos.put(source, key, { body });
    world.cos.delete(source, key);
    const land = uploading(world, 'two');
    const slow = pause(world, 'copyVersion');
    const late = notify(world);
    await slow.arrived;

    land();
    await notify(world);
    expect(at(world)).toEqual(['one', 'two']);
    slow.release();
    await late;
    expect(at(world)).toEqual(['one', 'two', 'one', 'two']);
  });

  test('whoever cannot release its own does not leave what came meanwhile to itself', async () => {
    const world = await withRule();
    for (const body of ['one', 'two']) world.cos.put(source, key, { body });
    const { state } = world.ports;
    const { remove } = state;
    state.remove = async (name) => {
      if (!name.startsWith('leases/')) return remove(name);
      state.remove = remove;
      world.cos.put(source, key, { body: 'three' });
      throw new Error('connection reset');
    };
    expect((await notify(world)).written).toBe(3);
    expect(at(world)).toEqual(['one', 'two', 'three']);
    expect(held(world)).toHaveLength(1);
  });

  test('whoever wrote when its own may have been taken over does not leave what is newer to the next holder', async () => {
    const world = await withRule({}, { leaseMs: 20_000 });
    for (const body of ['one', 'two']) world.cos.put(source, key, { body });
    const slow = pause(world, 'copyVersion');
    const late = notify(world);
    await slow.arrived;
    world.advance(21_000);
    await notify(world);
    world.cos.put(source, key, { body: 'three' });
    world.cos.put(source, key, { body: 'four' });
    const second = pause(world, 'copyVersion');
    const holder = notify(world);
    await second.arrived;
    expect(at(world)).toEqual(['one', 'two']);
    expect(held(world)).toHaveLength(1);

    // Where ids are of the begin of a write, what the holder sent before lands below this, and only a look here tells.
    slow.release();
    await late;
    expect(at(world)).toEqual(['one', 'two', 'one', 'two', 'three', 'four']);
    second.release();
    await holder;
    expect(at(world).at(-1)).toBe('four');
  });

  test('whoever wrote without one on top of what its holder wrote puts that on top again', async () => {
    const { world, slow, late } = await copyingWithoutLease();
    const { state } = world.ports;
    const { remove } = state;
    let overtaken: Promise<unknown> | undefined;
    state.remove = async (name) => {
      state.remove = remove;
      slow.release();
      await (overtaken = late);
      expect(at(world)).toEqual(['one', 'two', 'one', 'two']);
      return remove(name);
    };
    await notify(world);
    expect(await overtaken).toMatchObject({ written: 2 });
    expect(at(world)).toEqual(['one', 'two', 'one', 'two']);
    expect(held(world)).toEqual([]);
  });

  test('whoever wrote without one while its holder copies what is newer does not leave that to it', async () => {
    const { world, slow, late } = await copyingWithoutLease();
    const { store } = world.ports;
    const { copyVersion } = store;
    let second: ReturnType<typeof pause> | undefined;
    store.copyVersion = async (...call) => {
      store.copyVersion = copyVersion;
      second = pause(world, 'copyVersion');
      return copyVersion(...call);
    };
    const holder = notify(world);
    await new Promise((resolve) => setImmediate(resolve));
    await second?.arrived;
    expect(at(world)).toEqual(['one']);

    // Where ids are of the begin of a write, what the holder sent before lands below this, and only a look here tells.
    slow.release();
    await late;
    expect(at(world)).toEqual(['one', 'one', 'two']);
    second?.release();
    await holder;
    expect(at(world)).toEqual(['one', 'one', 'two', 'two']);
    expect(held(world)).toEqual([]);
  });

  test('one that a dead worker holds is taken over when it has expired', async () => {
    const world = await withRule();
    world.cos.put(source, key, { body: 'one' });
    world.cos.put(source, key, { body: 'two' });
    pause(world, 'copyVersion');
    void notify(world).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(held(world)).toHaveLength(1);
    world.advance(61_000);
    expect((await notify(world)).written).toBe(2);
    expect(at(world)).toEqual(['one', 'two']);
    expect(held(world)).toEqual([]);
  });

  test('one that expired is swept by the timer, which brings its key up to date; what is still held, or of another region, is left', async () => {
    const world = await withRule();
    const lease = (name: string, more: { untilMs?: number; source?: BucketRef }): void => {
      const untilMs = world.ports.clock.now() - 1;
      const document: LeaseDocument = { source, key: name, untilMs, holder: 'a dead worker', ...more };
      const folder = `leases/${destination.bucket}/${world.ports.digests.sha256(name)}`;
      world.documents.set(`${folder}/000000.json`, JSON.stringify(document));
    };
    const names = ['dead', 'alive', 'elsewhere'];
    for (const name of names) world.cos.put(source, name, { body: 'one' });
    lease('dead', {});
    lease('alive', { untilMs: world.ports.clock.now() + 1 });
    lease('elsewhere', { source: { ...source, region: 'ap-beijing' } });

    // No rule is walked: what is done is done for the leases.
    const report = await reconcile({ ...world.ports, ruleSets: async () => [] });
    expect(report).toMatchObject({ lookedAt: 1, written: 1 });
    expect(names.map((name) => world.shown(destination, name))).toEqual([['one'], [], []]);
    const left = held(world).map((name) => JSON.parse(world.documents.get(name) ?? '') as LeaseDocument);
    expect(left.map((document) => document.key)).toEqual(['alive', 'elsewhere']);
  });

  test('a late release drops nobody else’s', async () => {
    const world = await withRule();
    world.cos.put(source, key, { body: 'one' });
    world.cos.put(source, key, { body: 'two' });
    const slow = pause(world, 'copyVersion');
    const first = notify(world);
    await slow.arrived;
    world.advance(61_000);
    const second = pause(world, 'copyVersion');
    const other = notify(world);
    await second.arrived;
    expect(held(world)).toHaveLength(2);
    slow.release();
    await first;
    expect(held(world).filter((name) => name.endsWith('000001.json'))).toHaveLength(1);
    second.release();
    await other;
    expect(held(world)).toEqual([]);
    expect(firstOccurrences(at(world))).toEqual(['one', 'two']);
    expect(at(world).at(-1)).toBe('two');
  });

  test('without a state bucket that takes them, work goes on', async () => {
    const world = await withRule();
    const { create } = world.ports.state;
    world.ports.state.create = async (name, body) => {
      if (name.startsWith('leases/')) throw new Error('503');
      return create(name, body);
    };
    world.cos.put(source, key, { body: 'one' });
    world.cos.put(source, key, { body: 'two' });
    expect((await notify(world)).written).toBe(2);
  });
});

/** What a history shows, each thing where it came first. */
function firstOccurrences(bodies: readonly string[]): readonly string[] {
  return bodies.filter((body, place) => bodies.indexOf(body) === place);
}

describe('two deployments with rules toward each other', () => {
  /** The second deployment: another region, and caches of its own. */
  async function withBoth() {
    const world = await withRule();
    await ruleOf(world, destination, source, 'back');
    const { ports, ruleStore, checks } = world;
    const there = {
      ...ports,
      region: destination.region,
      rules: createRuleSource(ruleStore, ports.clock, ruleTimes),
      gate: createVersioningGate(checks.directory, ports.clock, { configLifetimeMs: 15_000 }),
    };
    const notifyThere = () => handleEvent(there, eventFor(key, ports.clock.now(), destination));
    const sweepThere = () => reconcile({ ...there, ruleSets: () => world.ruleSetsOf(destination.region) });
    /** The events of the copies, and the timers. */
    const settle = async () => {
      for (let round = 0; round < 2; round += 1) {
        await notify(world);
        await notifyThere();
        await sweep(world);
        await sweepThere();
      }
    };
    return { world, notifyThere, settle };
  }

  test('writes that cross arrive once at the other side, and no copy goes back', async () => {
    const { world, notifyThere, settle } = await withBoth();
    world.cos.put(source, key, { body: 'here' });
    const copy = pause(world, 'copyVersion');
    const outward = notify(world);
    await copy.arrived;
    world.cos.put(destination, key, { body: 'there' });
    await notifyThere();
    copy.release();
    await outward;
    await settle();
    expect(world.shown(source, key)).toEqual(['here', 'there']);
    expect(at(world)).toEqual(['there', 'here']);
  });

  test('a delete on one side and a write on the other both arrive, and the copies of both stay where they are', async () => {
    const { world, notifyThere, settle } = await withBoth();
    world.cos.put(source, key, { body: 'here' });
    await notify(world);
    world.cos.delete(source, key);
    world.cos.put(destination, key, { body: 'there' });
    // Until then a marker may be a replica whose record no list shows yet.
    world.letAttemptsEnd();
    const remove = pause(world, 'putDeleteMarker');
    const outward = notify(world);
    await remove.arrived;
    await notifyThere();
    remove.release();
    await outward;
    world.letAttemptsEnd();
    await settle();
    expect(world.shown(source, key)).toEqual(['here', '(deleted)', 'there']);
    expect(at(world)).toEqual(['here', 'there', '(deleted)']);
  });
});
