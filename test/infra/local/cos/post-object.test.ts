import type { BucketRef } from '../../../../lib/domain/rule';
import { formOf, policyOf } from './form';
import { at, eventsOf, newBucket, raw, refusal, type RunningCos, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

const codeOf = (body: string) => /<Code>(.*?)</.exec(body)?.[1];

describe('a form', () => {
  const post = (ref: BucketRef, form: ReturnType<typeof formOf>) =>
    raw(running, ref, 'POST', '/', { ...form, sign: false });

  test('uploads its file with what the fields say', async () => {
    const ref = await newBucket(running);
    const fields = {
      key: 'é/${filename}',
      'x-cos-meta-a': 'b',
      'Content-Type': 'image/png',
      'x-cos-storage-class': 'STANDARD_IA',
      success_action_status: '201',
    };
    const answer = await post(ref, formOf(fields, ['pixels'], running.own));
    expect(answer.status).toBe(201);
    expect(answer.body).toContain('<Key>é/photo0.jpg</Key>');
    const got = await running.sdk.getObject(at(ref, 'é/photo0.jpg'));
    expect(got.Body.toString()).toBe('pixels');
    expect(got.headers).toMatchObject({
      'x-cos-meta-a': 'b',
      'content-type': 'image/png',
      'x-cos-storage-class': 'STANDARD_IA',
      'x-cos-version-id': answer.headers['x-cos-version-id'],
    });
    expect(await eventsOf(running, ref)).toEqual(['cos:ObjectCreated:Post']);
    expect(running.cos.requests.list().find(({ api }) => api === 'PostObject')).toMatchObject({
      caller: running.own.secretId,
    });
  });

  test('answers 204, another status, or sends the browser on', async () => {
    const ref = await newBucket(running);
    expect((await post(ref, formOf({ key: 'a' }, ['x'], running.own))).status).toBe(204);
    const ok = formOf({ key: 'a', success_action_status: '200' }, ['x'], running.own);
    expect((await post(ref, ok)).status).toBe(200);
    const redirect = { key: 'a', success_action_redirect: 'https://example.com/done?x=1' };
    const sent = await post(ref, formOf(redirect, ['x'], running.own));
    expect(sent.status).toBe(303);
    const to = new URL(String(sent.headers.location));
    expect([to.host, to.searchParams.get('x'), to.searchParams.get('key')]).toEqual([
      'example.com',
      '1',
      'a',
    ]);
  });

  test('is held to its policy and signature, and leaves nothing if it is refused', async () => {
    const ref = await newBucket(running);
    const { own } = running;
    const refused = async (form: ReturnType<typeof formOf>) => codeOf((await post(ref, form)).body);
    const fields = { key: 'b/a' };
    const held = (more: readonly unknown[], expiresMs?: number) =>
      refused(formOf(fields, ['content'], own, policyOf(own, fields, more, expiresMs)));
    expect(await held([['starts-with', '$key', 'a/']])).toBe('AccessDenied');
    expect(await held([['eq', '$key', 'b/b']])).toBe('AccessDenied');
    expect(await held([{ bucket: 'another-1250000000' }])).toBe('AccessDenied');
    expect(await held([['content-length-range', 0, 6]])).toBe('EntityTooLarge');
    expect(await held([['content-length-range', 8, 20]])).toBe('EntityTooSmall');
    expect(await held([], Date.now() - 1000)).toBe('AccessDenied');
    expect(await refused(formOf(fields, ['x']))).toBe('AccessDenied');
    expect(await refused(formOf(fields, ['x'], { ...own, secretKey: 'another' }))).toBe(
      'SignatureDoesNotMatch',
    );
    expect(await refused(formOf({}, ['x'], own))).toBe('InvalidArgument');
    expect(await refused(formOf({ ...fields, 'Content-MD5': 'mQ/fVh815F3k6TAUm8m0eg==' }, ['x'], own))).toBe(
      'BadDigest',
    );
    expect(await refusal(running.sdk.headObject(at(ref, 'b/a')))).toBe('404 404');
    expect(
      await held([['starts-with', '$key', 'b/'], { bucket: ref.bucket }, ['content-length-range', 7, 7]]),
    ).toBe(undefined);
  });
});
