import type { BucketRef } from '../../lib/domain/rule';

/** What shall be in an account, after all settings were read. */
export interface Deployment {
  /** `<service>-<stage>`; every name of ours begins with it. */
  readonly stack: string;
  readonly region: string;
  readonly runtime: string;
  readonly roleName: string;
  readonly stateBucket: BucketRef;
  readonly sources: readonly Source[];
  /** Whether versioning may be switched on where it is not. Only ever by the user's word. */
  readonly enableVersioning: boolean;
  readonly functions: readonly WantedFunction[];
}

export interface Source {
  readonly bucket: string;
  /** Events of other keys do not come; rules for them are not refused, the timer finds what they cover. */
  readonly prefix: string;
  readonly destinations: readonly BucketRef[];
}

export interface WantedFunction {
  /** As SCF knows it: `<stack>-<key>`. */
  readonly name: string;
  /** As serverless.yml and the code call it. */
  readonly key: string;
  readonly handler: string;
  readonly zip: Buffer;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly retries: number;
  readonly messageAgeSeconds: number;
  /** `undefined`: the account's common pool. */
  readonly reservedMemoryMb: number | undefined;
  readonly triggers: readonly WantedTrigger[];
}

export type WantedTrigger =
  | { readonly type: 'cos'; readonly bucket: string; readonly event: string; readonly prefix: string }
  | { readonly type: 'timer'; readonly name: string; readonly cron: string }
  | { readonly type: 'http' };

/** Two for each source bucket: a COS trigger names one kind of event. */
export const replicatedEvents = ['cos:ObjectCreated:*', 'cos:ObjectRemove:*'] as const;

/** Of one type. https://cloud.tencent.com/document/product/583/11637 */
export const triggersPerFunctionMax = 10;
export const sourcesMax = triggersPerFunctionMax / replicatedEvents.length;

/** Every bucket that is a destination, once. */
export function destinationsOf(sources: readonly Source[]): readonly BucketRef[] {
  const all = sources.flatMap(({ destinations }) => destinations);
  return [...new Map(all.map((each) => [`${each.region}/${each.bucket}`, each])).values()];
}
