import { handleEvent } from '../../lib/app/handle-event';
import { readConfig } from '../../lib/config';
import { destination, eventFor, source, withRule } from '../support/world';

/** What the README asks for where larger objects are to be copied: the copy must end within REQUEST_TIMEOUT_SECONDS. */
const config = () =>
  readConfig({
    TENCENTCLOUD_REGION: 'ap-guangzhou',
    STATE_BUCKET: 'state-1250000000',
    STATE_REGION: 'ap-guangzhou',
    SINGLE_COPY_MAX_MB: '5120',
    REQUEST_TIMEOUT_SECONDS: '600',
  });

test('a marker whose DELETE took as long as a request may take is known by its record, and hides nothing newer', async () => {
  const { requestTimeoutMs, deleteSettlesMs, clockToleranceMs } = config();
  const landsAfterMs = requestTimeoutMs / 2;
  const world = await withRule({}, { deleteSettlesMs, clockToleranceMs });
  const { store } = world.ports;
  const event = (key = 'k') => handleEvent(world.ports, eventFor(key, world.ports.clock.now()));
  world.cos.put(source, 'k', { body: 'one' });
  await event();
  world.advance(60_000);
  world.cos.delete(source, 'k');

  // The DELETE of the first worker is held up, for half of the time that its request has.
  const original = store.putDeleteMarker;
  let land: () => void = () => {};
  const held = new Promise<void>((resolve) => (land = resolve));
  store.putDeleteMarker = async (...call) => {
    store.putDeleteMarker = original;
    await held;
    return original(...call);
  };
  const first = event();
  await new Promise((resolve) => setTimeout(resolve, 50));

  // Meanwhile the key is written anew; another instance looks at it once the open record is over.
  world.advance(155_000);
  world.cos.put(source, 'k', { body: 'two' });
  await event();
  expect(world.shown(destination, 'k').at(-1)).toBe('two');

  // The answer comes, in time for its client, and closes the record.
  world.advance(landsAfterMs - 155_000);
  land();
  await first.catch(() => undefined);
  for (let look = 0; look < 3; look += 1) {
    world.advance(deleteSettlesMs + clockToleranceMs + 60_000);
    await event();
  }
  expect(world.shown(source, 'k').at(-1)).toBe('two');
  expect(world.shown(destination, 'k').at(-1)).toBe('two');
});
