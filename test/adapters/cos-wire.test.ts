import { setImmediate as nextLoop, setTimeout as sleep } from 'node:timers/promises';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { createCosStateStore } from '../../lib/adapters/cos/state-store';
import { destination, source } from '../support/world';
import { type Answer, copyOf, scriptedCos } from './scripted-cos';

const cos = scriptedCos();
const store = () => createCosObjectStore(cos.client());
const state = () => createCosStateStore(cos.client(), source);

const answers =
  (status: number, body: string): Answer =>
  (_, response) =>
    void response.writeHead(status).end(body);

/** Announces more than it sends. */
const breaksOff =
  (status: number, body: string): Answer =>
  (_, response) => {
    response.writeHead(status, {
      'Content-Length': Buffer.byteLength(body) + 1,
    });
    response.write(body, () => setTimeout(() => response.destroy(), 20));
  };

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
    await expect(state().get('a')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });

  test('an SDK that forgets its call', async () => {
    const forgotten = cos.client().call('Any', 'read', () => new Promise(() => {}));
    await expect(forgotten).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });

  test('nothing is sent once the time is over', async () => {
    // So that the timer fires before the SDK begins its request.
    await nextLoop();
    const late = cos.client().call('DeleteObject', 'write', (sdk) => {
      const deleting = sdk.deleteObject({
        Bucket: source.bucket,
        Region: source.region,
        Key: 'a',
      });
      const thawedMs = Date.now() + 2_100;
      while (Date.now() < thawedMs);
      return deleting;
    });
    await expect(late).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await sleep(100);
    expect(cos.requests).toHaveLength(0);
  });
});

const brokenHtml = '<html><head></body';
const indigestible: readonly (readonly [string, Answer])[] = [
  ['200 with plain text', answers(200, 'hello')],
  ['502 with malformed HTML', answers(502, brokenHtml)],
  ['502 with HTML', answers(502, '<!DOCTYPE html><html><br>oops</html>')],
  ['200 with HTML', answers(200, '<html>fine</html>')],
  ['200 with malformed HTML', answers(200, brokenHtml)],
];

describe('a body that the SDK cannot read fails its call', () => {
  test.each(indigestible)('copy: %s', async (_name, told) => {
    cos.answer = told;
    await expect(store().copyVersion(copyOf())).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    });
    expect(cos.requests).toHaveLength(1);
  });

  test.each(indigestible)('listing of documents: %s', async (_name, told) => {
    cos.answer = told;
    await expect(state().list('a')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });

  test.each(indigestible)('listing of versions: %s', async (_name, told) => {
    cos.answer = told;
    const listing = store().listVersions(source, { prefix: '', entriesMax: 1 });
    await expect(listing).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  test('a refusal is one, whatever its body', async () => {
    cos.answer = answers(403, brokenHtml);
    await expect(store().copyVersion(copyOf())).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    });
  });

  test('and no other call that is under way', async () => {
    const [, ...bad] = indigestible.map(([, told]) => told);
    cos.answer = (request, response) => {
      if (request.method !== 'HEAD') return bad[cos.requests.length % bad.length]?.(request, response);
      setTimeout(() => response.writeHead(200, { ETag: '"e"' }).end(), 200);
    };
    const client = cos.client();
    const heads = Promise.all(
      Array.from({ length: 4 }, () => createCosObjectStore(client).headObject(source, 'a')),
    );
    const copies = Promise.allSettled(
      Array.from({ length: 8 }, () => createCosObjectStore(client).copyVersion(copyOf())),
    );
    expect((await copies).every(({ status }) => status === 'rejected')).toBe(true);
    expect((await heads).map((head) => head?.etag)).toEqual(['e', 'e', 'e', 'e']);
    // The sockets of what failed are of use again.
    cos.answer = (_, response) => void response.writeHead(204, { 'x-cos-version-id': 'm' }).end();
    const markers = Array.from({ length: 9 }, () =>
      createCosObjectStore(client).putDeleteMarker(destination, 'a'),
    );
    expect(await Promise.all(markers)).toHaveLength(9);
  });
});

describe('an answer that breaks off says nothing', () => {
  test.each<[string, Answer]>([
    ['a copy made', breaksOff(200, '<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>')],
    ['a refusal without its code', breaksOff(404, '<Error>')],
  ])('copy: %s', async (_name, told) => {
    cos.answer = told;
    await expect(store().copyVersion(copyOf())).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    });
  });

  test('a list', async () => {
    cos.answer = breaksOff(200, '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
    await expect(state().list('a')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });
});
