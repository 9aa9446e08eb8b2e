import type { RecordedRequest } from './request-log';

/** What the requests of one kind came to. */
export interface RequestTotal extends Pick<
  RecordedRequest,
  'api' | 'method' | 'bucket' | 'region' | 'caller' | 'status'
> {
  readonly requests: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** One line for each kind of request, in the order in which they first came. */
export function accountOf(requests: readonly RecordedRequest[]): readonly RequestTotal[] {
  const totals = new Map<string, RequestTotal>();
  for (const { api, method, bucket, region, caller, status, ...rest } of requests) {
    const kind = { api, method, ...(bucket === undefined ? {} : { bucket, region }), caller, status };
    const name = JSON.stringify(kind);
    const before = totals.get(name);
    totals.set(name, {
      ...kind,
      requests: (before?.requests ?? 0) + 1,
      requestBytes: (before?.requestBytes ?? 0) + rest.requestBytes,
      responseBytes: (before?.responseBytes ?? 0) + rest.responseBytes,
    });
  }
  return [...totals.values()];
}
