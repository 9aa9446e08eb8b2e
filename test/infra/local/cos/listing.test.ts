import fc from 'fast-check';
import { parseVersionsPage } from '../../../../lib/adapters/cos/versions-xml';
import { listVersions } from '../../../support/local';
import { at, newBucket, raw, type RunningCos, startCos } from './harness';

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
  const whole = (await listVersions(running.sdk, ref)).map(({ key, entry }) => `${key} ${entry.versionId}`);
  for (let size = 1; size <= whole.length + 1; size += 1) {
    expect({ size, entries: await versionsBy(size, ref) }).toEqual({ size, entries: whole });
  }
});

test('a key marker alone steps over all versions of its key', async () => {
  const ref = await newBucket(running);
  for (const key of ['a', 'a', 'b']) await running.sdk.putObject({ ...at(ref, key), Body: 'x' });
  const page = parseVersionsPage((await raw(running, ref, 'GET', '/?versions&key-marker=a')).body);
  expect(page?.entries.map(({ key }) => key)).toEqual(['b']);
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
      async (all, prefix, delimiter, size) => {
        const ref = await newBucket(running, 'never');
        for (const name of all) await running.sdk.putObject({ ...at(ref, name), Body: '' });
        const under = all.filter((name) => name.startsWith(prefix)).sort(byUtf8);
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

async function versionsBy(size: number, ref: { bucket: string; region: string }) {
  const entries: string[] = [];
  let from = '';
  for (let page = 0; page < 100; page += 1) {
    const { body } = await raw(running, ref, 'GET', `/?versions&encoding-type=url&max-keys=${size}${from}`);
    const listed = parseVersionsPage(body);
    entries.push(...(listed?.entries ?? []).map(({ key, entry }) => `${key} ${entry.versionId}`));
    if (listed?.complete !== false) return entries;
    const [, key = ''] = /<NextKeyMarker>(.*?)</.exec(body) ?? [];
    const [, id = ''] = /<NextVersionIdMarker>(.*?)</.exec(body) ?? [];
    from = `&key-marker=${key}&version-id-marker=${id}`;
  }
  throw new Error('the listing does not end');
}
