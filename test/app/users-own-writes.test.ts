import type { StoredEntry } from '../../lib/adapters/memory/memory-cos';
import { ReplicationError } from '../../lib/domain/error';
import { entryId } from '../../lib/domain/history';
import { at, backlogOf, key, notify, restoreArchived, sweep, sweepForTwoHours } from '../support/gap-stories';
import { destination, landLate, source, withRule } from '../support/world';

test('a user’s write at the destination stands, although an older replica lies late below it', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  const late = landLate(world, 'copyVersion');
  await expect(notify(world)).rejects.toMatchObject({ effect: 'retry' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  await late.land();
  world.cos.put(destination, key, { body: 'mine' });
  await notify(world);
  world.advance(300_000);
  await sweep(world);
  expect(at(world).at(-1)).toBe('mine');
});

test('a gap is not filled on top of a user’s write, and is once that one is gone', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  const mine = world.cos.put(destination, key, { body: 'mine' });
  restoreArchived(world);
  await sweepForTwoHours(world);
  expect(at(world)).toEqual(['two', 'mine']);
  expect(await backlogOf(world)).toEqual(['NEWER_NOT_COPYABLE']);
  world.cos.deleteVersion(destination, key, entryId(mine.entry));
  await sweepForTwoHours(world);
  expect(at(world)).toEqual(['two', 'one', 'two']);
  expect(await backlogOf(world)).toEqual([]);
});

test('what no event told of is copied also below a user’s write, with what lies above it', async () => {
  const world = await withRule();
  for (const body of ['one', 'two']) world.cos.put(source, key, { body });
  const { keys } = world.cos.bucket(source) ?? { keys: new Map() };
  const [one, two] = world.cos.history(source, key) as [StoredEntry, StoredEntry];
  keys.set(key, [two]);
  await notify(world);
  keys.set(key, [one, two]);
  world.cos.put(destination, key, { body: 'mine' });
  world.advance(300_000);
  await sweep(world);
  expect(at(world)).toEqual(['two', 'mine', 'one', 'two']);
});

test('what could not be put on top again stays in the backlog while it is buried', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one', storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  restoreArchived(world);
  const { copyVersion } = world.ports.store;
  let copies = 0;
  world.ports.store.copyVersion = async (request) => {
    copies += 1;
    if (copies > 1) throw new ReplicationError('REQUEST_REFUSED', 'CopyObject');
    return copyVersion(request);
  };
  world.advance(300_000);
  await sweep(world);
  expect(at(world)).toEqual(['two', 'one']);
  expect(await backlogOf(world)).toEqual(['REQUEST_REFUSED']);
  const mine = world.cos.put(destination, key, { body: 'mine' });
  await sweepForTwoHours(world);
  world.cos.deleteVersion(destination, key, entryId(mine.entry));
  // Copies go through again, and nobody asks for one.
  world.ports.store.copyVersion = copyVersion;
  await sweepForTwoHours(world);
  expect({ top: at(world).at(-1), backlog: await backlogOf(world) }).toEqual({ top: 'two', backlog: [] });
});
