import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import COS from 'cos-nodejs-sdk-v5';
import { type LocalCloud, type LocalCloudSettings, startLocalCloud } from '../../infra/local/cloud';
import { type CosClient, createCosClient } from '../../lib/adapters/cos/client';
import { parseVersionsPage } from '../../lib/adapters/cos/versions-xml';
import type { KeyedEntry } from '../../lib/app/ports';
import { deriveSecret } from '../../lib/app/api/credential';
import type { Revision } from '../../lib/app/rule-store';
import type { HistoryEntry } from '../../lib/domain/history';
import type { BucketRef } from '../../lib/domain/rule';

/** The local cloud with the built bundles, as `npm start` runs it, and clients that only know its port. */
export async function startCloud(settings: Partial<LocalCloudSettings> = {}) {
  const logs: { readonly functionName: string; readonly line: string }[] = [];
  const cloud = await startLocalCloud({
    port: 0,
    functionsDir: path.join(__dirname, '..', '..', 'dist', 'functions'),
    onLog: (log) => void logs.push(log),
    retryDelayMs: 200,
    ...settings,
  });
  return { cloud, logs, sdk: sdkFor(cloud), api: apiFor(cloud) };
}

/** The unmodified SDK with the keys of one of the accounts. */
export function sdkFor(cloud: LocalCloud, account = cloud.account): COS {
  const at = `127.0.0.1:${cloud.port}`;
  const { secretId: SecretId, secretKey: SecretKey } = account;
  return new COS({ SecretId, SecretKey, Protocol: 'http:', Ip: at, ServiceDomain: at });
}

/** The product's own client, told where the local cloud is as the redirection of a function's process would. */
export function clientFor(
  port: number,
  keys: { readonly secretId: string; readonly secretKey: string },
  now: () => number = Date.now,
): CosClient {
  const { secretId, secretKey } = keys;
  const client = createCosClient({
    now,
    credentials: () => ({ secretId, secretKey, token: undefined }),
    requestTimeoutMs: () => 2_000,
    socketsMax: 8,
  });
  return {
    call: (name, effect, run) =>
      client.call(name, effect, (sdk) => {
        const { options } = sdk as unknown as { options: object };
        Object.assign(options, {
          Protocol: 'http:',
          Ip: `127.0.0.1:${port}`,
          ServiceDomain: `127.0.0.1:${port}`,
        });
        return run(sdk);
      }),
  };
}

export function apiFor(cloud: LocalCloud) {
  const id = 'test.write.1';
  const authorization = `Bearer ${id}:${deriveSecret(cloud.masterSecret, id)}`;
  return async (method: string, route: string, body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${cloud.port}/function/rules${route}`, {
      method,
      headers: { authorization, 'content-type': 'application/json', 'if-match': '*' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as never };
  };
}

export async function versionedBucket(sdk: COS, ref: BucketRef): Promise<BucketRef> {
  await sdk.putBucket({ Bucket: ref.bucket, Region: ref.region });
  await setVersioning(sdk, ref, 'Enabled');
  return ref;
}

/** As if the newest rules of a bucket had been written a while ago: young ones are read once more each time. */
export function makeOld(sdk: COS, cloud: LocalCloud, bucket: string): Promise<void> {
  return rewriteRules(sdk, cloud, bucket, (document) => ({ ...document, at: '2026-01-01T00:00:00.000Z' }));
}

/** Writes the newest rules of a bucket anew, in the place of what the API wrote. */
export async function rewriteRules(
  sdk: COS,
  cloud: LocalCloud,
  bucket: string,
  change: (document: Revision) => Revision,
): Promise<void> {
  const place = { Bucket: cloud.stateBucket, Region: cloud.region };
  const { Contents } = await sdk.getBucket({ ...place, Prefix: `rules/${bucket}/0` });
  const Key = Contents.at(-1)?.Key ?? '';
  const document = JSON.parse((await sdk.getObject({ ...place, Key })).Body.toString()) as Revision;
  await sdk.putObject({ ...place, Key, Body: JSON.stringify(change(document)) });
}

export async function setVersioning(
  sdk: COS,
  ref: BucketRef,
  Status: 'Enabled' | 'Suspended',
): Promise<void> {
  await sdk.putBucketVersioning({
    Bucket: ref.bucket,
    Region: ref.region,
    VersioningConfiguration: { Status },
  });
}

/** All entries of a bucket in COS's order, read page by page. */
export async function listVersions(sdk: COS, ref: BucketRef): Promise<readonly KeyedEntry[]> {
  const entries: KeyedEntry[] = [];
  for (;;) {
    const last = entries.at(-1);
    const marker = last ? { 'key-marker': last.key, 'version-id-marker': last.entry.versionId } : {};
    const answer = await sdk.request({
      Bucket: ref.bucket,
      Region: ref.region,
      Method: 'GET',
      Action: 'versions',
      Query: { 'encoding-type': 'url', ...marker },
      RawBody: true,
    });
    const page = parseVersionsPage(String(answer.Body));
    if (!page) throw new Error('no version list');
    entries.push(...page.entries);
    if (page.complete) return entries;
  }
}

/** One entry of a history with everything that replication must keep. */
export interface Seen {
  readonly kind: 'version' | 'deleteMarker';
  readonly body?: string;
  readonly storageClass?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
}

/** A key's history oldest first, each version downloaded, the replication stamp left away. */
export async function seenHistory(sdk: COS, ref: BucketRef, key: string): Promise<readonly Seen[]> {
  const all = await listVersions(sdk, ref);
  const own = all.filter((listed) => listed.key === key).reverse();
  const seen: Seen[] = [];
  for (const { entry } of own) seen.push(await seenEntry(sdk, ref, key, entry));
  return seen;
}

const kept = /^(content-(type|disposition|encoding|language)|cache-control|expires|x-cos-meta-.*)$/;

async function seenEntry(sdk: COS, ref: BucketRef, key: string, entry: HistoryEntry): Promise<Seen> {
  if (entry.kind === 'deleteMarker') return { kind: 'deleteMarker' };
  const at = { Bucket: ref.bucket, Region: ref.region, Key: key, VersionId: entry.versionId };
  const got = await sdk.getObject(at);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(got.headers ?? {})) {
    if (kept.test(name) && name !== 'x-cos-meta-crr-stamp') headers[name] = String(value);
  }
  const { Tags } = await sdk.getObjectTagging(at);
  return {
    kind: 'version',
    body: got.Body.toString(),
    storageClass: entry.storageClass,
    headers,
    tags: Tags.map(({ Key, Value }) => `${Key}=${Value}`),
  };
}

/** Asks again until it is so. Fails with what it was last. */
export async function eventually<Value>(
  ask: () => Promise<Value>,
  holds: (value: Value) => boolean,
  patienceMs = 150_000,
): Promise<Value> {
  const endMs = Date.now() + patienceMs;
  for (;;) {
    const value = await ask();
    if (holds(value)) return value;
    if (Date.now() > endMs)
      throw new Error(`It did not come to be within ${patienceMs} ms: ${JSON.stringify(value)}`);
    await sleep(50);
  }
}

/** Resolves when no event is queued or being handled. */
export async function quiet(cloud: LocalCloud, patienceMs?: number): Promise<void> {
  await eventually(
    async () => (await cloud.cos.pendingEvents(1)).length,
    (pending) => pending === 0,
    patienceMs,
  );
}

export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'crr-test-'));
  return { path: folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
