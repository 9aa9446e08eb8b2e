import type { NamedEntry } from '../../lib/app/backlog';
import type { TimerRun } from '../../lib/app/look-at-key';
import { settleGaps } from '../../lib/app/settle-gaps';
import type { BacklogEntry } from '../../lib/domain/backlog';
import { ReplicationError } from '../../lib/domain/error';
import { entryId } from '../../lib/domain/history';
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
import { pause } from '../support/pause';
import { destination, sound, source, type World, withRule } from '../support/world';

/** Filling what failed for good, where something goes wrong meanwhile. */

/** Archived versions, a newer one on top of them that was copied. */
async function archivedBelow(top: string, ...bodies: readonly string[]): Promise<World> {
  const world = await withRule();
  for (const body of bodies) world.cos.put(source, key, { body, storageClass: 'ARCHIVE' });
  world.cos.put(source, key, { body: top });
  await notify(world);
  expect(at(world)).toEqual([top]);
  expect(await backlogOf(world)).toEqual(bodies.map(() => 'OBJECT_ARCHIVED'));
  return world;
}

/** Copies take so long that a plan is too old for its second step. */
function copySlowly(world: World): void {
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async (request) => {
    const answer = await copyVersion(request);
    world.advance(world.ports.settings.planAgeMaxMs + 1_000);
    return answer;
  };
}

/** Until mended, COS refuses to copy what has this body, from one end or both, and to write delete markers. */
function refuse(
  world: World,
  body: string,
  ends = [source, destination],
  error = new ReplicationError('REQUEST_REFUSED', 'COS says so'),
): () => void {
  const { copyVersion, putDeleteMarker } = world.ports.store;
  world.ports.store.copyVersion = async (request) => {
    const { version, source: from } = request;
    const asked = world.cos.history(from, key).find(({ entry }) => entry.versionId === version.versionId);
    if (ends.some(({ bucket }) => bucket === from.bucket) && asked?.content?.body === body) throw error;
    return copyVersion(request);
  };
  world.ports.store.putDeleteMarker = async () => {
    throw error;
  };
  return () => Object.assign(world.ports.store, { copyVersion, putDeleteMarker });
}

const gapsOf = (world: World): readonly NamedEntry[] =>
  [...world.documents]
    .filter(([name]) => name.startsWith('backlog/'))
    .map(([name, body]) => ({ name, entry: JSON.parse(body) as BacklogEntry }));

const run = (): TimerRun => ({
  tally: { backlogKeys: 0, walkedKeys: 0, lookedAt: 0, written: 0, pending: 0 },
  looked: new Map(),
  timeIsUp: () => false,
});

test('two gaps are filled in one run also where the plan grows too old after the first', async () => {
  const world = await archivedBelow('three', 'one', 'two');
  restoreArchived(world);
  copySlowly(world);
  world.advance(300_000);
  await sweep(world);
  expect(at(world).slice(0, 3)).toEqual(['three', 'one', 'two']);
  expect(at(world).at(-1)).toBe('three');
  expect(await backlogOf(world)).toEqual([]);
});

test('of two gaps below what could not be put on top again none is forgotten once it can be', async () => {
  const world = await archivedBelow('three', 'one', 'two');
  for (const end of [source, destination]) archiveCurrent(world, end);
  restoreVersions(world, 'one', 'two');
  world.advance(300_000);
  await sweep(world);
  expect(await backlogOf(world)).toEqual(['NEWER_NOT_COPYABLE', 'NEWER_NOT_COPYABLE']);
  restoreArchived(world);
  copySlowly(world);
  world.advance(3_600_000);
  // Both have their turn in one run.
  await settleGaps(world.ports, source, key, gapsOf(world), run());
  expect(at(world).slice(0, 3)).toEqual(['three', 'one', 'two']);
  expect(at(world).at(-1)).toBe('three');
  expect(await backlogOf(world)).toEqual([]);
});

test('torn copies of what fills a gap do not stay on top', async () => {
  const world = await archivedBelow('two', 'one');
  restoreArchived(world);
  const mend = damageCopies(world);
  const { copyVersion } = world.ports.store;
  let copies = 0;
  world.ports.store.copyVersion = async (request) => {
    copies += 1;
    if (copies <= 2) return copyVersion(request);
    mend();
    return world.ports.store.copyVersion(request);
  };
  const written: string[] = [];
  const { remove } = world.ports.state;
  world.ports.state.remove = async (name) => {
    // The first look is over.
    if (written.length === 0 && name.startsWith('leases/')) written.push(...at(world));
    return remove(name);
  };
  world.advance(300_000);
  await sweep(world);
  expect(written).toEqual(['two', 'XXX', 'XXX', 'two']);
});

test('what could not be put on top of a filled gap again stays in the backlog until it is there', async () => {
  const world = await archivedBelow('two', 'one');
  restoreArchived(world);
  const mend = refuse(world, 'two');
  for (let run = 0; run < 30; run += 1) {
    world.advance(300_000);
    await sweep(world);
    expect(at(world)).toEqual(['two', 'one']);
    expect(await backlogOf(world)).toEqual(['REQUEST_REFUSED']);
  }
  mend();
  await sweepForTwoHours(world);
  expect(at(world)).toEqual(['two', 'one', 'two']);
  expect(await backlogOf(world)).toEqual([]);
});

test.each([
  ['REQUEST_REFUSED', 'COS says so'],
  ['OBJECT_ARCHIVED', 'no HEAD has told'],
] as const)(
  'the replica of what is refused with %s is put on top of a filled gap in its place',
  async (code, message) => {
    const world = await archivedBelow('two', 'one');
    restoreArchived(world);
    refuse(world, 'two', [source], new ReplicationError(code, message));
    world.advance(300_000);
    await sweep(world);
    expect(at(world)).toEqual(['two', 'one', 'two']);
    expect(await backlogOf(world)).toEqual([]);
  },
);

test('what only a copy is refused with is tried again about once an hour', async () => {
  const world = await withRule();
  refuse(world, 'one', [source], new ReplicationError('OBJECT_ARCHIVED', 'no HEAD has told'));
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  expect(await toldIn(world, () => sweepForTwoHours(world))).toBeLessThanOrEqual(6);
  expect(await backlogOf(world)).toEqual(['REQUEST_REFUSED']);
});

/** A version and its archived replica, on top of which an older one landed late; the version is gone at the source. */
async function buriedInArchive(): Promise<World> {
  const world = await withRule({ destination: { ...destination, storageClass: 'ARCHIVE' } });
  world.cos.put(source, key, { body: 'one' });
  const late = pause(world, 'copyVersion');
  const first = notify(world);
  await late.arrived;
  const two = world.cos.put(source, key, { body: 'two' });
  await notify(world);
  world.cos.deleteVersion(source, key, entryId(two.entry));
  late.release();
  await first.catch(() => undefined);
  expect(at(world).at(-1)).toBe('one');
  return world;
}

test('what is buried, archived at the destination and gone at the source stays in the backlog', async () => {
  const world = await buriedInArchive();
  for (let time = 0; time < 30; time += 1) {
    world.advance(300_000);
    await sweep(world);
    expect(await backlogOf(world)).toContain('OBJECT_ARCHIVED');
  }
});

test('what is buried leaves the backlog once its rule has begun anew, although its removal failed then', async () => {
  const world = await buriedInArchive();
  world.advance(300_000);
  await sweep(world);
  const gaps = [...world.documents].filter(([name]) => name.startsWith('backlog/'));
  world.advance(60_000);
  for (const status of ['Disabled', 'Enabled'] as const)
    await world.rules.edit(world.change, 'r1', (rule) => sound({ ...rule, status }));
  for (const [name, body] of gaps) world.documents.set(name, body);
  expect(await backlogOf(world)).toContain('OBJECT_ARCHIVED');
  await sweepForTwoHours(world);
  expect(await backlogOf(world)).toEqual([]);
});

test('a delete that was refused is tried again below what is newer', async () => {
  const world = await withRule();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  const mend = refuse(world, 'none');
  world.cos.delete(source, key);
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  expect(await backlogOf(world)).toEqual(['REQUEST_REFUSED']);
  await sweepForTwoHours(world);
  expect(await backlogOf(world)).toEqual(['REQUEST_REFUSED']);
  mend();
  await sweepForTwoHours(world);
  expect(at(world)).toEqual(['one', 'two', '(deleted)', 'two']);
  expect(await backlogOf(world)).toEqual([]);
});

test.each([
  ['a version that COS refuses', 'REQUEST_REFUSED', {}],
  ['one whose metadata leaves no room', 'METADATA_TOO_LARGE', { 'x-cos-meta-large': 'x'.repeat(4_050) }],
])(
  '%s leaves the backlog when it is deleted for good',
  async (_name, code, metadata: Record<string, string>) => {
    const world = await withRule();
    refuse(world, 'one');
    const { entry } = world.cos.put(source, key, { body: 'one', metadata });
    world.cos.put(source, key, { body: 'two' });
    await notify(world);
    expect(await backlogOf(world)).toEqual([code]);
    world.cos.deleteVersion(source, key, entryId(entry));
    await sweepForTwoHours(world);
    expect(await backlogOf(world)).toEqual([]);
    expect(at(world)).toEqual(['two']);
  },
);
