import type { IncomingMessage } from 'node:http';
import { targetOf } from '../cos/target';

/** What can be told of a request to COS before it is taken in. */
export interface RequestFacts {
  /**
   * `<METHOD> service|bucket|object [sub-resource] [copy]`: `PUT object copy`, `GET bucket versions`, `PUT object
   * uploadId copy` for a part that is copied.
   */
  readonly operation: string;
  /** `''` of the service. */
  readonly bucket: string;
  readonly region: string;
  readonly key: string;
  /** `user`, or the name of the function whose key signed it. */
  readonly caller: string;
}

/** Parameters that are no sub-resource, though they may come without a value. */
const plainParameters =
  /^(prefix|delimiter|encoding-type|marker|max-.*|.*-marker|versionid|partnumber|sign|response-.*|q-.*|x-cos-.*|x-amz-.*|start-after|fetch-owner)$/i;

export function requestFacts(
  request: Pick<IncomingMessage, 'method' | 'url' | 'headers'>,
  callerOf: (secretId: string) => string,
): RequestFacts {
  const [path, query] = splitOnce(request.url ?? '/', '?');
  const target = targetOf(request.headers.host ?? '');
  const isBucket = target?.kind === 'bucket';
  const of = !isBucket ? 'service' : path === '/' ? 'bucket' : 'object';
  const copies = ['x-cos-copy-source', 'x-amz-copy-source'].some(
    (name) => request.headers[name] !== undefined,
  );
  const copy = copies ? 'copy' : undefined;
  const words = [request.method ?? 'GET', of, subresourceOf(query), copy];
  return {
    operation: words.filter((word) => word !== undefined).join(' '),
    bucket: isBucket ? target.bucket : '',
    region: target?.region ?? '',
    key: decoded(path.slice(1)),
    caller: callerOf(secretIdOf(request, query)),
  };
}

function subresourceOf(query: string): string | undefined {
  const names = query.split('&').map((pair) => splitOnce(pair, '='));
  if (names.some(([name]) => name === 'uploadId')) return 'uploadId';
  return names.find(([name, value]) => name !== '' && value === '' && !plainParameters.test(name))?.[0];
}

function secretIdOf({ headers }: Pick<IncomingMessage, 'headers'>, query: string): string {
  const signed = headers.authorization ?? decoded(query);
  return /(?:^|[&\s])(?:q-ak|X-Amz-Credential|Credential)=([^&/]*)/.exec(signed)?.[1] ?? '';
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
