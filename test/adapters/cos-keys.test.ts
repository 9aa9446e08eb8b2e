import { createCosDestinationProbe } from '../../lib/adapters/cos/destination-probe';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { createCosStateStore } from '../../lib/adapters/cos/state-store';
import { destination, source } from '../support/world';
import { copyOf, says, scriptedCos } from './scripted-cos';

const cos = scriptedCos();
const store = () => createCosObjectStore(cos.client());
const state = () => createCosStateStore(cos.client(), source);
const probe = () => createCosDestinationProbe(cos.client());

/** COS forbids keys that begin with `/`, so the point is that a call for one reaches no other. */
test.each<[string, (key: string) => Promise<unknown>]>([
  ['headObject', (key) => store().headObject(source, key)],
  ['tagsOf', (key) => store().tagsOf(source, key, 'v')],
  ['copyVersion', (key) => store().copyVersion({ ...copyOf(), key })],
  ['putDeleteMarker', (key) => store().putDeleteMarker(destination, key)],
  ['state get', (key) => state().get(key)],
  ['state put', (key) => state().put(key, 'x')],
  ['state create', (key) => state().create(key, 'x')],
  ['state remove', (key) => state().remove(key)],
  ['probe write', (key) => probe().write(destination, key, 'x')],
  ['probe read', (key) => probe().read(destination, key)],
  ['probe mark', (key) => probe().mark(destination, key)],
])('%s asks for exactly the key that it is given', async (_name, call) => {
  cos.answer = says(405, 'MethodNotAllowed');
  const keys = ['/foo', '//', '/', '.', 'a/../b', 'a//b/', "q?x=1&y#z%41 +!'()*\\é🦊"];
  for (const key of keys) await call(key).catch(() => undefined);
  const reached = cos.requests.map(({ url = '' }) => decodeURIComponent(url.split('?')[0] ?? ''));
  expect(reached).toEqual(keys.map((key) => `/${key}`));
});
