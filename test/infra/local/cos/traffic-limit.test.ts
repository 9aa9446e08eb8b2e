import { paced } from '../../../../infra/local/cos/traffic-limit';
import { at, newBucket, startCos } from './harness';

test('chunks wait as long as the limit says', async () => {
  const waits: number[] = [];
  const chunks = (async function* () {
    for (let i = 0; i < 4; i += 1) yield Buffer.alloc(1_000_000);
  })();
  let bytes = 0;
  const wait = async (milliseconds: number) => void waits.push(milliseconds);
  for await (const chunk of paced(chunks, 1_000, wait)) bytes += chunk.length;
  expect(bytes).toBe(4_000_000);
  // Nothing passes by itself here: each wait is for all bytes so far.
  expect(waits.map((ms) => Math.round(ms / 1_000_000))).toEqual([1, 2, 3, 4]);
});

test('an object goes up and down under a limit as it is', async () => {
  const running = await startCos();
  try {
    const ref = await newBucket(running);
    const Headers = { 'x-cos-traffic-limit': '838860800' };
    const Body = Buffer.alloc(300_000, 'abc');
    await running.sdk.putObject({ ...at(ref, 'a'), Body, Headers: { ...Headers } });
    const got = await running.sdk.getObject({ ...at(ref, 'a'), Headers: { ...Headers } } as never);
    expect(got.Body.equals(Body)).toBe(true);
  } finally {
    await running.close();
  }
});
