import { setTimeout as sleep } from 'node:timers/promises';
import { createCRC64 } from 'hash-wasm';
import type { BucketRef } from '../../../../lib/domain/rule';
import { at, eventsOf, newBucket, raw, refusal, type RunningCos, startCos } from './harness';

let running: RunningCos;
beforeAll(async () => {
  running = await startCos({ restoreMs: 300 });
});
afterAll(() => running.close());

const codeOf = (body: string) => /<Code>(.*?)</.exec(body)?.[1];

async function crc64Of(content: string): Promise<string> {
  const crc = (await createCRC64()).init().update(content);
  return BigInt(`0x${crc.digest('hex')}`).toString();
}

describe('append', () => {
  const append = (ref: BucketRef, position: number, body: string, headers: Record<string, string> = {}) =>
    raw(running, ref, 'POST', `/log?append&position=${position}`, { body, headers });

  test('pieces become one object, which says what it is', async () => {
    const ref = await newBucket(running);
    const first = await append(ref, 0, 'one ', { 'x-cos-meta-a': 'b', 'Content-Type': 'text/x-log' });
    expect([first.status, first.headers['x-cos-next-append-position']]).toEqual([200, '4']);
    const second = await append(ref, 4, 'two');
    expect(second.headers).toMatchObject({
      'x-cos-next-append-position': '7',
      'x-cos-hash-crc64ecma': await crc64Of('one two'),
    });
    const got = await running.sdk.getObject(at(ref, 'log'));
    expect(got.Body.toString()).toBe('one two');
    expect(got.headers).toMatchObject({
      'x-cos-object-type': 'appendable',
      'x-cos-meta-a': 'b',
      'content-type': 'text/x-log',
    });
  });

  test('versioning does not see it, and no event tells of it', async () => {
    const ref = await newBucket(running);
    await append(ref, 0, 'a');
    await append(ref, 1, 'b');
    const { body } = await raw(running, ref, 'GET', '/?versions');
    expect(body.split('<Version>')).toHaveLength(2);
    expect(body).toContain('<VersionId>null</VersionId>');
    expect(await eventsOf(running, ref)).toEqual([]);
    await running.sdk.putObject({ ...at(ref, 'log'), Body: 'normal' });
    expect(codeOf((await append(ref, 6, 'c')).body)).toBe('ObjectNotAppendable');
  });

  test('another position is refused, and the object stays', async () => {
    const ref = await newBucket(running, 'never');
    await append(ref, 0, 'a');
    expect(codeOf((await append(ref, 0, 'b')).body)).toBe('AppendPositionErr');
    expect(codeOf((await raw(running, ref, 'POST', '/log?append', { body: 'b' })).body)).toBe(
      'InvalidArgument',
    );
    expect((await running.sdk.getObject(at(ref, 'log'))).Body.toString()).toBe('a');
  });
});

describe('restore', () => {
  const restore = (ref: BucketRef, days = 2, Tier = 'Standard') =>
    running.sdk.restoreObject({
      ...at(ref, 'a'),
      RestoreRequest: { Days: days, CASJobParameters: { Tier } },
    } as never);

  test('an archived object is read and copied only while it is restored', async () => {
    const ref = await newBucket(running);
    await running.sdk.putObject({ ...at(ref, 'a'), Body: 'cold', StorageClass: 'ARCHIVE' });
    const CopySource = `${ref.bucket}.cos.${ref.region}.myqcloud.com/a`;
    expect(await refusal(running.sdk.getObject(at(ref, 'a')))).toBe('403 InvalidObjectState');
    expect(await refusal(running.sdk.putObjectCopy({ ...at(ref, 'b'), CopySource }))).toBe(
      '403 InvalidObjectState',
    );
    expect((await restore(ref)).statusCode).toBe(202);
    const ongoing = await running.sdk.headObject(at(ref, 'a'));
    expect(ongoing.headers).toMatchObject({ 'x-cos-restore': 'ongoing-request="true"' });
    expect(await refusal(restore(ref))).toBe('409 RestoreAlreadyInProgress');
    for (let i = 0; i < 200 && (await eventsOf(running, ref)).length < 3; i += 1) await sleep(20);
    expect(await eventsOf(running, ref)).toEqual([
      'cos:ObjectCreated:Put',
      'cos:ObjectRestore:Post',
      'cos:ObjectRestore:Completed',
    ]);
    const got = await running.sdk.getObject(at(ref, 'a'));
    expect(got.Body.toString()).toBe('cold');
    expect(got.headers?.['x-cos-restore']).toMatch(/^ongoing-request="false", expiry-date="\w{3}, /);
    expect(await refusal(running.sdk.putObjectCopy({ ...at(ref, 'b'), CopySource }))).toBe('not refused');
  });

  test('a restore ends after its days', async () => {
    let nowMs = Date.now();
    const aging = await startCos({ restoreMs: 0, now: () => nowMs });
    try {
      const ref = await newBucket(aging);
      await aging.sdk.putObject({ ...at(ref, 'a'), Body: 'cold', StorageClass: 'DEEP_ARCHIVE' });
      const RestoreRequest = { Days: 1, CASJobParameters: { Tier: 'Bulk' } };
      await aging.sdk.restoreObject({ ...at(ref, 'a'), RestoreRequest } as never);
      expect(await refusal(aging.sdk.getObject(at(ref, 'a')))).toBe('not refused');
      nowMs += 86_400_000;
      (aging.sdk as unknown as { options: { SystemClockOffset: number } }).options.SystemClockOffset =
        86_400_000;
      expect(await refusal(aging.sdk.getObject(at(ref, 'a')))).toBe('403 InvalidObjectState');
    } finally {
      await aging.close();
    }
  });

  test('what cannot be restored is refused', async () => {
    const ref = await newBucket(running);
    await running.sdk.putObject({ ...at(ref, 'a'), Body: 'warm' });
    expect(await refusal(restore(ref))).toBe('405 RestoreNonArchiveObject');
    await running.sdk.putObject({ ...at(ref, 'a'), Body: 'cold', StorageClass: 'DEEP_ARCHIVE' });
    expect(await refusal(restore(ref, 1, 'Expedited'))).toBe('400 InvalidArgument');
    expect(await refusal(restore(ref, 0))).toBe('400 MalformedXML');
  });
});
