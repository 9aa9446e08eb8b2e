import { recordFailure } from '../../lib/app/backlog';
import { reconcile } from '../../lib/app/reconcile';
import { ReplicationError } from '../../lib/domain/error';
import { entryId } from '../../lib/domain/history';
import type { RuleSettings } from '../../lib/domain/rule';
import {
  createWorld,
  destination,
  settings,
  sound,
  source,
  loseAnswers,
  withRule,
  type World,
} from '../support/world';
import {
  archiveCurrent,
  at,
  backlogOf,
  damageCopies,
  key,
  notify,
  restoreArchived,
  restoreVersions,
  sweep,
  sweepForTwoHours,
  toldIn,
} from '../support/gap-stories';

/** What failed for good, and what becomes of it. */
/** A restored version, and on top of it one that has been archived since it was copied: at the source, or at both ends. */
async function belowArchived(...ends: readonly (typeof source)[]) {
  const world = await withRule();
  const one = world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  for (const end of ends) archiveCurrent(world, end);
  restoreVersions(world, 'one');
  world.advance(300_000);
  await sweep(world);
  return { world, one };
}

test('an archived version that is restored is copied in its place, and what lies above it again', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: 'two' });
  world.cos.put(source, key, { body: 'three' });
  await notify(world);
  world.advance(60_000);
  await sweep(world);
  expect(at(world)).toEqual(['two', 'three']);
  expect(await backlogOf(world)).toEqual(['OBJECT_ARCHIVED']);

  restoreArchived(world);
  world.advance(300_000);
  await sweep(world);
  expect(at(world)).toEqual(['two', 'three', 'one', 'two', 'three']);
  expect(await backlogOf(world)).toEqual([]);
  world.advance(300_000);
  await sweep(world);
  await notify(world);
  expect(at(world)).toHaveLength(5);
});

test('a restored version is not put on top of a newer one that has been archived meanwhile, until that is not the newest', async () => {
  const { world } = await belowArchived(source, destination);
  expect(await backlogOf(world)).toEqual(['NEWER_NOT_COPYABLE']);
  const told = await toldIn(world, () => sweepForTwoHours(world));
  expect(told).toBeGreaterThan(0);
  expect(told).toBeLessThanOrEqual(4);
  expect(at(world)).toEqual(['two']);
  expect(await backlogOf(world)).toEqual(['NEWER_NOT_COPYABLE']);

  world.cos.put(source, key, { body: 'three' });
  await notify(world);
  await sweepForTwoHours(world);
  expect(at(world)).toEqual(['two', 'three', 'one', 'three']);
  expect(await backlogOf(world)).toEqual([]);
});

test('a delete marker that stands at the destination leaves the backlog, although something newer is in the way', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  const marker = entryId(world.cos.delete(source, key).entry);
  await notify(world);
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  for (const end of [source, destination]) archiveCurrent(world, end);
  // Whoever is not shown the marker's record takes it for missing.
  const error = new ReplicationError('NEWER_NOT_COPYABLE', 'two');
  await recordFailure(world.ports, source, key, (await world.rules.get(source.bucket, 'r1')).rule, {
    source: marker,
    error,
  });
  world.advance(300_000);
  await sweep(world);
  expect(await backlogOf(world)).toEqual([]);
  expect(at(world)).toEqual(['one', '(deleted)', 'two']);
});

test('a version that stands below one whose id is older leaves the backlog, however long the source’s history is', async () => {
  const world = await withRule({ deleteMarkerReplication: 'Disabled' }, { historyPageEntries: 2 });
  // Listed by landing: its id is of the moment at which its upload began.
  const late = world.cos.put(source, key, { body: 'late' });
  const keys = world.cos.bucket(source)?.keys;
  keys?.delete(key);
  world.advance(60_000);
  const one = world.cos.put(source, key, { body: 'one' });
  await notify(world);
  keys?.set(key, [one, late]);
  world.cos.delete(source, key);
  await notify(world);
  expect(at(world)).toEqual(['one', 'late']);
  // Written down late, after its version had been copied.
  const { rule } = await world.rules.get(source.bucket, 'r1');
  const error = new ReplicationError('REQUEST_REFUSED', 'one');
  await recordFailure(world.ports, source, key, rule, { source: entryId(one.entry), error });
  await sweep(world);
  expect(await backlogOf(world)).toEqual([]);
});

test('what was in the way of a version that is deleted for good leaves the backlog', async () => {
  const { world, one } = await belowArchived(source, destination);
  expect(await backlogOf(world)).toEqual(['NEWER_NOT_COPYABLE']);
  world.cos.deleteVersion(source, key, one.entry.versionId);
  await sweepForTwoHours(world);
  expect(await backlogOf(world)).toEqual([]);
  expect(at(world)).toEqual(['two']);
});

test('a newer version that has been archived at the source is put on top again from its replica', async () => {
  const { world } = await belowArchived(source);
  expect(at(world)).toEqual(['two', 'one', 'two']);
  world.advance(300_000);
  await sweep(world);
  await notify(world);
  expect(at(world)).toHaveLength(3);
  expect(await backlogOf(world)).toEqual([]);
});

test('a newer version that is deleted for good at either end is in nobody’s way, also if that happens after the look', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
  const two = world.cos.put(source, key, { body: 'two' });
  await notify(world);
  world.cos.deleteVersion(source, key, two.entry.versionId);
  restoreVersions(world, 'one');
  const { headObject } = world.ports.store;
  world.ports.store.headObject = async (ref, name, versionId) => {
    if (ref.bucket === destination.bucket && versionId !== undefined && at(world).includes('two'))
      world.cos.deleteVersion(ref, name, versionId);
    return headObject(ref, name, versionId);
  };
  world.advance(300_000);
  expect(await toldIn(world, () => sweep(world))).toBe(0);
  expect(at(world)).toEqual(['one']);
  expect(await backlogOf(world)).toEqual([]);
});

test('a newer version that is made readable after the look is in nobody’s way', async () => {
  const world = await withRule(undefined, { leases: false });
  world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  archiveCurrent(world, source);
  archiveCurrent(world, destination);
  const { headObject } = world.ports.store;
  world.ports.store.headObject = async (ref, name, versionId) => {
    const head = await headObject(ref, name, versionId);
    // The look asks for what is current, and whoever copies for a version.
    return head && { ...head, restored: ref.bucket === source.bucket && versionId !== undefined };
  };
  world.advance(300_000);
  await sweep(world);
  expect(at(world)).toEqual(['two', 'one', 'two']);
  expect(await backlogOf(world)).toEqual([]);
});

test('an archived version that turns out to be too large once it is restored is said to be so', async () => {
  const world = await withRule(undefined, { singleCopyBytesMax: 5 });
  world.cos.put(source, key, { body: 'larger', storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  expect(await backlogOf(world)).toEqual(['OBJECT_ARCHIVED']);
  restoreArchived(world);
  world.advance(300_000);
  expect(await toldIn(world, () => sweepForTwoHours(world))).toBe(1);
  expect(await backlogOf(world)).toEqual(['OBJECT_TOO_LARGE']);
  expect(at(world)).toEqual(['two']);
});

test('a gap from before the rule was switched on again is not filled, and leaves the backlog', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  world.advance(5_000);
  const gaps = [...world.documents].filter(([name]) => name.startsWith('backlog/'));
  for (const status of ['Disabled', 'Enabled'] as const)
    await world.rules.edit(world.change, 'r1', () => sound(settings({ status })));
  // A function that had not heard of it wrote it down after the change.
  for (const [name, body] of gaps) world.documents.set(name, body);
  restoreArchived(world);
  world.advance(700_000);
  await sweep(world);
  expect(at(world)).toEqual(['two']);
  expect(await backlogOf(world)).toEqual([]);
});

test('a gap from before the destination was changed leaves the backlog, although its removal failed then', async () => {
  const world = await withRule();
  const other = { bucket: 'other-1250000000', region: destination.region };
  world.cos.createBucket(other);
  world.cos.put(source, key, { body: 'one', metadata: { 'x-cos-meta-large': 'x'.repeat(4_050) } });
  await notify(world);
  expect(await backlogOf(world)).toEqual(['METADATA_TOO_LARGE']);
  const gaps = [...world.documents].filter(([name]) => name.startsWith('backlog/'));
  world.advance(60_000);
  await world.rules.edit(world.change, 'r1', () => sound(settings({ destination: other })));
  for (const [name, body] of gaps) world.documents.set(name, body);
  world.advance(700_000);
  await sweep(world);
  expect(await backlogOf(world)).toEqual([]);
});

test('a gap of a version that was deleted for good leaves the backlog', async () => {
  const world = await withRule();
  const { entry } = world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  expect(await backlogOf(world)).toEqual(['OBJECT_ARCHIVED']);
  world.cos.deleteVersion(source, key, entry.versionId);
  world.advance(700_000);
  await sweep(world);
  expect(await backlogOf(world)).toEqual([]);
});

test('a replica of other bytes is none, however often it is looked at, until a whole one stands there', async () => {
  const world = await withRule();
  const mend = damageCopies(world);
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  expect(at(world)).toEqual(['XXX', 'XXX']);
  for (let time = 0; time < 3; time += 1) {
    world.advance(300_000);
    await sweep(world);
    expect(await backlogOf(world)).toEqual(['REPLICA_MISMATCH']);
  }
  mend();
  await notify(world);
  expect(at(world).at(-1)).toBe('one');
  world.advance(300_000);
  await sweep(world);
  expect(await backlogOf(world)).toEqual([]);
});

test('a copy whose sender died before it compared it is compared by whoever looks next', async () => {
  const world = await withRule();
  const mend = damageCopies(world);
  loseAnswers(world, 'copyVersion');
  world.cos.put(source, key, { body: 'one' });
  await expect(notify(world)).rejects.toThrow('connection reset');
  expect(at(world)).toEqual(['XXX']);
  mend();
  await notify(world);
  expect(at(world)).toEqual(['XXX', 'one']);
});

test('a delete that was refused and then made leaves the backlog, although its gap could not be closed at once', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  world.advance(60_000);
  world.cos.delete(source, key);
  const { putDeleteMarker } = world.ports.store;
  world.ports.store.putDeleteMarker = async () => {
    throw new ReplicationError('REQUEST_REFUSED', 'DeleteObject');
  };
  await notify(world);
  expect(await backlogOf(world)).toEqual(['REQUEST_REFUSED']);
  // So soon after it came about nobody asks whether it has failed before.
  world.ports.store.putDeleteMarker = putDeleteMarker;
  await notify(world);
  expect(at(world)).toEqual(['one', '(deleted)']);
  expect(await backlogOf(world)).toEqual(['REQUEST_REFUSED']);
  world.advance(300_000);
  await sweep(world);
  expect(await backlogOf(world)).toEqual([]);
});

test('a copy whose outcome is unknown is looked at again until it cannot land any more', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  const { copyVersion } = world.ports.store;
  let land: () => Promise<unknown> = async () => undefined;
  world.ports.store.copyVersion = async (request) => {
    world.ports.store.copyVersion = copyVersion;
    land = () => copyVersion(request);
    throw new ReplicationError('OUTCOME_UNKNOWN', 'timed out');
  };
  await expect(notify(world)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  world.cos.put(source, key, { body: 'two' });
  // No rule is walked: what is done is done for the backlog.
  const sweepBacklog = () => reconcile({ ...world.ports, ruleSets: async () => [] });
  await sweepBacklog();
  expect(at(world)).toEqual(['one', 'two']);
  world.advance(300_000);
  await land();
  expect(at(world)).toEqual(['one', 'two', 'one']);
  await sweepBacklog();
  expect(at(world)).toEqual(['one', 'two', 'one', 'two']);
  const { longestTransferMs, clockToleranceMs } = world.ports.settings;
  world.advance(longestTransferMs + clockToleranceMs);
  await sweepBacklog();
  expect(await backlogOf(world)).toEqual([]);
});

test.each<[string, RuleSettings, (world: World, other: RuleSettings) => Promise<unknown>, readonly string[]]>(
  [
    [
      'one that is made with a higher priority',
      settings({ priority: 1, prefixes: [key] }),
      (world, other) => world.rules.create(world.change, 'r2', sound(other)),
      ['two', 'one', 'two'],
    ],
    [
      'one whose priority is the higher one by now',
      settings({ priority: 4, prefixes: [key] }),
      async (world, other) => {
        await world.rules.create(world.change, 'r2', sound(other));
        await world.rules.edit(world.change, 'r1', (rule) => sound({ ...rule, priority: 5 }));
      },
      ['two', 'one', 'two'],
    ],
    [
      'one that was there before the other one went',
      settings({ priority: 4, prefixes: [key] }),
      async (world, other) => {
        await world.rules.create(world.change, 'r2', sound(other));
        await world.rules.remove(world.change, 'r1');
      },
      ['two', 'one', 'two'],
    ],
    [
      'one that was made after the other one had gone',
      settings({ priority: 4, prefixes: [key] }),
      async (world, other) => {
        const { remove } = world.ports.state;
        world.ports.state.remove = async (name) => {
          throw new ReplicationError('STORE_UNAVAILABLE', name);
        };
        await world.rules.remove(world.change, 'r1');
        world.ports.state.remove = remove;
        world.advance(20_000);
        await world.rules.create(world.change, 'r2', sound(other));
      },
      ['two'],
    ],
  ],
)(
  'a gap whose key another rule brings to the same destination by now: %s',
  async (_name, other, takeOver, copied) => {
    const world = createWorld();
    await world.rules.create(world.change, 'r1', sound(settings({ priority: 3 })));
    world.advance(20_000);
    world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
    world.cos.put(source, key, { body: 'two' });
    await notify(world);
    expect(await backlogOf(world)).toEqual(['OBJECT_ARCHIVED']);
    world.advance(60_000);
    await takeOver(world, other);
    expect([...world.documents.keys()].filter((name) => name.startsWith('backlog/'))).toHaveLength(1);
    world.advance(20_000);
    restoreArchived(world);
    await sweepForTwoHours(world);
    expect(at(world)).toEqual(copied);
    expect([...world.documents.keys()].filter((name) => name.startsWith('backlog/'))).toEqual([]);
  },
);

test.each([true, false])(
  'a newer version that is deleted for good while an older one is filled in stays on top (leases: %s)',
  async (leases) => {
    const world = await withRule({ deleteMarkerReplication: 'Disabled' }, { leases });
    world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
    const two = world.cos.put(source, key, { body: 'two' });
    await notify(world);
    // The rule does not ask for markers: this one only makes "two" not the current one.
    world.cos.delete(source, key);
    world.advance(60_000);
    await notify(world);
    await sweep(world);
    expect(at(world)).toEqual(['two']);
    restoreVersions(world, 'one');
    const { copyVersion } = world.ports.store;
    world.ports.store.copyVersion = async (request) => {
      const answer = await copyVersion(request);
      // A lifecycle of the source expires what is not current, while "one" is copied.
      world.cos.deleteVersion(source, key, entryId(two.entry));
      return answer;
    };
    world.advance(300_000);
    await sweep(world);
    for (let time = 0; time < 12; time += 1) await sweepForTwoHours(world);
    expect(at(world).at(-1)).toBe('two');
  },
);

test('a version whose copy was torn once and then made whole leaves the backlog, also where the key is written once a second', async () => {
  const world = await withRule();
  const mend = damageCopies(world);
  world.cos.put(source, key, { body: 'v0' });
  await notify(world);
  expect(await backlogOf(world)).toEqual(['REPLICA_MISMATCH']);
  mend();
  for (let i = 1; i <= 300; i += 1) {
    world.advance(1_000);
    world.cos.put(source, key, { body: `v${i}` });
    await notify(world);
  }
  expect(at(world).slice(2, 5)).toEqual(['v0', 'v1', 'v2']);
  await sweep(world);
  for (let day = 0; day < 3; day += 1) await sweepForTwoHours(world);
  expect(await backlogOf(world)).toEqual([]);
});

test('what failed for good leaves the backlog once its rule asks for tags that it does not carry', async () => {
  const world = await withRule({ deleteMarkerReplication: 'Disabled' }, { singleCopyBytesMax: 5 });
  world.cos.put(source, key, { body: 'too large' });
  world.cos.put(source, key, { body: 'two', tags: 'a=b' });
  await notify(world);
  expect(await backlogOf(world)).toEqual(['OBJECT_TOO_LARGE']);
  world.advance(60_000);
  const tags = [{ key: 'a', value: 'b' }];
  await world.rules.edit(world.change, 'r1', () =>
    sound(settings({ tags, deleteMarkerReplication: 'Disabled' })),
  );
  for (let day = 0; day < 12; day += 1) await sweepForTwoHours(world);
  expect(at(world)).toEqual(['two']);
  expect(await backlogOf(world)).toEqual([]);
});
