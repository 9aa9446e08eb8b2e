import { setImmediate as nextLoop, setTimeout as sleep } from 'node:timers/promises';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { createCosStateStore } from '../../lib/adapters/cos/state-store';
import { source } from '../support/world';
import { type Answer, copyOf, scriptedCos } from './scripted-cos';

const cos = scriptedCos();
const store = () => createCosObjectStore(cos.client());
const state = () => createCosStateStore(cos.client(), source);

describe('a request has one time limit, however many bytes trickle', () => {
  const trickles: Answer = (request, response) => {
    const timer = setInterval(() => response.write(' '), 100);
    request.socket.once('close', () => clearInterval(timer));
  };

  test('a copy that is held open', async () => {
    cos.answer = trickles;
    const begunMs = Date.now();
    await expect(store().copyVersion(copyOf())).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining('within 2000 ms') as string,
    });
    expect(Date.now() - begunMs).toBeLessThan(4_000);
    await sleep(100);
    expect(cos.requests).toHaveLength(1);
    expect(cos.requests[0]?.socket.destroyed).toBe(true);
  });

  test('a document', async () => {
    cos.answer = trickles;
    await expect(state().get('a')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  test('an SDK that forgets its call', async () => {
    const forgotten = cos.client().call('Any', 'read', () => new Promise(() => {}));
    await expect(forgotten).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  test('nothing is sent once the time is over', async () => {
    // So that the timer fires before the SDK begins its request.
    await nextLoop();
    const late = cos.client().call('DeleteObject', 'write', (sdk) => {
      const deleting = sdk.deleteObject({ Bucket: source.bucket, Region: source.region, Key: 'a' });
      const thawedMs = Date.now() + 2_100;
      while (Date.now() < thawedMs);
      return deleting;
    });
    await expect(late).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await sleep(100);
    expect(cos.requests).toHaveLength(0);
  });
});
