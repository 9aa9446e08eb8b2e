import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { handleEvent } from '../../lib/app/handle-event';
import { reconcile } from '../../lib/app/reconcile';
import { type Answer, says, scriptedCos } from './scripted-cos';
import { destination, eventFor, source, withRule } from '../support/world';

const cos = scriptedCos();
const answers =
  (body: string): Answer =>
  (_, response) =>
    void response.writeHead(200).end(body);

test.each<[string, Answer]>([
  ['an error in a 200', says(200, 'InternalError')],
  ['HTML', answers('<html>fine</html>')],
  ['nothing', answers('')],
])('an answer that is no tag set is an error, not a version without tags: %s', async (_name, told) => {
  cos.answer = told;
  const tags = createCosObjectStore(cos.client()).tagsOf(source, 'a', 'v');
  await expect(tags).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});

test('one such answer does not lose a version for good', async () => {
  cos.answer = answers('');
  const world = await withRule({
    tags: [{ key: 'team', value: 'a' }],
    deleteMarkerReplication: 'Disabled',
  });
  const { store } = world.ports;
  const original = store.tagsOf;
  const event = () => handleEvent(world.ports, eventFor('k', world.ports.clock.now()));
  for (const body of ['one', 'two']) {
    world.cos.put(source, 'k', { body, tags: 'team=a' });
    world.advance(1_000);
  }
  let asked = 0;
  const odd = createCosObjectStore(cos.client()).tagsOf;
  store.tagsOf = (...call) => ((asked += 1) === 1 ? odd : original)(...call);
  // Tried again by the platform if the function throws; otherwise the timer is what is left.
  await event().catch(() => event());
  expect(await world.ports.state.list('backlog/')).toMatchObject({ complete: true });
  for (let hour = 0; hour < 30; hour += 1) {
    world.advance(3_600_000);
    await reconcile({ ...world.ports, ruleSets: () => world.ruleSetsOf(source.region) });
  }
  expect(world.shown(destination, 'k')).toEqual(['one', 'two']);
});

test.each<[string, readonly { key: string; value: string }[]]>([
  ['<Tagging><TagSet/></Tagging>', []],
  ['<Tagging><TagSet></TagSet></Tagging>', []],
  [
    '<?xml version="1.0"?><Tagging><TagSet><Tag><Key> a</Key><Value>007</Value></Tag></TagSet></Tagging>',
    [{ key: ' a', value: '007' }],
  ],
  [
    '<Tagging><TagSet><Tag><Key>a</Key><Value/></Tag><Tag><Key>b&amp;</Key><Value>1</Value></Tag></TagSet></Tagging>',
    [
      { key: 'a', value: '' },
      { key: 'b&', value: '1' },
    ],
  ],
])('the tags of %s', async (body, tags) => {
  cos.answer = answers(body);
  expect(await createCosObjectStore(cos.client()).tagsOf(source, 'a', 'v')).toEqual(tags);
});

test('a version that is gone, or has no tag set, has no tags', async () => {
  for (const code of ['NoSuchKey', 'NoSuchVersion', 'NoSuchTagSet']) {
    cos.answer = says(404, code);
    expect(await createCosObjectStore(cos.client()).tagsOf(source, 'a', 'v')).toEqual([]);
  }
});
