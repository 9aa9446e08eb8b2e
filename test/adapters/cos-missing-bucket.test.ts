import { createCosBucketDirectory } from '../../lib/adapters/cos/bucket-directory';
import { createCosDestinationProbe } from '../../lib/adapters/cos/destination-probe';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { createCosStateStore } from '../../lib/adapters/cos/state-store';
import { destination, source } from '../support/world';
import { copyOf, says, scriptedCos } from './scripted-cos';

const cos = scriptedCos();
const store = () => createCosObjectStore(cos.client());
const state = () => createCosStateStore(cos.client(), source);
const probe = () => createCosDestinationProbe(cos.client());

const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['listKey', () => store().listKey(source, 'a', { entriesMax: 1 })],
  ['listVersions', () => store().listVersions(source, { prefix: '', entriesMax: 1 })],
  ['tagsOf', () => store().tagsOf(source, 'a', 'v')],
  ['copyVersion', () => store().copyVersion(copyOf())],
  ['putDeleteMarker', () => store().putDeleteMarker(destination, 'a')],
  ['state get', () => state().get('a')],
  ['state put', () => state().put('a', 'x')],
  ['state create', () => state().create('a', 'x')],
  ['state remove', () => state().remove('a')],
  ['state list', () => state().list('a')],
  ['probe write', () => probe().write(destination, 'a', 'x')],
  ['probe read', () => probe().read(destination, 'a')],
  ['probe mark', () => probe().mark(destination, 'a')],
  ['versioning', () => createCosBucketDirectory(cos.client()).versioning(source)],
];

test.each(calls)('%s says that the bucket is missing', async (_name, call) => {
  cos.answer = says(404, 'NoSuchBucket');
  await expect(call()).rejects.toMatchObject({ code: 'BUCKET_MISSING' });
});

test.each(calls)('%s does not take an unknown 404 for it, nor for a success', async (_name, call) => {
  cos.answer = says(404, 'Unnamed');
  await expect(call()).rejects.toMatchObject({ code: 'REQUEST_REFUSED' });
});

test.each(['NoSuchKey', 'NoSuchVersion', 'NoSuchTagSet'])('no tags: %s', async (code) => {
  cos.answer = says(404, code);
  expect(await store().tagsOf(source, 'a', 'v')).toEqual([]);
});
