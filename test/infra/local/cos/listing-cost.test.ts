import path from 'node:path';
import { listItems } from '../../../../infra/local/cos/api/list-items';
import * as names from '../../../../infra/local/cos/store/index-keys';
import { type ObjectIndex, openObjectIndex } from '../../../../infra/local/cos/store/object-index';
import { at, newBucket, startCos } from './harness';
import { temporaryFolder } from '../../../support/local';

/** What a listing reads of the index is bounded by what it shows, whatever else the bucket holds. */
const deleted = 600;
const versionsOfOne = 400;
const folder = temporaryFolder();
afterAll(() => folder.remove());

/** Counts the names that are read. */
function counting(index: ObjectIndex): { readonly index: ObjectIndex; readonly read: () => number } {
  let count = 0;
  async function* counted<Item>(items: AsyncIterable<Item>): AsyncIterable<Item> {
    for await (const item of items) {
      count += 1;
      yield item;
    }
  }
  return {
    index: {
      ...index,
      scan: (bucket, span) => counted(index.scan(bucket, span)),
      current: (bucket, span) => counted(index.current(bucket, span)),
    },
    read: () => count,
  };
}

test('deleted keys, and old versions, are not read by an object listing; after an upgrade neither', async () => {
  const dataDir = path.join(folder.path, 'cos');
  const running = await startCos({ dataDir });
  const ref = await newBucket(running);
  const put = (Key: string) => running.sdk.putObject({ ...at(ref, Key), Body: 'x' });
  const keys = Array.from({ length: deleted }, (_, i) => `deleted/${String(i).padStart(4, '0')}`);
  for (let i = 0; i < deleted; i += 50) {
    await Promise.all(
      keys.slice(i, i + 50).map(async (key) => {
        await put(key);
        await running.sdk.deleteObject(at(ref, key));
      }),
    );
  }
  for (let i = 0; i < versionsOfOne; i += 50)
    await Promise.all(Array.from({ length: 50 }, () => put('many')));
  for (const key of ['z/1', 'z/2', 'z/3']) await put(key);
  await running.close();

  const open = await openObjectIndex(path.join(dataDir, 'index'), false);
  const list = async (more: { delimiter?: string; limit?: number }) => {
    const { index, read } = counting(open);
    const { items } = await listItems(index, {
      bucket: ref.bucket,
      prefix: '',
      delimiter: more.delimiter ?? '',
      from: names.prefixSpan(ref.bucket, '').gte,
      within: undefined,
      limit: more.limit ?? 1000,
      versions: false,
    });
    return { shown: items.map(({ name }) => name), read: read() };
  };
  expect(await list({})).toEqual({ shown: ['many', 'z/1', 'z/2', 'z/3'], read: 4 });
  expect(await list({ limit: 2 })).toEqual({ shown: ['many', 'z/1'], read: 3 });
  expect(await list({ delimiter: '/' })).toEqual({ shown: ['many', 'z/'], read: 2 });

  // As a folder of a version that kept no such notes.
  const notes = ['many', 'z/1', 'z/2', 'z/3'].map((key) => names.currentName(ref.bucket, key));
  await open.commit([...notes, names.formatName].map((key) => ({ type: 'del', key })));
  await open.close();
  const again = await startCos({ dataDir });
  const listed = await again.sdk.getBucket({ Bucket: ref.bucket, Region: ref.region });
  expect(listed.Contents.map(({ Key }) => Key)).toEqual(['many', 'z/1', 'z/2', 'z/3']);
  await again.close();
});
