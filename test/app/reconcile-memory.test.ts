import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { KeyedEntry, ObjectStore } from '../../lib/app/ports';
import { reconcile } from '../../lib/app/reconcile';
import { createWorld, settings, sound, source } from '../support/world';

/**
 * A bucket that is made up page by page: first keys with one version each, then keys with some pages of versions. Both
 * sides look alike, so that nothing but the walk itself is measured.
 */
const pageEntries = 1_000;
const pagesMax = 200;
const singlePages = pagesMax / 2;
const pagesOfKey = 4;
/** A walk that kept a few bytes of each entry would pass this long before its end. */
const growthBytesMax = 1_000_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function entryAt(page: number, place: number, nowMs: number): KeyedEntry {
  const n = page * pageEntries + place;
  const name = String(n).padStart(9, '0');
  const key = page < singlePages ? `single/${name}` : keyOfPage(page);
  const content = { etag: name, sizeBytes: n, storageClass: 'STANDARD' };
  return { key, entry: { kind: 'version', versionId: `v${name}`, lastModifiedMs: nowMs, ...content } };
}

function keyOfPage(page: number): string {
  return `versions/${String(Math.floor((page - singlePages) / pagesOfKey)).padStart(9, '0')}`;
}

type After = Parameters<ObjectStore['listVersions']>[1]['after'];

/** Without a version id: after all versions of the key. */
function pageNumberAfter(after: After): number {
  if (after === undefined) return 0;
  if (after.versionId !== undefined) return Math.floor(Number(after.versionId.slice(1)) / pageEntries) + 1;
  return singlePages + (Number(after.key.slice('versions/'.length)) + 1) * pagesOfKey;
}

function pageAfter(after: After, nowMs: number) {
  const page = pageNumberAfter(after);
  if (page >= pagesMax) return { entries: [], complete: true };
  const entries = Array.from({ length: pageEntries }, (_, place) => entryAt(page, place, nowMs));
  return { entries, complete: page === pagesMax - 1 };
}

test('a walk holds as much after two hundred thousand entries as after ten thousand', async () => {
  const world = createWorld();
  await world.rules.create(world.change, 'r1', sound(settings()));
  world.advance(1000);
  const nowMs = world.ports.clock.now();
  const held: number[] = [];
  let pages = 0;
  const listVersions: ObjectStore['listVersions'] = async (bucket, { after }) => {
    if (bucket.bucket === source.bucket) pages += 1;
    if (bucket.bucket === source.bucket && pages % 10 === 0) {
      collectGarbage();
      held.push(process.memoryUsage().heapUsed);
    }
    return pageAfter(after, nowMs);
  };
  // No key is in the sample.
  const digests = { sha256: () => '1'.repeat(64) };
  const report = await reconcile({
    ...world.ports,
    digests,
    store: { ...world.ports.store, listVersions },
    ruleSets: () => world.ruleSetsOf(source.region),
  });
  const manyVersions = (pagesMax - singlePages) / pagesOfKey;
  const walkedKeys = singlePages * pageEntries + manyVersions;
  expect(report).toMatchObject({ walkedKeys, lookedAt: 0, finished: true });
  // Of a key with many versions only the newest are read.
  expect(pages).toBeLessThanOrEqual(singlePages + 2 * manyVersions + 1);
  const [first = 0] = held;
  expect(held.length).toBeGreaterThan(10);
  expect(Math.max(...held) - first).toBeLessThan(growthBytesMax);
});
