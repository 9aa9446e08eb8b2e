import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { KeyedEntry, ObjectStore } from '../../lib/app/ports';
import { reconcile } from '../../lib/app/reconcile';
import { createWorld, settings, sound, source } from '../support/world';

/**
 * A bucket that is made up page by page: first keys with one version each, then one key with as many versions. Both
 * sides look alike, so that nothing but the walk itself is measured.
 */
const pageEntries = 1_000;
const pagesMax = 200;
const singlePages = pagesMax / 2;
/** A walk that kept a few bytes of each entry would pass this long before its end. */
const growthBytesMax = 1_000_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function entryAt(page: number, place: number, nowMs: number): KeyedEntry {
  const n = page * pageEntries + place;
  const name = String(n).padStart(9, '0');
  const key = page < singlePages ? `single/${name}` : 'versions';
  const content = { etag: name, sizeBytes: n, storageClass: 'STANDARD' };
  return { key, entry: { kind: 'version', versionId: `v${name}`, lastModifiedMs: nowMs, ...content } };
}

function pageAfter(after: string | undefined, nowMs: number) {
  const page = after === undefined ? 0 : Math.floor(Number(after.slice(1)) / pageEntries) + 1;
  const entries = Array.from({ length: pageEntries }, (_, place) => entryAt(page, place, nowMs));
  return { page, entries, complete: page === pagesMax - 1 };
}

test('a walk holds as much after two hundred thousand entries as after ten thousand', async () => {
  const world = createWorld();
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.advance(1000);
  const nowMs = world.ports.clock.now();
  const held: number[] = [];
  const listVersions: ObjectStore['listVersions'] = async (bucket, { after }) => {
    const { page, ...found } = pageAfter(after?.versionId, nowMs);
    if (bucket.bucket === source.bucket && page % 10 === 9) {
      collectGarbage();
      held.push(process.memoryUsage().heapUsed);
    }
    return found;
  };
  // No key is in the sample.
  const digests = { sha256: () => '1'.repeat(64) };
  const report = await reconcile({
    ...world.ports,
    digests,
    store: { ...world.ports.store, listVersions },
    ruleSets: () => world.ruleSetsOf(source.region),
  });
  expect(report).toMatchObject({ walkedKeys: singlePages * pageEntries + 1, lookedAt: 0, finished: true });
  expect(held).toHaveLength(pagesMax / 10);
  const [first = 0] = held;
  expect(Math.max(...held) - first).toBeLessThan(growthBytesMax);
});
