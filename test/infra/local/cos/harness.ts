import { createServer, type IncomingHttpHeaders, type RequestListener, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import COS from 'cos-nodejs-sdk-v5';
import { type Account, type LocalCos, openLocalCos } from '../../../../infra/local/cos/local-cos';
import type { BucketRef } from '../../../../lib/domain/rule';
import { temporaryFolder } from '../../../support/local';

/** A local COS behind a real server, and what its tests ask of it. */
export async function startCos(
  options: {
    readonly dataDir?: string;
    readonly now?: () => number;
    readonly restoreMs?: number;
    /** What stands between the port and COS. */
    readonly before?: (cos: LocalCos) => RequestListener;
  } = {},
) {
  const folder = temporaryFolder();
  const dataDir = options.dataDir ?? folder.path;
  const cos: LocalCos = await openLocalCos({
    dataDir,
    ...(options.now ? { now: options.now } : {}),
    ...(options.restoreMs === undefined ? {} : { restoreMs: options.restoreMs }),
  });
  const direct: RequestListener = (request, response) => void cos.handle(request, response);
  const server = createServer(options.before?.(cos) ?? direct);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const [own, other] = cos.accounts;
  return {
    cos,
    port,
    dataDir,
    own,
    other,
    sdk: sdkAt(port, own),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await cos.close();
      folder.remove();
    },
  };
}

export type RunningCos = Awaited<ReturnType<typeof startCos>>;

export function sdkAt(port: number, keys: Pick<Account, 'secretId' | 'secretKey'>, token?: string): COS {
  const at = `127.0.0.1:${port}`;
  return new COS({
    SecretId: keys.secretId,
    SecretKey: keys.secretKey,
    ...(token === undefined ? {} : { SecurityToken: token }),
    Protocol: 'http:',
    Ip: at,
    ServiceDomain: at,
  });
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, spelled as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

type Keys = Pick<Account, 'secretId' | 'secretKey'>;

/** A request, header by header; signed with the first account's key unless it says otherwise. */
export async function raw(
  running: RunningCos,
  bucket: BucketRef,
  method: string,
  path: string,
  more: {
    readonly headers?: Record<string, string>;
    readonly body?: string;
    readonly sign?: boolean;
    readonly as?: Keys;
    readonly keyTime?: string;
  } = {},
): Promise<RawAnswer> {
  const headers: Record<string, string> = { Host: hostOf(bucket), ...more.headers };
  if (more.sign !== false) headers['Authorization'] = signed(running, bucket, method, path, more);
  return new Promise((resolve, reject) => {
    const request = send({ port: running.port, host: '127.0.0.1', method, path, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body,
        }),
      );
    });
    // As bytes: Node would write a text and the headers before it in one encoding.
    request.on('error', reject).end(Buffer.from(more.body ?? ''));
  });
}

/** The Authorization header of a request. */
export function signed(
  running: RunningCos,
  bucket: BucketRef,
  method: string,
  path: string,
  { as = running.own, keyTime }: { readonly as?: Keys; readonly keyTime?: string } = {},
): string {
  const [pathname = '', query = ''] = path.split('?');
  return COS.getAuthorization({
    SecretId: as.secretId,
    SecretKey: as.secretKey,
    Method: method as COS.Method,
    Pathname: decoded(pathname),
    Query: Object.fromEntries(new URLSearchParams(query)),
    Headers: { Host: hostOf(bucket) },
    ...(keyTime === undefined ? {} : { KeyTime: keyTime }),
  } as COS.StaticGetAuthorizationOptions);
}

export function hostOf({ bucket, region }: BucketRef): string {
  return region === '' ? `${bucket}.cos.myqcloud.com` : `${bucket}.cos.${region}.myqcloud.com`;
}

export function at(bucket: BucketRef, key: string) {
  return { Bucket: bucket.bucket, Region: bucket.region, Key: key };
}

let buckets = 0;

/** A new bucket of the first account. */
export async function newBucket(
  running: RunningCos,
  versioning: 'never' | 'Enabled' | 'Suspended' = 'Enabled',
  region = 'ap-guangzhou',
): Promise<BucketRef> {
  buckets += 1;
  const ref = { bucket: `b${buckets}-${running.own.appid}`, region };
  await running.sdk.putBucket({ Bucket: ref.bucket, Region: region });
  if (versioning !== 'never') await setVersioning(running, ref, versioning);
  return ref;
}

export async function setVersioning(running: RunningCos, ref: BucketRef, Status: 'Enabled' | 'Suspended') {
  const VersioningConfiguration = { Status };
  await running.sdk.putBucketVersioning({ Bucket: ref.bucket, Region: ref.region, VersioningConfiguration });
}

/** What a call was refused with: `status code`. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'not refused';
  } catch (thrown) {
    const { statusCode, code } = thrown as { statusCode?: number; code?: string };
    return `${statusCode} ${code}`;
  }
}

/** The types of the events of a bucket that nobody settled, oldest first. */
export async function eventsOf(running: RunningCos, ref: BucketRef): Promise<readonly string[]> {
  const events = await running.cos.pendingEvents();
  return events.filter((event) => event.bucket === ref.bucket).map((event) => event.eventName);
}

/** A permanent delete; the SDK takes the version, its types do not know it. */
export function removeVersion(running: RunningCos, ref: BucketRef, key: string, VersionId: string) {
  return running.sdk.deleteObject({ ...at(ref, key), VersionId } as COS.DeleteObjectParams);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
