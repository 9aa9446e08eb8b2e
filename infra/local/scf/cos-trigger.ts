/** Which events of which buckets go to a function. https://www.tencentcloud.com/document/product/583/9707 */
export interface CosTrigger {
  readonly functionName: string;
  /** The buckets that it is bound to. */
  readonly bucket: string | ((bucket: string, region: string) => boolean);
  /** Concrete event names, or with `*` for the last part: `cos:ObjectCreated:*`. */
  readonly events: readonly string[];
  readonly prefix?: string;
  readonly suffix?: string;
}

/** What a trigger decides by. */
export interface CosChange {
  readonly bucket: string;
  readonly region: string;
  /** Concrete: `cos:ObjectCreated:Put`. */
  readonly eventName: string;
  readonly key: string;
}

export function cosTriggerMatches(trigger: CosTrigger, change: CosChange): boolean {
  const { bucket, prefix = '', suffix = '' } = trigger;
  const bound = typeof bucket === 'string' ? bucket === change.bucket : bucket(change.bucket, change.region);
  return (
    bound &&
    trigger.events.some((pattern) => eventMatches(pattern, change.eventName)) &&
    change.key.startsWith(prefix) &&
    change.key.endsWith(suffix)
  );
}

/** Whether there is an event that both mean. */
export function patternsOverlap(one: string, other: string): boolean {
  return eventMatches(one, other) || eventMatches(other, one);
}

function eventMatches(pattern: string, eventName: string): boolean {
  return pattern.endsWith(':*') ? eventName.startsWith(pattern.slice(0, -1)) : pattern === eventName;
}
