import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Account, LocalCos, PendingEvent } from '../../../../infra/local/cos/local-cos';
import { recordOfType } from '../../../fixtures/cos-events';
import { sumOf } from '../../../../infra/local/start/crc64';

interface Stored {
  readonly body: Buffer;
  readonly versionId: string;
  readonly crc64: string;
  readonly modified: string;
}

/** What a fake COS holds, and keeps over a restart of the cloud around it. */
export interface FakeCosState {
  readonly buckets: Map<string, Map<string, Stored>>;
  readonly pending: Map<string, PendingEvent>;
  readonly requests: string[];
}

export function fakeCosState(): FakeCosState {
  return { buckets: new Map(), pending: new Map(), requests: [] };
}

const accounts: readonly [Account, Account] = [
  { appid: '1250000001', uin: '100000000001', secretId: 'AKIDfake1', secretKey: 'secret1' },
  { appid: '1250000002', uin: '100000000002', secretId: 'AKIDfake2', secretKey: 'secret2' },
];
const cosHost = /^([a-z0-9-]+-\d+)\.cos\.([a-z0-9-]+)\.myqcloud\.com$/;

/** The face of the local COS over a few maps: buckets, objects of one version, events. It checks no signature. */
export function openFakeCos(state: FakeCosState): LocalCos {
  const listeners: ((event: PendingEvent) => void)[] = [];
  let versions = 0;

  const commit = (bucket: string, region: string, key: string, versionId: string): void => {
    const appid = bucket.slice(bucket.lastIndexOf('-') + 1);
    const url = `http://${bucket}.cos.${region}.myqcloud.com/${encodeURI(key)}`;
    const sample = recordOfType('cos:ObjectCreated:Put', { vid: versionId });
    const record = {
      cos: {
        ...sample.cos,
        cosObject: { ...sample.cos.cosObject, url, key },
        cosBucket: { region, name: bucket, appid },
      },
      event: { ...sample.event, eventTime: Math.floor(Date.now() / 1000) },
    };
    const id = `${Date.now()}-${(versions += 1)}`;
    const event = { id, bucket, region, eventName: 'cos:ObjectCreated:Put', key, record };
    state.pending.set(id, event);
    for (const listener of listeners) listener(event);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, bucket = '', region = ''] = cosHost.exec(request.headers.host ?? '') ?? [];
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const key = decodeURIComponent(path.slice(1));
    state.requests.push(`${request.method} ${bucket}/${key}${query ? `?${query}` : ''}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const objects = state.buckets.get(bucket);
    response.setHeader('x-cos-request-id', 'fake');
    if (key === '') {
      if (query.startsWith('versioning')) return void response.end('<VersioningConfiguration/>');
      if (request.method === 'PUT') state.buckets.set(bucket, objects ?? new Map());
      response.statusCode = request.method === 'HEAD' && !objects ? 404 : 200;
      return void response.end();
    }
    if (request.method === 'PUT' && objects) {
      const body = Buffer.concat(chunks);
      const { crc64 } = await sumOf(Readable.from([body]));
      const versionId = `v${(versions += 1)}`;
      objects.set(key, { body, versionId, crc64, modified: new Date().toUTCString() });
      commit(bucket, region, key, versionId);
    }
    const stored = objects?.get(key);
    if (!stored) return void response.writeHead(404).end();
    response.setHeader('x-cos-version-id', stored.versionId);
    response.setHeader('x-cos-hash-crc64ecma', stored.crc64);
    response.setHeader('Last-Modified', stored.modified);
    response.setHeader('ETag', '"fake"');
    response.end(request.method === 'GET' ? stored.body : '');
  };

  return {
    accounts,
    issueTemporaryKey: (_account, { name, seconds }) => ({
      secretId: `AKIDtmp-${name}`,
      secretKey: 'temporary',
      token: 'token',
      expiresAtMs: Date.now() + seconds * 1000,
    }),
    users: { list: () => [], replace: () => {} },
    findKey: () => undefined,
    handle,
    isCosHost: (host) => cosHost.test(host),
    onEvent: (listener) => void listeners.push(listener),
    pendingEvents: (limit) => Promise.resolve([...state.pending.values()].slice(0, limit)),
    settleEvent: (id) => Promise.resolve(void state.pending.delete(id)),
    requests: { list: () => [], reset: () => {} },
    close: () => Promise.resolve(),
  };
}
