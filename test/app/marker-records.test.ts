import { handleEvent } from '../../lib/app/handle-event';
import { reconcile } from '../../lib/app/reconcile';
import { entryId } from '../../lib/domain/history';
import { destination, eventFor, landLate, source, withRule } from '../support/world';

/** Records of delete markers go when their marker is gone, and not before. */
const dayMs = 24 * 3_600_000;

async function withDeletes(keys: readonly string[]) {
  const world = await withRule();
  const notify = (key: string) => handleEvent(world.ports, eventFor(key, world.ports.clock.now()));
  for (const key of keys) {
    world.cos.put(source, key, { body: 'one' });
    await notify(key);
    world.cos.delete(source, key);
    await notify(key);
  }
  const sweep = () => reconcile({ ...world.ports, ruleSets: () => world.ruleSetsOf(source.region) });
  const records = () => [...world.documents.keys()].filter((name) => name.startsWith('markers/'));
  return { world, notify, sweep, records };
}

test('the records of a marker that is gone are removed after a day, those of one that stands stay', async () => {
  const { world, sweep, records, notify } = await withDeletes(['gone', 'stands']);
  expect(records()).toHaveLength(4);
  // Below a newer version, so that it is not missed.
  world.cos.put(source, 'gone', { body: 'two' });
  await notify('gone');
  const [, marker] = world.cos.history(destination, 'gone');
  if (marker) world.cos.deleteVersion(destination, 'gone', entryId(marker.entry));
  await sweep();
  world.advance(dayMs / 2);
  await sweep();
  expect(records()).toHaveLength(4);
  world.advance(dayMs);
  await sweep();
  expect(records()).toHaveLength(2);
  // The one that stands is still known for what it is.
  world.requests.length = 0;
  await notify('stands');
  expect(world.requests.filter((request) => request === 'delete')).toEqual([]);
});

test('the record of an attempt that made nothing goes, one that may have made a marker stays', async () => {
  const { world, sweep, records, notify } = await withDeletes([]);
  for (const key of ['never sent', 'landed']) world.cos.put(source, key, { body: 'one' });
  for (const key of ['never sent', 'landed']) {
    await notify(key);
    world.cos.delete(source, key);
    const late = landLate(world, 'putDeleteMarker');
    await expect(notify(key)).rejects.toMatchObject({ effect: 'retry' });
    if (key === 'landed') await late.land();
  }
  expect(records()).toHaveLength(2);
  world.letAttemptsEnd();
  await sweep();
  world.advance(dayMs + 1_000);
  await sweep();
  // The timer wrote the marker that never came, and left alone what landed.
  expect(world.shown(destination, 'never sent')).toEqual(['one', '(deleted)']);
  expect(world.shown(destination, 'landed')).toEqual(['one', '(deleted)']);
  const open = records().filter((name) => name.includes('.open.'));
  expect(open).toHaveLength(2);
});

test('nothing is asked of the records on a usual run', async () => {
  const { world, sweep } = await withDeletes(['k']);
  await sweep();
  const list = world.ports.state.list;
  const listed: string[] = [];
  world.ports.state.list = (prefix, after) => {
    listed.push(prefix);
    return list(prefix, after);
  };
  world.advance(3_600_000);
  await sweep();
  expect(listed.filter((prefix) => prefix === `markers/${destination.bucket}/`)).toEqual([]);
});

test('what many markers of a key are is asked of two lists, not of one each', async () => {
  const { world, notify } = await withDeletes(['k']);
  for (let time = 0; time < 20; time += 1) {
    world.cos.delete(source, 'k');
    await notify('k');
  }
  // Its mark differs then, and all replicas of that time are looked at.
  const [, first] = world.cos.history(source, 'k');
  if (first) world.cos.deleteVersion(source, 'k', entryId(first.entry));
  world.cos.put(source, 'k', { body: 'two' });
  const { list } = world.ports.state;
  let lists = 0;
  world.ports.state.list = async (folder, after) => {
    if (folder.startsWith('markers/')) lists += 1;
    return list(folder, after);
  };
  world.requests.length = 0;
  await notify('k');
  expect(world.requests.filter((request) => request === 'copy')).toHaveLength(1);
  expect(world.requests.filter((request) => request === 'delete')).toEqual([]);
  expect(lists).toBeGreaterThan(1);
  expect(lists).toBeLessThanOrEqual(3);
});
