/** One request as it was answered, for accounts of what something costs. */
export interface RecordedRequest {
  readonly at: number;
  readonly method: string;
  /** As CAM names the action: PutObjectCopy, HeadObject, GetBucketObjectVersions, ... */
  readonly api: string;
  readonly bucket?: string;
  readonly region?: string;
  readonly key?: string;
  /** 0 if the client went away before an answer. */
  readonly status: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Secret id, the name of a temporary key, or `anonymous`. */
  readonly caller: string;
}

export interface RequestLog {
  /** Oldest first, as of now. */
  list(): readonly RecordedRequest[];
  reset(): void;
  add(request: RecordedRequest): void;
}

const recordsMax = 200_000;

/** Holds the newest requests; the oldest half goes when it is full. */
export function createRequestLog(): RequestLog {
  let records: RecordedRequest[] = [];
  return {
    list: () => [...records],
    reset: () => {
      records = [];
    },
    add(request) {
      if (records.length >= recordsMax) records = records.slice(recordsMax / 2);
      records.push(request);
    },
  };
}
