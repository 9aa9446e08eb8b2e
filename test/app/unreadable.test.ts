import type { StoredEntry } from '../../lib/adapters/memory/memory-cos';
import { handleEvent } from '../../lib/app/handle-event';
import { ReplicationError } from '../../lib/domain/error';
import type { BucketRef } from '../../lib/domain/rule';
import { destination, eventFor, source, type World, withRule } from '../support/world';

/** Objects of which COS tells nobody anything but their owner, as under SSE-C: a HEAD is refused for good. */
const key = 'k';

async function withSecrets() {
  const world = await withRule();
  const secret = new Set<StoredEntry>();
  const { headObject } = world.ports.store;
  world.ports.store.headObject = async (ref, name, versionId) => {
    const history = world.cos.history(ref, name);
    const found =
      versionId === undefined
        ? history.at(-1)
        : history.find((stored) => stored.entry.versionId === versionId);
    if (found && secret.has(found)) throw new ReplicationError('OBJECT_ENCRYPTED', `HeadObject of "${name}"`);
    return headObject(ref, name, versionId);
  };
  return {
    world,
    putSecret: (ref: BucketRef) => void secret.add(world.cos.put(ref, key, { body: 'secret' })),
  };
}

const notify = (world: World) => handleEvent(world.ports, eventFor(key, world.ports.clock.now()));
const at = (world: World) => world.shown(destination, key);
const backlogOf = async (world: World) => (await world.rules.backlog(source.bucket, 'r1', undefined)).entries;

test('one on top of the source keeps no other version from its copy, and stands in the backlog itself', async () => {
  const { world, putSecret } = await withSecrets();
  world.cos.put(source, key, { body: 'one' });
  putSecret(source);
  const [, encrypted] = world.cos.history(source, key);
  await notify(world);
  expect(at(world)).toEqual(['one']);
  expect(await backlogOf(world)).toMatchObject([
    { key, status: 'FAILED', code: 'OBJECT_ENCRYPTED', source: encrypted?.entry.versionId },
  ]);
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  expect(at(world)).toEqual(['one', 'two']);
});

test('a user’s at the destination keeps nothing from its copy, neither from on top nor from below', async () => {
  const { world, putSecret } = await withSecrets();
  world.cos.put(source, key, { body: 'one' });
  await notify(world);
  putSecret(destination);
  world.cos.put(source, key, { body: 'two' });
  await notify(world);
  expect(at(world)).toEqual(['one', 'secret', 'two']);
  putSecret(destination);
  world.cos.put(destination, key, { body: 'theirs' });
  world.cos.put(source, key, { body: 'three' });
  await notify(world);
  expect(at(world)).toEqual(['one', 'secret', 'two', 'secret', 'theirs', 'three']);
  expect(await backlogOf(world)).toEqual([]);
});

test('one that took the place of a null version is no reason for which that one failed', async () => {
  const { world, putSecret } = await withSecrets();
  world.cos.setVersioning(source, 'Suspended');
  world.cos.put(source, key, { body: 'without an id' });
  world.cos.setVersioning(source, 'Enabled');
  // On an older place than the current one, so that it is asked for by its id.
  world.cos.put(source, key, { body: 'two' });
  const { listKey } = world.ports.store;
  world.ports.store.listKey = async (...call) => {
    const page = await listKey(...call);
    if (call[0].bucket !== source.bucket) return page;
    world.ports.store.listKey = listKey;
    // Between the listing and the look at what was listed.
    world.advance(5_000);
    world.cos.setVersioning(source, 'Suspended');
    putSecret(source);
    world.cos.setVersioning(source, 'Enabled');
    return page;
  };
  const [overwritten] = world.cos.history(source, key);
  await notify(world);
  expect(at(world)).toEqual(['two']);
  const told = await backlogOf(world);
  expect(told).toHaveLength(1);
  expect(told[0]?.code).toBe('OBJECT_ENCRYPTED');
  expect(told[0]?.source).not.toContain(
    Math.floor((overwritten?.entry.lastModifiedMs ?? 0) / 1000).toString(36),
  );
});
