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

/** A key of four versions, of whose older page only the first has been written yet, as it seems, for a number of reads. */
async function laggingFor(reads: number): Promise<ReturnType<typeof readOlder>> {
  const { cos, ports } = createWorld({ settings: { historyPageEntries: 2 } });
  for (const body of ['1', '2', '3', '4']) cos.put(source, key, { body });
  const { window } = await lookAt(ports, source, key);
  const { listKey } = ports.store;
  let left = reads;
  ports.store.listKey = async (...call) => {
    const page = await listKey(...call);
    left -= 1;
    return left < 0 ? page : { ...page, entries: page.entries.slice(0, 1) };
  };
  return readOlder(ports, source, key, window);
}

test('an older page that lags behind the one above it is read again', async () => {
  expect((await laggingFor(1)).entries).toHaveLength(4);
});

test('an older page that goes on lagging is left for later', async () => {
  await expect(laggingFor(99)).rejects.toMatchObject({ code: 'LISTING_STALE' });
});
