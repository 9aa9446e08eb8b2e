import { handleEvent } from '../../lib/app/handle-event';
import { ReplicationError } from '../../lib/domain/error';
import { entryId } from '../../lib/domain/history';
import { stampHeader } from '../../lib/domain/stamp';
import {
  createWorld,
  destination,
  eventFor,
  landLate,
  recordFor,
  ruleOf,
  settings,
  sound,
  source,
  stampOf,
  type World,
  loseAnswers,
  withRule,
} from '../support/world';

const key = 'photos/a b.jpg';

const notify = (world: World, of = key) => handleEvent(world.ports, eventFor(of, world.ports.clock.now()));

test('versions and markers arrive in source order, each with its stamp', async () => {
  const world = await withRule();
  world.cos.put(source, key, {
    body: 'one',
    metadata: { 'content-type': 'text/plain', 'x-cos-meta-a': '1' },
    tags: 't',
  });
  world.cos.put(source, key, { body: 'two' });
  world.cos.delete(source, key);
  world.cos.put(source, key, { body: 'three' });
  await notify(world);

  expect(world.shown(destination, key)).toEqual(['one', 'two', '(deleted)', 'three']);
  const [one] = world.cos.history(destination, key);
  const [first] = world.cos.history(source, key);
  expect(one?.content).toMatchObject({
    tags: 't',
    metadata: { 'content-type': 'text/plain', 'x-cos-meta-a': '1' },
  });
  expect(one && stampOf(destination, key, one)).toBe(first && entryId(first.entry));
});

test('a doubled event writes nothing and costs four reads', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  world.requests.length = 0;
  const report = await notify(world);
  expect(report.written).toBe(0);
  expect(world.requests.sort()).toEqual(['head', 'head', 'list', 'list']);
});

test('ten redeliveries of a delete leave one marker', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  world.cos.delete(source, key);
  for (let i = 0; i < 10; i += 1) await notify(world);
  expect(world.shown(destination, key)).toEqual(['one', '(deleted)']);
});

test('a delete whose answer was lost leaves one marker', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  world.cos.delete(source, key);
  const { lost, mend } = loseAnswers(world, 'putDeleteMarker');
  await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
  mend();
  // While its owner may still close the record, nobody can tell.
  await expect(notify(world)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  world.letAttemptsEnd();
  await notify(world);
  await notify(world);
  expect(lost()).toBe(1);
  expect(world.shown(destination, key)).toEqual(['one', '(deleted)']);
});

test('an attempt that was listed once is not taken for none when a later list lacks it', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  world.cos.delete(source, key);
  const { putDeleteMarker } = world.ports.store;
  world.ports.store.putDeleteMarker = async (...call) => {
    await putDeleteMarker(...call);
    throw new Error('connection reset');
  };
  await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
  world.ports.store.putDeleteMarker = putDeleteMarker;

  const { list } = world.ports.state;
  let lists = 0;
  world.ports.state.list = async (folder, after) => {
    if (!folder.startsWith('markers/')) return list(folder, after);
    lists += 1;
    return lists === 1 ? list(folder, after) : { names: [], complete: true };
  };
  await expect(notify(world)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  expect(lists).toBeGreaterThan(1);
  expect(world.shown(destination, key)).toEqual(['one', '(deleted)']);
});

test('the storage class is the source object’s unless the rule names one', async () => {
  const kept = await withRule();
  kept.cos.put(source, key, { body: 'one', storageClass: 'STANDARD_IA' });
  await notify(kept);
  expect(kept.cos.history(destination, key)[0]?.content?.storageClass).toBe('STANDARD_IA');

  const named = await withRule({ destination: { ...destination, storageClass: 'INTELLIGENT_TIERING' } });
  named.cos.put(source, key, { body: 'one', storageClass: 'STANDARD_IA' });
  await notify(named);
  expect(named.cos.history(destination, key)[0]?.content?.storageClass).toBe('INTELLIGENT_TIERING');
});

test('markers stay away when their sync is off, versions around them arrive', async () => {
  const world = await withRule({ deleteMarkerReplication: 'Disabled' });
  world.cos.put(source, key, { body: 'one' });
  world.cos.delete(source, key);
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['one', 'two']);
});

test('what was written before the rule is not copied, and never later', async () => {
  const world = createWorld();
  world.cos.put(source, key, { body: 'old' });
  world.advance(2000);
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.advance(2000);
  world.cos.put(source, key, { body: 'new' });
  await notify(world);
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['new']);
});

test('off stops, on again covers only what is written after', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'before' });
  await notify(world);
  await world.rules.edit(world.change, 'r1', (rule) => sound({ ...rule, status: 'Disabled' }));
  world.advance(20_000);
  world.cos.put(source, key, { body: 'while off' });
  await notify(world);
  world.advance(1000);
  await world.rules.edit(world.change, 'r1', (rule) => sound({ ...rule, status: 'Enabled' }));
  world.advance(20_000);
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['before']);
  world.cos.put(source, key, { body: 'after' });
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['before', 'after']);
});

test('a rule that was just created is seen although the cached rules say nothing', async () => {
  const world = createWorld();
  world.cos.put(source, key, { body: 'one' });
  expect((await notify(world)).notCovered).toBe(1);
  world.advance(1500);
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.advance(100);
  world.cos.put(source, key, { body: 'two' });
  expect((await notify(world)).written).toBe(1);
});

test('an older replica that lands late is covered by the newest again', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  const late = landLate(world, 'copyVersion');
  await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  await late.land();
  expect(world.shown(destination, key)).toEqual(['one', 'two', 'one']);
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['one', 'two', 'one', 'two']);
  expect((await notify(world)).written).toBe(0);
});

test('the newest is put on top from the destination itself when the source no longer has it', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  const late = landLate(world, 'copyVersion');
  await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
  const two = world.cos.put(source, key, { body: 'two' });
  await notify(world);
  await late.land();
  world.cos.deleteVersion(source, key, entryId(two.entry));
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['one', 'two', 'one', 'two']);
});

test('a user’s own write on top of the replicas stands', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  world.cos.put(destination, key, { body: 'mine' });
  expect((await notify(world)).written).toBe(0);
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['one', 'mine', 'two']);
});

test('a user’s copy of an old replica, stamp and all, is the user’s', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  world.advance(3600_000);
  const [one] = world.cos.history(destination, key);
  world.cos.put(destination, key, one?.content ?? {});
  expect((await notify(world)).written).toBe(0);
  expect(world.shown(destination, key)).toEqual(['one', 'two', 'one']);
});

test('a permanent delete at the source changes nothing at the destination', async () => {
  const world = await withRule();
  const one = world.cos.put(source, key, { body: 'one' });
  const two = world.cos.put(source, key, { body: 'two' });
  await notify(world);
  world.cos.deleteVersion(source, key, entryId(one.entry));
  await notify(world);
  world.cos.deleteVersion(source, key, entryId(two.entry));
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['one', 'two']);
});

test('a replica is not replicated further, so two rules toward each other do not ring', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  world.cos.delete(source, key);
  await notify(world);
  const back = await world.rules
    .create({ ...world.change, bucket: destination.bucket }, 'back', sound(settings({ destination: source })))
    .catch((refused: unknown) => refused);
  // The API of this deployment only takes sources of its own region; the rule of another deployment is written here.
  expect(back).toMatchObject({ name: 'RequestRefused' });
  await ruleOf(world, destination, source, 'back');
  const report = await handleEvent(world.ports, eventFor(key, world.ports.clock.now(), destination));
  expect(report).toMatchObject({ written: 0, notCovered: 0, left: 2 });
  expect(world.shown(source, key)).toEqual(['one', '(deleted)']);
});

test('what cannot be copied is left in the backlog with its reason, and what comes after it goes on', async () => {
  const world = createWorld({ settings: { singleCopyBytesMax: 5 } });
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.cos.put(source, key, { body: 'far too large' });
  world.cos.put(source, key, { body: 'cold', storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: 'small' });
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['small']);
  const { entries } = await world.rules.backlog(source.bucket, 'r1', undefined);
  expect(entries.map(({ code, status }) => `${status} ${code}`).sort()).toEqual([
    'FAILED OBJECT_ARCHIVED',
    'FAILED OBJECT_TOO_LARGE',
  ]);
});

test('a failure that may pass stops the key, is in the backlog, and the event is thrown for a retry', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  world.cos.put(source, key, { body: 'two' });
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async () => {
    throw new Error('503');
  };
  await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
  expect(world.shown(destination, key)).toEqual([]);
  expect((await world.rules.backlog(source.bucket, 'r1', undefined)).entries).toMatchObject([
    { status: 'PENDING' },
  ]);
  world.ports.store.copyVersion = copyVersion;
  await notify(world);
  expect(world.shown(destination, key)).toEqual(['one', 'two']);
});

/** One event with a record for each key. */
const notifyAll = (world: World, keys: readonly string[], remainingMs = world.ports.remainingMs) => {
  const Records = keys.map((name) => recordFor(name, world.ports.clock.now()));
  return handleEvent({ ...world.ports, remainingMs }, { Records });
};

const backlogOf = async (world: World) =>
  (await world.rules.backlog(source.bucket, 'r1', undefined)).entries.map(
    ({ key: name, status, code, retryable }) => ({ key: name, status, code, retryable }),
  );

test('a key that runs out of time is left in the backlog for a retry, and the others of its batch are done', async () => {
  const world = await withRule();
  for (const name of ['slow', 'a', 'b']) world.cos.put(source, name, { body: `${name} one` });
  world.cos.put(source, 'slow', { body: 'slow two' });
  const { copyVersion } = world.ports.store;
  let leftMs = 600_000;
  world.ports.store.copyVersion = async (request) => {
    if (request.key === 'slow') {
      while (['a', 'b'].some((name) => world.shown(destination, name).length === 0)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      // The others have still to look again.
      await new Promise((resolve) => setImmediate(resolve));
      leftMs = world.ports.settings.deadlineMarginMs - 1;
    }
    return copyVersion(request);
  };
  const notified = notifyAll(world, ['slow', 'a', 'b'], () => leftMs);
  await expect(notified).rejects.toMatchObject({ code: 'DEADLINE', effect: 'retry' });
  // What was sent in time counts; the next step did not begin.
  const shown = () => ['slow', 'a', 'b'].map((name) => world.shown(destination, name));
  expect(shown()).toEqual([['slow one'], ['a one'], ['b one']]);
  expect(await backlogOf(world)).toEqual([
    { key: 'slow', status: 'PENDING', code: 'DEADLINE', retryable: true },
  ]);
  world.ports.store.copyVersion = copyVersion;
  await notifyAll(world, ['slow', 'a', 'b']);
  expect(shown()).toEqual([['slow one', 'slow two'], ['a one'], ['b one']]);
});

test('with no time at all nothing is sent, and every key of the batch is left for a retry', async () => {
  const world = await withRule();
  for (const name of ['a', 'b']) world.cos.put(source, name, { body: name });
  const notified = notifyAll(world, ['a', 'b'], () => world.ports.settings.deadlineMarginMs - 1);
  await expect(notified).rejects.toMatchObject({ code: 'DEADLINE' });
  expect(world.requests).toEqual([]);
  const left = await backlogOf(world);
  expect(left.map(({ key: name, code }) => `${name} ${code}`).toSorted()).toEqual([
    'a DEADLINE',
    'b DEADLINE',
  ]);
});

test.each([1, 8])(
  'of one batch, %i keys at a time, a key that may be tried again and one that failed for good hold up no other',
  async (keysAtOnce) => {
    const world = createWorld({ settings: { keysAtOnce } });
    await world.rules.create(world.change, 'r1', sound(settings()));
    world.advance(1_000);
    const keys = ['throttled', 'archived', 'a', 'b', 'deleted'];
    for (const name of keys) world.cos.put(source, name, { body: name });
    world.cos.put(source, 'archived', { body: 'cold', storageClass: 'ARCHIVE' });
    world.cos.put(source, 'archived', { body: 'warm' });
    world.cos.delete(source, 'deleted');
    const { copyVersion } = world.ports.store;
    world.ports.store.copyVersion = async (request) => {
      if (request.key === 'throttled') throw new ReplicationError('THROTTLED', request.key);
      return copyVersion(request);
    };
    await expect(notifyAll(world, keys)).rejects.toMatchObject({ code: 'THROTTLED', effect: 'retry' });
    const shown = () => keys.map((name) => world.shown(destination, name));
    const others = [['archived', 'warm'], ['a'], ['b'], ['deleted', '(deleted)']];
    expect(shown()).toEqual([[], ...others]);
    const gap = { key: 'archived', status: 'FAILED', code: 'OBJECT_ARCHIVED', retryable: false };
    const pending = { key: 'throttled', status: 'PENDING', code: 'THROTTLED', retryable: true };
    expect(await backlogOf(world)).toEqual(expect.arrayContaining([gap, pending]));
    expect(await backlogOf(world)).toHaveLength(2);

    world.ports.store.copyVersion = copyVersion;
    world.requests.length = 0;
    // Only what may pass is left to do; what failed for good is no reason to send the event again.
    expect(await notifyAll(world, keys)).toMatchObject({ keys: 5, written: 1 });
    expect(shown()).toEqual([['throttled'], ...others]);
  },
);

test('metadata without room for the stamp is a gap', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one', metadata: { 'x-cos-meta-a': 'x'.repeat(4000) } });
  await notify(world);
  const { entries } = await world.rules.backlog(source.bucket, 'r1', undefined);
  expect(entries).toMatchObject([{ code: 'METADATA_TOO_LARGE', status: 'FAILED' }]);
});

test('a key with hundreds of versions costs no more requests than one with a few', async () => {
  const world = await withRule();
  for (let i = 0; i < 350; i += 1) world.cos.put(source, key, { body: `v${i}` });
  await notify(world);
  expect(world.shown(destination, key)).toEqual(Array.from({ length: 350 }, (_, i) => `v${i}`));
  world.cos.put(source, key, { body: 'one more' });
  world.requests.length = 0;
  await notify(world);
  expect(world.requests.sort()).toEqual(['copy', 'head', 'head', 'head', 'list', 'list']);
});

test('a stamp never reaches the next replica', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one', metadata: { [stampHeader]: 'somebody’s own' } });
  await notify(world);
  const [one] = world.cos.history(destination, key);
  expect(one && stampOf(destination, key, one)).toBeDefined();
});

test('a null that was written in the second of a version that was copied and deleted for good stands on top', async () => {
  const world = await withRule();
  const one = world.cos.put(source, 'k', { body: 'with an id' });
  await notify(world, 'k');
  world.cos.setVersioning(source, 'Suspended');
  // Within the same second, while the function still takes the source for versioned.
  world.cos.put(source, 'k', { body: 'null' });
  world.cos.deleteVersion(source, 'k', entryId(one.entry));
  await notify(world, 'k');
  expect(world.shown(source, 'k')).toEqual(['null']);
  expect(world.shown(destination, 'k')).toEqual(['with an id', 'null']);
});
