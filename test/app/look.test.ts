import { lookAt, readOlder } from '../../lib/app/look';
import { createWorld, source } from '../support/world';

const key = 'k';

/** Oldest first: a version, one without an id, and another version, of which a look shows the newest two. */
async function lookOnPage() {
  const world = createWorld({ settings: { historyPageEntries: 2 } });
  const { cos, ports } = world;
  cos.put(source, key, { body: 'old' });
  cos.setVersioning(source, 'Suspended');
  cos.put(source, key, { body: 'without an id' });
  cos.setVersioning(source, 'Enabled');
  cos.put(source, key, { body: 'new' });
  const { window } = await lookAt(ports, source, key);
  expect(window.entries.map(({ versionId }) => versionId === 'null')).toEqual([true, false]);
  return { world, window };
}

test('what is older than an entry without an id is read by that entry', async () => {
  const { world, window } = await lookOnPage();
  const { entries, complete } = await readOlder(world.ports, source, key, window);
  expect(entries).toHaveLength(3);
  expect(complete).toBe(true);
});

test('an entry without an id that was overwritten lies on top: what is below it is not older', async () => {
  const { world, window } = await lookOnPage();
  world.cos.setVersioning(source, 'Suspended');
  world.advance(2_000);
  world.cos.put(source, key, { body: 'overwritten' });
  await expect(readOlder(world.ports, source, key, window)).rejects.toMatchObject({ code: 'LISTING_STALE' });
});
