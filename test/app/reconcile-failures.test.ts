import { handleEvent } from '../../lib/app/handle-event';
import { reconcile } from '../../lib/app/reconcile';
import type { WalkState } from '../../lib/app/walk-state';
import { ReplicationError } from '../../lib/domain/error';
import type { BucketRef } from '../../lib/domain/rule';
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
  for (const bucket of [source, destination, elsewhere]) world.cos.delete(bucket, 'a');
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
  expect(new Set(told.map(({ facts }) => facts.name))).toEqual(new Set(damaged));
});

/** What a state bucket refuses or fails to answer, by the request and the name that it is about. */
function refuseState(world: World, request: 'get' | 'list', refused: (name: string) => boolean): () => void {
  const { state } = world.ports;
  const original = { ...state };
  Object.assign(state, {
    [request]: async (name: string, after?: string) => {
      if (refused(name)) throw new ReplicationError('ACCESS_DENIED', `${request} ${name}`);
      return original[request](name, after);
    },
  });
  return () => void Object.assign(state, original);
}

const walkStateName = `jobs/reconcile/${source.region}.json`;
const walkStateOf = (world: World) => JSON.parse(world.documents.get(walkStateName) ?? '{}') as WalkState;

/** A key that is pending, one whose worker died with a lease, and one of which no event told. */
async function withWorkOfEachKind(): Promise<World> {
  const world = await withTwoDestinations();
  await run(world);
  world.advance(300_000);
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new ReplicationError('THROTTLED', 'copyVersion');
  };
  for (const key of ['pending', 'refused']) {
    world.cos.put(source, key, { body: key });
    const told = handleEvent(world.ports, eventFor(key, world.ports.clock.now()));
    await expect(told).rejects.toMatchObject({ code: 'THROTTLED' });
  }
  world.ports.store.copyVersion = copyVersion;
  world.cos.put(source, 'leased', { body: 'leased' });
  const lease = { source, key: 'leased', untilMs: world.ports.clock.now() - 1, holder: 'a dead worker' };
  const folder = `leases/${destination.bucket}/${world.ports.digests.sha256('leased')}`;
  world.documents.set(`${folder}/000000.json`, JSON.stringify(lease));
  world.cos.put(source, 'unheard', { body: 'unheard' });
  return world;
}

const keysOfWork = ['pending', 'refused', 'leased', 'unheard'];
const allIsDone = (world: World): boolean =>
  keysOfWork.every((key) => [destination, elsewhere].every((to) => world.shown(to, key).join() === key));

test('an entry of the backlog that is always refused is told of and stays, and the run comes to its end', async () => {
  const world = await withWorkOfEachKind();
  const digest = world.ports.digests.sha256('refused');
  const mend = refuseState(world, 'get', (name) => name.startsWith('backlog/') && name.includes(digest));
  // The walk would bring its key over, and prove nothing about the sweep.
  denyLists(world, source.bucket);
  const report = await run(world);
  expect(report).toMatchObject({ backlogKeys: 1, pending: 2 });
  const told = world.lines.filter(({ message }) => message === 'backlog entry not read');
  expect(told.map(({ facts }) => facts.code)).toEqual(['ACCESS_DENIED', 'ACCESS_DENIED']);
  const left = backlogOf(world);
  expect(left).toHaveLength(2);
  expect(new Set(told.map(({ facts }) => facts.name))).toEqual(new Set(left));
  expect(world.shown(destination, 'pending')).toEqual(['pending']);
  expect(world.shown(destination, 'leased')).toEqual(['leased']);
  // An answer without it would say that the key is done.
  await expect(world.rules.backlog(source.bucket, 'r1', undefined)).rejects.toMatchObject({
    code: 'ACCESS_DENIED',
  });
  mend();
  expect(await run(world)).toMatchObject({ backlogKeys: 1, written: 2 });
  expect(backlogOf(world)).toEqual([]);
});

test('the cursor of the backlog goes on past entries that are refused', async () => {
  const world = await withRule();
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async (request) => {
    throw new ReplicationError('THROTTLED', request.key);
  };
  for (let i = 0; i < 40; i += 1) {
    world.cos.put(source, `k${i}`, { body: 'one' });
    await handleEvent(world.ports, eventFor(`k${i}`, world.ports.clock.now())).catch(() => undefined);
  }
  world.ports.store.copyVersion = copyVersion;
  const names = backlogOf(world).toSorted();
  const refused = new Set(names.slice(0, 20));
  let reads = 0;
  refuseState(world, 'get', (name) => {
    if (name.startsWith('backlog/')) reads += 1;
    return refused.has(name);
  });
  denyLists(world, source.bucket);
  // Half of the time is over while the refused ones are read.
  await run(world, () => (reads > 10 ? 100_000 : 600_000));
  const { backlog } = walkStateOf(world);
  expect(names.indexOf(backlog?.after ?? '')).toBeGreaterThanOrEqual(10);
  await run(world);
  expect(backlogOf(world).toSorted()).toEqual(names.slice(0, 20));
});

test.each([
  ['the backlog', 'backlog/', 'backlog not read'],
  ['leases', 'leases/', 'leases not swept'],
])('a list of %s that fails ends that part only', async (_name, folder, message) => {
  const world = await withWorkOfEachKind();
  refuseState(world, 'list', (name) => name === folder);
  expect(await run(world)).toMatchObject({ finished: true });
  expect(world.lines.filter((line) => line.message === message)).toMatchObject([
    { level: 'error', facts: { code: 'ACCESS_DENIED' } },
  ]);
  expect(allIsDone(world)).toBe(true);
  const began = Date.parse(walkStateOf(world).compared?.began ?? '');
  expect(began).toBe(world.ports.clock.now());
});

test('where the last run stopped cannot be read: everything is begun anew, and nothing is written over it', async () => {
  const world = await withWorkOfEachKind();
  const before = world.documents.get(walkStateName);
  const mend = refuseState(world, 'get', (name) => name === walkStateName);
  await run(world);
  expect(codesTold(world)).toContain('ACCESS_DENIED');
  expect(allIsDone(world)).toBe(true);
  expect(world.documents.get(walkStateName)).toBe(before);
  mend();
  await run(world);
  expect(world.documents.get(walkStateName)).not.toBe(before);
});

test('no list of buckets with rules: backlog and leases are swept, and a walk of nothing does not count', async () => {
  const world = await withWorkOfEachKind();
  const { compared, records } = walkStateOf(world);
  const mend = refuseState(world, 'list', (name) => name === 'sources/');
  expect(await run(world)).toMatchObject({ finished: false, walkedKeys: 0, backlogKeys: 2, pending: 0 });
  expect(world.lines.filter(({ message }) => message === 'rules not listed')).toHaveLength(1);
  expect(backlogOf(world)).toEqual([]);
  expect(world.shown(destination, 'leased')).toEqual(['leased']);
  expect(compared).toBeDefined();
  expect(walkStateOf(world)).toMatchObject({ compared, records });
  expect(walkStateOf(world)).not.toHaveProperty('stopped');
  mend();
  await run(world);
  expect(allIsDone(world)).toBe(true);
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

const backlogOf = (world: World): readonly string[] =>
  [...world.documents.keys()].filter((name) => name.startsWith('backlog/'));

test('what failed for good stands in the backlog once, however often it is looked at, until it is copied', async () => {
  const world = await withRule();
  for (const key of ['a', 'b']) world.cos.put(source, key, { body: key, storageClass: 'ARCHIVE' });
  for (let look = 0; look < 3; look += 1) {
    world.advance(60_000);
    await run(world);
  }
  expect(backlogOf(world)).toHaveLength(2);
  // Restored by its owner.
  const { headObject } = world.ports.store;
  world.ports.store.headObject = async (ref, key, versionId) => {
    const head = await headObject(ref, key, versionId);
    return head && key === 'a' ? { ...head, restored: true } : head;
  };
  await handleEvent(world.ports, eventFor('a', world.ports.clock.now()));
  expect(world.shown(destination, 'a')).toEqual(['a']);
  expect((await world.rules.backlog(source.bucket, 'r1', undefined)).entries).toMatchObject([
    { key: 'b', status: 'FAILED', code: 'OBJECT_ARCHIVED' },
  ]);
});

test('a rule that is passed over, since it cannot be read, does not count as compared', async () => {
  const world = await withRule();
  const sources = [source, 'm', 'z'].map((one) =>
    typeof one === 'string' ? { bucket: `source-${one}-1250000000`, region: source.region } : one,
  );
  const replicaOf = (from: BucketRef): BucketRef => ({ ...destination, bucket: `to-${from.bucket}` });
  for (const from of sources.slice(1)) {
    for (const one of [from, replicaOf(from)]) world.cos.createBucket(one);
    const rule = settings({ destination: replicaOf(from) });
    await world.rules.create({ ...world.change, bucket: from.bucket }, 'r1', sound(rule));
  }
  world.advance(20_000);
  const [first, middle, last] = sources as [BucketRef, BucketRef, BucketRef];
  for (const from of sources) world.cos.put(from, `of ${from.bucket}`, { body: 'lost' });
  world.advance(3_600_000);

  /** Time is up once this bucket is listed. */
  const runUntil = async (bucket: string): Promise<void> => {
    const { listVersions } = world.ports.store;
    let isUp = false;
    world.ports.store.listVersions = async (ref, page) => {
      isUp ||= ref.bucket === bucket;
      return listVersions(ref, page);
    };
    expect(await run(world, () => (isUp ? 6_000 : 600_000))).toMatchObject({ finished: false });
    world.ports.store.listVersions = listVersions;
  };
  await runUntil(first.bucket);
  const mend = refuseState(world, 'get', (name) => name.startsWith(`rules/${middle.bucket}`));
  await runUntil(last.bucket);
  mend();
  expect(await run(world)).toMatchObject({ finished: true });
  const key = `of ${middle.bucket}`;
  expect(world.shown(replicaOf(middle), key)).toEqual([]);
  await run(world);
  expect(world.shown(replicaOf(middle), key)).toEqual(['lost']);
});

test('keys of which nothing new is listed are looked at again once in a while only', async () => {
  const world = await withRule();
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
  for (const key of keys) world.cos.put(source, key, { body: key, storageClass: 'ARCHIVE' });
  world.advance(60_000);
  expect(await run(world)).toMatchObject({ lookedAt: 100 });
  world.advance(2_000_000);
  await run(world);
  /** One in 24 within an hour, in whatever number of runs. */
  const lookedWithinAnHour = async (runs: number): Promise<void> => {
    let looked = 0;
    for (let time = 0; time < runs; time += 1) {
      world.advance(3_600_000 / runs);
      looked += (await run(world)).lookedAt;
    }
    expect(looked).toBeGreaterThan(0);
    expect(looked).toBeLessThan(12);
  };
  await lookedWithinAnHour(12);
  await lookedWithinAnHour(1);
});

test('a walk gets past any number of keys that only the destination has', async () => {
  const world = await withRule();
  for (let i = 0; i < 3_000; i += 1) world.cos.put(destination, `m${i}`, { body: 'theirs' });
  for (const key of ['a', 'z']) world.cos.put(source, key, { body: key });
  world.requests.length = 0;
  // Time for two pages of the destination in each run.
  const inTime = () =>
    world.requests.filter((request) => request === 'listBucket').length > 3 ? 0 : 600_000;
  let runs = 0;
  while (world.shown(destination, 'z').length === 0 && runs < 10) {
    world.requests.length = 0;
    await run(world, inTime);
    runs += 1;
  }
  expect(runs).toBeGreaterThan(1);
  expect(world.shown(destination, 'z')).toEqual(['z']);
});

test('a key whose rule changes during the look is looked at under the new one, and its backlog stays until then', async () => {
  const world = await withRule();
  world.cos.put(source, 'a', { body: 'one' });
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new ReplicationError('THROTTLED', 'a');
  };
  const told = handleEvent(world.ports, eventFor('a', world.ports.clock.now()));
  await expect(told).rejects.toMatchObject({ code: 'THROTTLED' });
  world.ports.store.copyVersion = copyVersion;
  // Somebody changes the rule each time the destination is read, the first time after it is known.
  const { listKey } = world.ports.store;
  world.ports.store.listKey = async (...call) => {
    if (call[0].bucket !== destination.bucket) return listKey(...call);
    world.ports.store.listKey = listKey;
    const described = sound(settings({ description: 'another' }));
    await world.rules.edit(world.change, 'r1', () => described);
    world.advance(20_000);
    return listKey(...call);
  };
  // Not even the walk would find it.
  denyLists(world, source.bucket);
  expect(await run(world)).toMatchObject({ written: 1, pending: 0 });
  expect(world.shown(destination, 'a')).toEqual(['one']);
  expect(backlogOf(world)).toEqual([]);
});

test('what cannot be read of a key for good stands in the backlog, once, and is no reason to send its event again', async () => {
  const world = await withRule();
  world.cos.put(source, 'a', { body: 'one' });
  const { headObject } = world.ports.store;
  world.ports.store.headObject = async () => {
    throw new ReplicationError('REQUEST_REFUSED', 'HeadObject: status 400');
  };
  for (let time = 0; time < 3; time += 1) {
    await handleEvent(world.ports, eventFor('a', world.ports.clock.now()));
    await run(world);
    world.advance(300_000);
  }
  expect(backlogOf(world)).toHaveLength(1);
  world.ports.store.headObject = headObject;
  for (let hour = 0; hour < 4; hour += 1) {
    for (let time = 0; time < 12; time += 1) {
      await run(world);
      world.advance(300_000);
    }
  }
  expect(world.shown(destination, 'a')).toEqual(['one']);
  expect(backlogOf(world)).toEqual([]);
});

test('a bucket that cannot be read in the middle of a walk does not count as compared', async () => {
  const world = await withRule();
  const other: BucketRef = { bucket: 'zz-1250000000', region: source.region };
  for (const ref of [other, elsewhere]) world.cos.createBucket(ref);
  await world.rules.create(
    { ...world.change, bucket: other.bucket },
    'r1',
    sound(settings({ destination: elsewhere })),
  );
  world.cos.put(source, 'a', { body: 'a' });
  world.cos.put(other, 'b', { body: 'b' });
  world.advance(120_000);
  // The first run stops before the other bucket; during the second its rules cannot be read.
  await run(world, () => (world.shown(destination, 'a').length > 0 ? 0 : 600_000));
  const { get } = world.ports.state;
  world.ports.state.get = async (name) => {
    if (name.startsWith(`rules/${other.bucket}/`)) throw new ReplicationError('STORE_UNAVAILABLE', name);
    return get(name);
  };
  world.advance(120_000);
  expect(await run(world)).toMatchObject({ finished: true });
  const state = JSON.parse(world.documents.get(`jobs/reconcile/${source.region}.json`) ?? '') as {
    compared: { sinces: Record<string, unknown> };
  };
  expect(Object.keys(state.compared.sinces)).toEqual([`${source.bucket}/r1`]);
});

/** The state bucket is slow: entries are read eight at a time, so one reading moves the clock by an eighth. */
async function keysLookedAt(getMs: number): Promise<number> {
  const world = await withRule();
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async ({ key }) => {
    throw new ReplicationError('THROTTLED', key);
  };
  for (let i = 0; i < 1_000; i += 1) {
    world.cos.put(source, `k${i}`, { body: 'one' });
    await handleEvent(world.ports, eventFor(`k${i}`, world.ports.clock.now())).catch(() => undefined);
  }
  world.ports.store.copyVersion = copyVersion;
  // The walk would bring them over, and prove nothing about the sweep.
  world.ports.store.listVersions = async () => {
    throw new ReplicationError('ACCESS_DENIED', 'listVersions');
  };
  const { get } = world.ports.state;
  world.ports.state.get = async (name) => {
    if (name.startsWith('backlog/')) world.advance(getMs / 8);
    return get(name);
  };
  for (let run = 0; run < 10; run += 1) {
    const endMs = world.ports.clock.now() + 900_000;
    const remainingMs = () => endMs - world.ports.clock.now();
    await reconcile({ ...world.ports, remainingMs, ruleSets: () => world.ruleSetsOf(source.region) });
  }
  return Array.from({ length: 1_000 }, (_, i) => world.shown(destination, `k${i}`)).filter(
    (shown) => shown.length > 0,
  ).length;
}

test.each([3_000, 4_000])(
  'pending keys are done where a document takes %d ms to read',
  async (getMs) => {
    expect(await keysLookedAt(getMs)).toBeGreaterThanOrEqual(80);
  },
  300_000,
);
