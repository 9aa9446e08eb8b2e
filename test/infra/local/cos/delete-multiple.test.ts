import type { BucketRef } from '../../../../lib/domain/rule';
import { at, newBucket, raw, refusal, type RunningCos, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos();
});
afterAll(() => running.close());

describe('delete multiple', () => {
  interface Answer {
    Deleted: { Key: string; VersionId?: string; DeleteMarker?: string; DeleteMarkerVersionId?: string }[];
    Error: { Key: string; Code: string }[];
  }
  const remove = async (ref: BucketRef, Objects: readonly object[], Quiet = false): Promise<Answer> =>
    (await running.sdk.deleteMultipleObject({
      Bucket: ref.bucket,
      Region: ref.region,
      Objects,
      Quiet,
    } as never)) as never;

  test('answers as COS documents it, for markers, versions and markers by id', async () => {
    const ref = await newBucket(running);
    const put = await running.sdk.putObject({ ...at(ref, 'a & b'), Body: 'x' });
    const versionId = String(put.headers?.['x-cos-version-id']);
    const made = await remove(ref, [{ Key: 'a & b' }]);
    const marker = made.Deleted[0]?.DeleteMarkerVersionId ?? '';
    expect(made.Deleted).toEqual([{ Key: 'a & b', DeleteMarker: 'true', DeleteMarkerVersionId: marker }]);
    const gone = await remove(ref, [
      { Key: 'a & b', VersionId: marker },
      { Key: 'a & b', VersionId: versionId },
    ]);
    expect(gone.Deleted).toEqual([
      { Key: 'a & b', DeleteMarker: 'true', DeleteMarkerVersionId: marker, VersionId: marker },
      { Key: 'a & b', VersionId: versionId },
    ]);
    expect((await raw(running, ref, 'GET', '/?versions')).body).not.toMatch(/<Version>|<DeleteMarker>/);
  });

  test('quietly tells only of errors, and a key that may not be is one of them', async () => {
    const ref = await newBucket(running, 'never');
    for (const key of ['a', 'b']) await running.sdk.putObject({ ...at(ref, key), Body: 'x' });
    const answer = await remove(ref, [{ Key: 'a' }, { Key: 'x'.repeat(851) }, { Key: '/b' }], true);
    expect(answer.Deleted).toEqual([]);
    expect(answer.Error).toMatchObject([{ Code: 'KeyTooLong' }]);
    expect(await refusal(running.sdk.headObject(at(ref, 'a')))).toBe('404 404');
    expect(await refusal(running.sdk.headObject(at(ref, 'b')))).toBe('not refused');
  });

  test('a key in numeric character references is that key, as Go writes quotes', async () => {
    const ref = await newBucket(running, 'never');
    for (const key of [`it's "quoted"`, '&#39;']) await running.sdk.putObject({ ...at(ref, key), Body: 'x' });
    const body = '<Delete><Object><Key>it&#39;s &#34;quoted&#x22;</Key></Object></Delete>';
    await raw(running, ref, 'POST', '/?delete', { body });
    expect(await refusal(running.sdk.headObject(at(ref, `it's "quoted"`)))).toBe('404 404');
    await raw(running, ref, 'POST', '/?delete', { body: body.replace(/it.*;/, '&amp;#39;') });
    expect(await refusal(running.sdk.headObject(at(ref, '&#39;')))).toBe('404 404');
  });

  test('a thousand at a time, and no more', async () => {
    const ref = await newBucket(running);
    const keys = (count: number) => Array.from({ length: count }, (_, i) => ({ Key: `k${i}` }));
    expect((await remove(ref, keys(1000))).Deleted).toHaveLength(1000);
    expect(await refusal(remove(ref, keys(1001)))).toBe('400 MalformedXML');
  });
});
