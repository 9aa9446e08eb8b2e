import type { IncomingMessage } from 'node:http';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import type { ReasonCode } from '../../lib/domain/error';
import type { ReplicationRule } from '../../lib/domain/rule';
import { planTransfer } from '../../lib/domain/transfer';
import { source } from '../support/world';
import { type Answer, says, scriptedCos } from './scripted-cos';

const cos = scriptedCos();
const head = () => createCosObjectStore(cos.client()).headObject(source, 'a b', 'v1');

/** The HEAD is refused, and has no body to say why. */
const refusedThen =
  (status: number, told: Answer): Answer =>
  (request, response) =>
    (request.method === 'HEAD' ? says(status, '') : told)(request, response);

const succeeds: Answer = (_, response) => void response.writeHead(206).end('x');

describe('why a head was refused is asked for by a GET of one byte', () => {
  test.each<[number, number, string, ReasonCode]>([
    [400, 400, 'ExpiredToken', 'CREDENTIALS_EXPIRED'],
    [400, 400, 'RequestTimeout', 'STORE_UNAVAILABLE'],
    [400, 400, 'SsecDecryptHeaderInvalid', 'OBJECT_ENCRYPTED'],
    [400, 400, 'InvalidArgument', 'REQUEST_REFUSED'],
    [400, 403, 'AccessDenied', 'ACCESS_DENIED'],
    [400, 500, 'InternalError', 'STORE_UNAVAILABLE'],
    [403, 403, 'AccessDenied', 'ACCESS_DENIED'],
    [403, 403, 'RequestTimeTooSkewed', 'STORE_UNAVAILABLE'],
    [403, 404, 'NoSuchBucket', 'BUCKET_MISSING'],
    // These were let in, and would be asked for a whole object in vain; the HEAD is not.
    [403, 403, 'InvalidObjectState', 'STORE_UNAVAILABLE'],
    [400, 416, 'InvalidRange', 'STORE_UNAVAILABLE'],
  ])('HEAD %i, GET %i %s: %s', async (status, getStatus, code, reason) => {
    cos.answer = refusedThen(status, says(getStatus, code));
    await expect(head()).rejects.toMatchObject({ code: reason });
    expect(cos.requests.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
  });

  test('of the same version', async () => {
    cos.answer = refusedThen(400, succeeds);
    await expect(head()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const [first, second] = cos.requests as [IncomingMessage, IncomingMessage];
    expect(second.url).toBe('/a%20b?versionId=v1');
    expect(second.url).toBe(first.url);
    expect(second.headers.range).toBe('bytes=0-0');
  });

  test('what went in the meantime is gone', async () => {
    cos.answer = refusedThen(400, says(404, 'NoSuchVersion'));
    expect(await head()).toBeUndefined();
  });

  test.each([402, 404, 405, 429, 500])('not after a %i', async (status) => {
    cos.answer = says(status, '');
    await head().catch(() => undefined);
    expect(cos.requests.map(({ method }) => method)).toEqual(['HEAD']);
  });
});

test('a version in an archive tier counts as archived until it is restored, and metadata is kept to the byte', async () => {
  const value = Buffer.from('\ufeffmark').toString('latin1');
  const headers = { 'x-cos-storage-class': 'INTELLIGENT_TIERING', 'x-cos-meta-bom': value };
  const read = async (more: Record<string, string>) => {
    cos.answer = (_, response) => void response.writeHead(200, { ...headers, ...more }).end();
    const found = await head();
    if (found === undefined) throw new Error('none');
    expect(found.metadata['x-cos-meta-bom']).toBe('\ufeffmark');
    const rule = { destination: { bucket: 'b-1250000000', region: 'ap-shanghai' } } as ReplicationRule;
    return planTransfer(found, rule, { singleCopyBytesMax: 1 });
  };
  expect(await read({ 'x-cos-storage-tier': 'FREQUENT' })).toMatchObject({ kind: 'copy' });
  const tier = { 'x-cos-storage-tier': 'DEEP_ARCHIVE' };
  expect(await read(tier)).toMatchObject({ kind: 'refused', code: 'OBJECT_ARCHIVED' });
  const restored = { ...tier, 'x-cos-restore': 'ongoing-request="false"' };
  expect(await read(restored)).toMatchObject({ kind: 'copy' });
});
