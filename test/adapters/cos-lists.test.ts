import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { createCosStateStore } from '../../lib/adapters/cos/state-store';
import { source } from '../support/world';
import { scriptedCos } from './scripted-cos';

const cos = scriptedCos();

/** Asked for by `encoding-type=url`; the middle one is no percent-encoding of UTF-8. */
const listed = ['a%20b', '100%zz%FF', 'c%2Bd'];
const keys = ['a b', '100%zz%FF', 'c+d'];

test('a key of versions that cannot be decoded stands as it is listed, and its page is read', async () => {
  const version = (key: string): string =>
    `<Version><Key>${key}</Key><VersionId>v</VersionId><LastModified>2026-11-01T00:00:00.000Z</LastModified></Version>`;
  cos.answer = (_, response) =>
    void response.end(
      `<ListVersionsResult><IsTruncated>false</IsTruncated>${listed.map(version).join('')}</ListVersionsResult>`,
    );
  const store = createCosObjectStore(cos.client());
  const { entries } = await store.listVersions(source, { prefix: '', entriesMax: 10 });
  expect(entries.map(({ key }) => key)).toEqual(keys);
});

test('a name of a document as well', async () => {
  const contents = listed.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('');
  cos.answer = (_, response) =>
    void response.end(`<ListBucketResult><IsTruncated>false</IsTruncated>${contents}</ListBucketResult>`);
  const { names } = await createCosStateStore(cos.client(), source).list('');
  expect(names).toEqual(keys);
});
