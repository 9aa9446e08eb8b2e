import fc from 'fast-check';
import { parseVersionsPage } from '../../../../lib/adapters/cos/versions-xml';
import { versionIdAt } from '../../../../lib/domain/version-id';
import { listItems } from '../../../../infra/local/cos/api/list-items';
import * as names from '../../../../infra/local/cos/store/index-keys';
import { openObjectIndex } from '../../../../infra/local/cos/store/object-index';
import { listVersions, temporaryFolder } from '../../../support/local';
import { at, newBucket, raw, removeVersion, type RunningCos, setVersioning, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const strange = [
  'a',
  'a b',
  'a%b',
  'a&b',
  'a+b',
  'a/b',
  'a/b/c',
  'a/c',
  'a<b>',
  'ab',
  'z/',
  '中文',
  '｡',
  '🦊',
  '😀/x',
];

test('keys come by their UTF-8 bytes, versions newest first, exactly one latest', async () => {
  const ref = await newBucket(running);
  for (const key of [...strange].reverse()) {
    await running.sdk.putObject({ ...at(ref, key), Body: '1' });
    await running.sdk.putObject({ ...at(ref, key), Body: '2' });
  }
  const listed = await listVersions(running.sdk, ref);
  expect(listed.map(({ key }) => key)).toEqual([...strange].sort(byUtf8).flatMap((key) => [key, key]));
  const xml = (await raw(running, ref, 'GET', '/?versions&encoding-type=url')).body;
  expect(xml.match(/<IsLatest>(true|false)</g)?.join()).toBe(
    strange.flatMap(() => ['<IsLatest>true<', '<IsLatest>false<']).join(),
  );
});

test('every page size tells the same, for versions and objects, with and without delimiter', async () => {
  const ref = await newBucket(running);
  for (const key of strange) await running.sdk.putObject({ ...at(ref, key), Body: '1' });
  for (const key of ['a/b', 'ab']) await running.sdk.putObject({ ...at(ref, key), Body: '2' });
  await running.sdk.deleteObject(at(ref, 'a/c'));
  const alive = [...strange].filter((key) => key !== 'a/c').sort(byUtf8);
  for (const Delimiter of ['', '/']) {
    const grouped = alive.filter((key) => Delimiter === '' || !key.includes('/'));
    const prefixes = Delimiter === '' ? [] : ['a/', 'z/', '😀/'];
    for (let size = 1; size <= alive.length + 1; size += 1) {
      expect({ size, ...(await objectsBy(size, ref, Delimiter)) }).toEqual({ size, keys: grouped, prefixes });
    }
  }
  const all = await listVersions(running.sdk, ref);
  for (const delimiter of ['', '/']) {
    const grouped = all.filter(({ key }) => delimiter === '' || !key.includes('/'));
    const entries = grouped.map(({ key, entry }) => `${key} ${entry.versionId}`);
    const prefixes = delimiter === '' ? [] : ['a/', 'z/', '😀/'];
    for (let size = 1; size <= all.length + 1; size += 1) {
      expect({ size, ...(await versionsBy(size, ref, delimiter)) }).toEqual({ size, entries, prefixes });
    }
  }
});

test('a key marker alone steps over all versions of its key', async () => {
  const ref = await newBucket(running);
  for (const key of ['a', 'a', 'b']) await running.sdk.putObject({ ...at(ref, key), Body: 'x' });
  const page = parseVersionsPage((await raw(running, ref, 'GET', '/?versions&key-marker=a')).body);
  expect(page?.entries.map(({ key }) => key)).toEqual(['b']);
});

test('a page goes on after an entry that was deleted meanwhile', async () => {
  const ref = await newBucket(running);
  const ids: string[] = [];
  for (const Body of ['1', '2', '3', '4']) {
    const put = await running.sdk.putObject({ ...at(ref, 'a'), Body });
    ids.unshift(String(put.headers?.['x-cos-version-id']));
  }
  const [newest = '', second = ''] = ids;
  const after = async (id: string) => {
    const { body } = await raw(running, ref, 'GET', `/?versions&key-marker=a&version-id-marker=${id}`);
    return [...body.matchAll(/<VersionId>(.*?)<.*?<IsLatest>(.*?)</g)].map(
      ([, found, latest]) => `${found} ${latest}`,
    );
  };
  await removeVersion(running, ref, 'a', second);
  expect(await after(second)).toEqual([`${ids[2]} false`, `${ids[3]} false`]);
  await removeVersion(running, ref, 'a', newest);
  expect(await after(newest)).toEqual([`${ids[2]} true`, `${ids[3]} false`]);
});

test('what is older than versioning is listed as null, once versioning is on', async () => {
  const ref = await newBucket(running, 'never');
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  const id = async () =>
    /<VersionId\/?>(null<\/VersionId>)?(?=<IsLatest)/.exec(
      (await raw(running, ref, 'GET', '/?versions')).body,
    )?.[0];
  const head = async () => (await raw(running, ref, 'HEAD', '/a')).headers['x-cos-version-id'];
  expect([await id(), await head()]).toEqual(['<VersionId/>', undefined]);
  await setVersioning(running, ref, 'Enabled');
  expect([await id(), await head()]).toEqual(['<VersionId>null</VersionId>', 'null']);
});

test('a page of nothing has no next one, and a version marker needs its key', async () => {
  const ref = await newBucket(running);
  await running.sdk.putObject({ ...at(ref, 'a'), Body: 'x' });
  for (const target of ['/?max-keys=0', '/?versions&max-keys=0']) {
    const { body } = await raw(running, ref, 'GET', target);
    expect(body).toContain('<IsTruncated>false</IsTruncated>');
    expect(body).not.toContain('<Key>');
  }
  expect((await raw(running, ref, 'GET', '/?versions&version-id-marker=null')).status).toBe(400);
});

test('a key may hold a zero byte, and still stands in its place', async () => {
  const ref = await newBucket(running);
  const keys = ['a', 'a\0', 'a\0b', 'a\u0001', 'b'];
  for (const key of [...keys].reverse()) await running.sdk.putObject({ ...at(ref, key), Body: key });
  expect((await objectsBy(2, ref, '')).keys).toEqual(keys);
  expect((await objectsBy(2, ref, '', 'a\0')).keys).toEqual(['a\0', 'a\0b']);
});

test('what stands under a common prefix is not read by a listing of versions', async () => {
  const folder = temporaryFolder();
  const index = await openObjectIndex(folder.path, true);
  const entryOf = (key: string, micros: bigint) => {
    const entry = { kind: 'version', versionId: versionIdAt(micros), micros: String(micros) };
    return { type: 'put' as const, key: names.entryName('b', key, micros), value: JSON.stringify(entry) };
  };
  const many = Array.from({ length: 3_000 }, (_, i) => BigInt(i + 1));
  await index.commit(many.flatMap((i) => [entryOf(`dir/${i}`, i), entryOf('hot', i)]));
  let read = 0;
  const counted = {
    ...index,
    async *scan(...asked: Parameters<typeof index.scan>) {
      for await (const listed of index.scan(...asked)) {
        read += 1;
        yield listed;
      }
    },
  };
  const from = names.prefixSpan('b', '').gte;
  const asked = { bucket: 'b', prefix: '', delimiter: '/', from, within: undefined, limit: 10 };
  const versions = await listItems(counted, { ...asked, versions: true });
  expect(versions.items.map(({ name }) => name)).toEqual(['dir/', ...Array.from({ length: 9 }, () => 'hot')]);
  expect(read).toBeLessThan(30);
  await index.close();
  folder.remove();
});

test('the object listing is what a plain model says', async () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', '🦊', '｡'), minLength: 1, maxLength: 5 });
  const keys = fc.uniqueArray(
    key.filter((text) => !text.startsWith('/')),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(
      keys,
      fc.constantFrom('', 'a', 'a/', '🦊'),
      fc.constantFrom('', '/'),
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.boolean()),
      async (all, prefix, delimiter, size, deletes) => {
        const ref = await newBucket(running);
        for (const name of all) await running.sdk.putObject({ ...at(ref, name), Body: '' });
        const alive = all.filter(() => deletes.next().value === true);
        for (const name of all) if (!alive.includes(name)) await running.sdk.deleteObject(at(ref, name));
        const under = alive.filter((name) => name.startsWith(prefix)).sort(byUtf8);
        const groupOf = (name: string): string | undefined => {
          const place = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
          return place < 0 ? undefined : name.slice(0, place + 1);
        };
        const expected = {
          keys: under.filter((name) => groupOf(name) === undefined),
          prefixes: [...new Set(under.flatMap((name) => groupOf(name) ?? []))],
        };
        expect(await objectsBy(size, ref, delimiter, prefix)).toEqual(expected);
      },
    ),
    { numRuns: 40 },
  );
});

async function objectsBy(
  MaxKeys: number,
  ref: { bucket: string; region: string },
  Delimiter: string,
  Prefix = '',
) {
  const keys: string[] = [];
  const prefixes: string[] = [];
  let Marker = '';
  for (let page = 0; page < 100; page += 1) {
    const answer = await running.sdk.getBucket({
      Bucket: ref.bucket,
      Region: ref.region,
      MaxKeys,
      Delimiter,
      Prefix,
      Marker,
      EncodingType: 'url',
    });
    const found = [
      ...answer.Contents.map(({ Key }) => Key),
      ...answer.CommonPrefixes.map((one) => one.Prefix),
    ];
    expect(found.length).toBeLessThanOrEqual(MaxKeys);
    keys.push(...answer.Contents.map(({ Key }) => decodeURIComponent(Key)));
    prefixes.push(...answer.CommonPrefixes.map((one) => decodeURIComponent(one.Prefix)));
    if (answer.IsTruncated !== 'true') return { keys, prefixes };
    Marker = decodeURIComponent(answer.NextMarker ?? '');
  }
  throw new Error('the listing does not end');
}

async function versionsBy(size: number, ref: { bucket: string; region: string }, delimiter: string) {
  const entries: string[] = [];
  const prefixes: string[] = [];
  let from = '';
  for (let page = 0; page < 100; page += 1) {
    const query = `versions&encoding-type=url&max-keys=${size}&delimiter=${delimiter}${from}`;
    const { body } = await raw(running, ref, 'GET', `/?${query}`);
    const listed = parseVersionsPage(body);
    entries.push(...(listed?.entries ?? []).map(({ key, entry }) => `${key} ${entry.versionId}`));
    for (const [, prefix = ''] of body.matchAll(/<CommonPrefixes><Prefix>(.*?)</g))
      prefixes.push(decodeURIComponent(prefix));
    if (listed?.complete !== false) return { entries, prefixes };
    const [, key = ''] = /<NextKeyMarker>(.*?)</.exec(body) ?? [];
    const [, id = ''] = /<NextVersionIdMarker>(.*?)</.exec(body) ?? [];
    from = `&key-marker=${key}&version-id-marker=${id}`;
  }
  throw new Error('the listing does not end');
}
