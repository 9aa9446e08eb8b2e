import type { IncomingMessage } from 'node:http';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { createCosStateStore } from '../../lib/adapters/cos/state-store';
import { destination, source } from '../support/world';
import { type Answer, copyOf, resets, says, scriptedCos } from './scripted-cos';

const cos = scriptedCos();
const store = () => createCosObjectStore(cos.client());
const state = () => createCosStateStore(cos.client(), source);

const copy = () => store().copyVersion(copyOf());

describe('each call is one request, and its failure has a reason', () => {
  test.each<[string, Answer, string, 'retry' | 'gap' | 'skip']>([
    ['a reset connection', resets, 'OUTCOME_UNKNOWN', 'retry'],
    ['an error in a 200', says(200, 'InternalError'), 'OUTCOME_UNKNOWN', 'retry'],
    ['an archived source in a 200', says(200, 'InvalidObjectState'), 'OBJECT_ARCHIVED', 'gap'],
  ])('copy: %s', async (_name, told, code, effect) => {
    cos.answer = told;
    await expect(copy()).rejects.toMatchObject({ code, effect });
    expect(cos.requests).toHaveLength(1);
  });

  test.each<[string, Answer, string]>([
    ['a reset connection', resets, 'OUTCOME_UNKNOWN'],
    ['503', says(503, 'ServiceUnavailable'), 'OUTCOME_UNKNOWN'],
    ['404, which the SDK calls a success', says(404, 'NoSuchBucket'), 'BUCKET_MISSING'],
  ])('delete: %s', async (_name, told, code) => {
    cos.answer = told;
    await expect(store().putDeleteMarker(destination, 'a')).rejects.toMatchObject({ code });
    expect(cos.requests).toHaveLength(1);
  });

  test('read: a reset connection', async () => {
    cos.answer = resets;
    await expect(store().headObject(source, 'a')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(state().get('a')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(cos.requests).toHaveLength(2);
  });

  test('a server that never answers is given up', async () => {
    cos.answer = () => {};
    await expect(copy()).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining('within 2000 ms') as string,
    });
    expect(cos.requests).toHaveLength(1);
  });
});

test('what the SDK would add or break is not on the wire of a copy', async () => {
  cos.answer = (_, response) =>
    void response.end(
      '<CopyObjectResult><ETag>"e"</ETag><CRC64>7</CRC64><VersionId>v</VersionId></CopyObjectResult>',
    );
  expect(await copy()).toEqual({ versionId: 'v', etag: 'e', crc64: '7' });
  const { headers, url } = cos.requests[0] as IncomingMessage;
  expect(url).toBe('/a%20b/%E4%B8%AD.txt');
  expect(headers['cache-control']).toBeUndefined();
  expect(headers).toMatchObject({
    'x-cos-copy-source': `${source.bucket}.cos.${source.region}.myqcloud.com/a%20b/%E4%B8%AD.txt?versionId=${copyOf().version.versionId}`,
    'x-cos-copy-source-if-match': '"abc"',
    'x-cos-metadata-directive': 'Replaced',
    'x-cos-tagging-directive': 'Copy',
    'x-cos-storage-class': 'STANDARD_IA',
    'content-type': 'text/plain',
  });
  expect(Buffer.from(String(headers['x-cos-meta-a']), 'latin1').toString()).toBe('é 🦊');
});

test('a listing keeps versions and markers in the order of the document', async () => {
  const entry = (name: string, id: string): string =>
    `<${name}><Key>a%20%26</Key><VersionId>${id}</VersionId><LastModified>2026-11-01T00:00:00.000Z</LastModified>` +
    `${name === 'Version' ? '<ETag>&quot;e&quot;</ETag><Size>3</Size><StorageClass>STANDARD</StorageClass>' : ''}</${name}>`;
  const body = entry('Version', 'v3') + entry('DeleteMarker', 'm2') + entry('Version', 'null');
  const longer = body.replaceAll('a%20%26', 'a%20%26b');
  cos.answer = (_, response) =>
    void response.end(
      `<ListVersionsResult><IsTruncated>true</IsTruncated>${body}${longer}</ListVersionsResult>`,
    );
  const page = await store().listKey(source, 'a &', { entriesMax: 10 });
  expect(page.entries.map((listed) => `${listed.kind} ${listed.versionId}`)).toEqual([
    'version null',
    'deleteMarker m2',
    'version v3',
  ]);
  // Another key follows, so nothing older of this one exists.
  expect(page.complete).toBe(true);
  expect(page.entries[0]).toMatchObject({ etag: 'e', sizeBytes: 3, storageClass: 'STANDARD' });
});

test('an answer that is no list is an error, not an empty bucket', async () => {
  cos.answer = (_, response) => void response.end('<html></html>');
  await expect(store().listKey(source, 'a', { entriesMax: 10 })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  });
});
