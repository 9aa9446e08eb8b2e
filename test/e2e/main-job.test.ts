import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type COS from 'cos-nodejs-sdk-v5';
import type { LocalCloud } from '../../infra/local/cloud';
import type { BucketRef } from '../../lib/domain/rule';
import {
  clientFor,
  eventually,
  listVersions,
  quiet,
  seenHistory,
  startCloud,
  versionedBucket,
} from '../support/local';

/**
 * The main job through the parts that run in the cloud: the unmodified SDK, COS events, the built bundles in
 * processes of their own, and rules made over HTTP.
 */
let cloud: LocalCloud;
let sdk: COS;
let api: Awaited<ReturnType<typeof startCloud>>['api'];

beforeAll(async () => {
  ({ cloud, sdk, api } = await startCloud());
});
afterAll(() => cloud.close());

const named = (name: string, region: string): BucketRef => ({
  bucket: `${name}-${cloud.account.appid}`,
  region,
});
const at = (ref: BucketRef, key: string) => ({ Bucket: ref.bucket, Region: ref.region, Key: key });

async function addRule(source: BucketRef, rule: object): Promise<string> {
  const made = await api('POST', `/v1/buckets/${source.bucket}/rules`, rule);
  expect(made).toMatchObject({ status: 201 });
  return (made.body as { id: string }).id;
}

const strangeKeys = [
  'plain.txt',
  'a b.txt',
  'a+b.txt',
  '100%.txt',
  'a?b=c.txt',
  'a#b.txt',
  '中文/文件.txt',
  '🦊.txt',
  "it's (1)!*",
  'dir/',
];

/** A life of a key: put, overwritten three times, deleted, put again. */
async function live(source: BucketRef, key: string): Promise<void> {
  await sdk.putObject({
    ...at(source, key),
    Body: `one ${key}`,
    ContentType: 'text/x-one',
    CacheControl: 'max-age=60',
    ContentDisposition: 'attachment; filename="one.txt"',
    ContentEncoding: 'identity',
    Expires: 'Wed, 21 Oct 2037 07:28:00 GMT',
    Headers: {
      'Content-Language': 'zh-CN',
      'x-cos-meta-owner': 'somebody',
      'x-cos-meta-note': 'a + b % c',
      'x-cos-tagging': 'colour=red&size=a%20b',
    },
  });
  await sdk.putObject({ ...at(source, key), Body: '', StorageClass: 'STANDARD_IA' });
  await sdk.putObject({ ...at(source, key), Body: `three ${key}` });
  await sdk.putObject({ ...at(source, key), Body: `four ${key}`, ContentType: 'text/x-four' });
  await sdk.deleteObject(at(source, key));
  await sdk.putObject({ ...at(source, key), Body: `again ${key}` });
}

test('both histories match entry by entry, in order, under two rules to two destinations', async () => {
  const source = await versionedBucket(sdk, named('life', 'ap-guangzhou'));
  const whole = await versionedBucket(sdk, named('life-whole', 'ap-shanghai'));
  const part = await versionedBucket(sdk, named('life-part', 'ap-beijing'));
  await addRule(source, { destination: whole });
  await addRule(source, { prefixes: ['中文/'], destination: part, deleteMarkerReplication: 'Disabled' });

  await Promise.all(strangeKeys.map((key) => live(source, key)));
  await quiet(cloud);

  const wholeKeys = new Set<string>();
  for (const key of strangeKeys) {
    const original = await seenHistory(sdk, source, key);
    // Against what was sent, not only against each other: both sides share their bytes on this disk.
    expect(original.map((entry) => entry.body ?? '(deleted)')).toEqual([
      `one ${key}`,
      '',
      `three ${key}`,
      `four ${key}`,
      '(deleted)',
      `again ${key}`,
    ]);
    expect(original[0]).toMatchObject({
      tags: ['colour=red', 'size=a b'],
      headers: { 'x-cos-meta-owner': 'somebody' },
    });
    expect(await seenHistory(sdk, whole, key)).toEqual(original);
    wholeKeys.add(key);
  }
  expect(wholeKeys.size).toBe(strangeKeys.length);

  const original = await seenHistory(sdk, source, '中文/文件.txt');
  expect(await seenHistory(sdk, part, '中文/文件.txt')).toEqual(
    original.filter((entry) => entry.kind === 'version'),
  );
  const inPart = await listVersions(sdk, part);
  expect(new Set(inPart.map((listed) => listed.key))).toEqual(new Set(['中文/文件.txt']));
});

test('metadata that is not ASCII arrives as it was', async () => {
  const source = await versionedBucket(sdk, named('unicode', 'ap-guangzhou'));
  const destination = await versionedBucket(sdk, named('unicode-copy', 'ap-shanghai'));
  await addRule(source, { destination });
  // The SDK cannot send it; the product's own client can, and a browser or another SDK does.
  const client = clientFor(cloud.port, cloud.account);
  const Headers = { 'x-cos-meta-name': '文件 🦊 é' };
  await client.call('PutObject', 'write', (own) => own.putObject({ ...at(source, 'a'), Body: 'a', Headers }));
  await quiet(cloud);
  const [original] = await seenHistory(sdk, source, 'a');
  expect(Buffer.from(original?.headers?.['x-cos-meta-name'] ?? '', 'latin1').toString()).toBe('文件 🦊 é');
  expect(await seenHistory(sdk, destination, 'a')).toEqual([original]);
});

test('a storage class of the rule replaces the object’s own', async () => {
  const source = await versionedBucket(sdk, named('class', 'ap-guangzhou'));
  const destination = await versionedBucket(sdk, named('class-copy', 'ap-shanghai'));
  await addRule(source, { destination: { ...destination, storageClass: 'INTELLIGENT_TIERING' } });
  await sdk.putObject({ ...at(source, 'a'), Body: 'a' });
  await quiet(cloud);
  expect(await seenHistory(sdk, destination, 'a')).toMatchObject([{ storageClass: 'INTELLIGENT_TIERING' }]);
});

test('disabling stops replication, enabling again covers only what is written after', async () => {
  const source = await versionedBucket(sdk, named('switch', 'ap-guangzhou'));
  const destination = await versionedBucket(sdk, named('switch-copy', 'ap-shanghai'));
  const id = await addRule(source, { destination });
  await sdk.putObject({ ...at(source, 'a'), Body: 'before' });
  await quiet(cloud);

  await api('POST', `/v1/buckets/${source.bucket}/rules/${id}/disable`);
  // One config lifetime, after which no function acts on the old rules any more.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await sdk.putObject({ ...at(source, 'a'), Body: 'while off' });
  await sdk.putObject({ ...at(source, 'b'), Body: 'while off' });
  await quiet(cloud);
  // The moment from which a rule covers is a whole second, and includes it.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await api('POST', `/v1/buckets/${source.bucket}/rules/${id}/enable`);
  await sdk.putObject({ ...at(source, 'a'), Body: 'after' });
  await quiet(cloud);

  expect((await seenHistory(sdk, destination, 'a')).map((entry) => entry.body)).toEqual(['before', 'after']);
  expect(await seenHistory(sdk, destination, 'b')).toEqual([]);
});

test('an object that cannot be copied is in the backlog with its reason', async () => {
  const source = await versionedBucket(sdk, named('backlog', 'ap-guangzhou'));
  const destination = await versionedBucket(sdk, named('backlog-copy', 'ap-shanghai'));
  const id = await addRule(source, { destination });
  await sdk.putObject({ ...at(source, 'cold'), Body: 'x', StorageClass: 'ARCHIVE' });
  await sdk.putObject({ ...at(source, 'warm'), Body: 'x' });
  await quiet(cloud);
  const backlog = await api('GET', `/v1/buckets/${source.bucket}/rules/${id}/backlog`);
  expect(backlog.body).toMatchObject({
    entries: [{ key: 'cold', status: 'FAILED', code: 'OBJECT_ARCHIVED' }],
  });
  expect(await seenHistory(sdk, destination, 'warm')).toHaveLength(1);
});

test('one flipped byte of a replica is noticed', async () => {
  const source = await versionedBucket(sdk, named('flip', 'ap-guangzhou'));
  const destination = await versionedBucket(sdk, named('flip-copy', 'ap-shanghai'));
  await addRule(source, { destination });
  // Long enough to have a file of its own.
  const body = 'a body that is found again on disk\n'.repeat(1000);
  await sdk.putObject({ ...at(source, 'a'), Body: body });
  await quiet(cloud);
  expect(await seenHistory(sdk, destination, 'a')).toMatchObject([{ body }]);
  let flipped = 0;
  for (const file of filesUnder(cloud.dataDir)) {
    const bytes = readFileSync(file);
    if (bytes.toString() !== body) continue;
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    flipped += 1;
  }
  expect(flipped).toBeGreaterThan(0);
  const after = await seenHistory(sdk, destination, 'a');
  expect(after.map((entry) => entry.body)).not.toEqual([body]);
});

function filesUnder(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

describe('refusals of the rule API against the real buckets', () => {
  let source: BucketRef;
  beforeAll(async () => {
    source = await versionedBucket(sdk, named('refuse', 'ap-guangzhou'));
  });
  const refusal = async (destination: object): Promise<unknown> =>
    (await api('POST', `/v1/buckets/${source.bucket}/rules`, { destination })).body;

  test('a destination in the same region', async () => {
    const near = await versionedBucket(sdk, named('refuse-near', 'ap-guangzhou'));
    expect(await refusal(near)).toMatchObject({ problems: [{ code: 'SameRegion' }] });
  });

  test('a destination that was never versioned', async () => {
    const plain = named('refuse-plain', 'ap-shanghai');
    await sdk.putBucket({ Bucket: plain.bucket, Region: plain.region });
    expect(await refusal(plain)).toMatchObject({ problems: [{ code: 'DestinationNotVersioned' }] });
  });

  test('a bucket of the other account, because COS says so', async () => {
    const [, other] = cloud.cos.accounts;
    const { sdkFor } = await import('../support/local');
    const theirs = { bucket: `theirs-${other.appid}`, region: 'ap-shanghai' };
    await versionedBucket(sdkFor(cloud, other), theirs);
    expect(await refusal(theirs)).toMatchObject({ problems: [{ code: 'OtherAccount' }] });
  });

  test('a bucket that does not exist', async () => {
    expect(await refusal(named('refuse-none', 'ap-shanghai'))).toMatchObject({
      problems: [{ code: 'DestinationBucketMissing' }],
    });
  });

  test('a wrong credential', async () => {
    const answer = await fetch(`http://127.0.0.1:${cloud.port}/function/rules/v1/buckets`, {
      headers: { authorization: 'Bearer test.write.1:wrong' },
    });
    expect(answer.status).toBe(401);
  });
});

test('an event that is not an event is reported with a code, and nothing is thrown', async () => {
  const answer = await cloud.scf.invoke('replicate', { hello: 'world' });
  expect(answer).toMatchObject({ ok: true, result: { unreadable: [{ path: '/Records' }] } });
});

test('what is replicated is said once for each version, as one JSON line', async () => {
  const { cloud: own, sdk: client, api: ownApi, logs } = await startCloud();
  try {
    const source = await versionedBucket(client, {
      bucket: `log-${own.account.appid}`,
      region: 'ap-guangzhou',
    });
    const destination = await versionedBucket(client, {
      bucket: `log-copy-${own.account.appid}`,
      region: 'ap-shanghai',
    });
    await ownApi('POST', `/v1/buckets/${source.bucket}/rules`, { destination });
    await client.putObject({ ...at(source, 'a'), Body: 'a' });
    await client.deleteObject(at(source, 'a'));
    await quiet(own);
    const replicated = await eventually(
      async () =>
        logs
          .filter(({ line }) => line.includes('"msg":"replicated"'))
          .map(({ line }) => JSON.parse(line) as object),
      (lines) => lines.length >= 2,
    );
    expect(replicated).toMatchObject([
      { kind: 'version', key: 'a' },
      { kind: 'deleteMarker', key: 'a' },
    ]);
    const everything = logs.map(({ line }) => line).join('\n');
    expect(everything).not.toContain(own.masterSecret);
    expect(everything).not.toMatch(/q-signature|q-sign-algorithm/);
  } finally {
    await own.close();
  }
});
