import { type CosChange, type CosTrigger, cosTriggerMatches, patternsOverlap } from './cos-trigger';

/** A trigger of one bucket, as CreateTrigger makes it. */
export interface BucketTrigger {
  readonly functionName: string;
  readonly bucket: string;
  readonly region: string;
  /** `cos:ObjectCreated:*` or a concrete type. */
  readonly event: string;
  readonly prefix: string;
  readonly suffix: string;
}

/** Why a trigger is refused, with COS's own code where it has one. */
export interface TriggerRefusal {
  readonly code: TriggerRefusalCode;
  readonly message: string;
}

export type TriggerRefusalCode =
  | 'NotifyRuleEventConflict'
  | 'NotifyRulePrefixConflict'
  | 'NotifyRuleSuffixConflict'
  | 'LimitExceeded.Trigger'
  | 'ResourceNotFound.Function'
  | 'InvalidParameterValue.Region'
  | 'InvalidParameterValue.Type';

/** https://cloud.tencent.com/document/product/583/9707 */
export const triggersPerBucketMax = 10;
export const triggersPerFunctionMax = 10;

const eventPattern =
  /^cos:(ObjectCreated:(\*|Put|Post|Copy|CompleteMultipartUpload|Origin|Replication|Append)|ObjectRemove:(\*|Delete|DeleteMarkerCreated)|ObjectRestore:(\*|Post|Completed))$/;

/** Who is told of which change. */
export interface TriggerTable {
  /** The functions that are bound to a change, each once, with the event of the trigger that binds it. */
  readonly matching: (
    change: CosChange,
  ) => readonly { readonly functionName: string; readonly event: string }[];
  /** Takes a trigger of one bucket in, or says why COS would not. */
  readonly bind: (trigger: BucketTrigger) => TriggerRefusal | undefined;
  /** `false`: there is none like it. */
  readonly unbind: (trigger: BucketTrigger) => boolean;
  readonly list: () => readonly BucketTrigger[];
}

/**
 * `automatic` triggers bind every bucket that they name from its first change on, and count as one each where a bucket's
 * own triggers are checked against them. Those are kept in `bound`.
 */
export function createTriggerTable(
  automatic: readonly CosTrigger[],
  functions: () => readonly { readonly name: string; readonly region: string }[],
  bound: Map<string, BucketTrigger> = new Map(),
): TriggerTable {
  const list = (): readonly BucketTrigger[] => [...bound.values()];

  const bindingsOf = (bucket: string, region: string): readonly BucketTrigger[] => [
    ...automatic
      .filter((trigger) =>
        typeof trigger.bucket === 'string' ? trigger.bucket === bucket : trigger.bucket(bucket, region),
      )
      .flatMap(({ functionName, events, prefix = '', suffix = '' }) =>
        events.map((event) => ({ functionName, bucket, region, event, prefix, suffix })),
      ),
    // A function may have gone between two starts.
    ...list().filter(
      (trigger) =>
        trigger.bucket === bucket &&
        trigger.region === region &&
        functions().some(({ name }) => name === trigger.functionName),
    ),
  ];

  return {
    matching: (change) => {
      const found = new Map<string, string>();
      for (const trigger of bindingsOf(change.bucket, change.region)) {
        if (
          !found.has(trigger.functionName) &&
          cosTriggerMatches({ ...trigger, events: [trigger.event] }, change)
        )
          found.set(trigger.functionName, trigger.event);
      }
      return [...found].map(([functionName, event]) => ({ functionName, event }));
    },
    bind: (trigger) => {
      const named = functions().filter(({ name }) => name === trigger.functionName);
      const own = list().filter(({ functionName }) => functionName === trigger.functionName);
      const refusal =
        refusalOf(trigger, named) ??
        limitOf(own.length, triggersPerFunctionMax, `The function ${trigger.functionName}`) ??
        bucketRefusal(trigger, bindingsOf(trigger.bucket, trigger.region));
      if (!refusal) bound.set(idOf(trigger), trigger);
      return refusal;
    },
    unbind: (trigger) => bound.delete(idOf(trigger)),
    list,
  };
}

function refusalOf(
  trigger: BucketTrigger,
  named: readonly { readonly region: string }[],
): TriggerRefusal | undefined {
  const [scf] = named;
  if (!scf)
    return { code: 'ResourceNotFound.Function', message: `There is no function ${trigger.functionName}.` };
  if (!eventPattern.test(trigger.event))
    return { code: 'InvalidParameterValue.Type', message: `COS has no event ${trigger.event}.` };
  if (!named.some(({ region }) => region === trigger.region)) {
    const message = `The function is in ${scf.region}; a bucket in ${trigger.region} cannot trigger it.`;
    return { code: 'InvalidParameterValue.Region', message };
  }
  return undefined;
}

function bucketRefusal(trigger: BucketTrigger, others: readonly BucketTrigger[]): TriggerRefusal | undefined {
  const full = limitOf(others.length, triggersPerBucketMax, `The bucket ${trigger.bucket}`);
  const rival = others.find((other) => overlap(trigger, other));
  if (!rival) return full;
  const filter = `prefix "${rival.prefix}", suffix "${rival.suffix}"`;
  const message = `${rival.functionName} is bound to ${rival.event} with ${filter}: one event may go to one function.`;
  if (trigger.prefix !== rival.prefix) return { code: 'NotifyRulePrefixConflict', message };
  if (trigger.suffix !== rival.suffix) return { code: 'NotifyRuleSuffixConflict', message };
  return { code: 'NotifyRuleEventConflict', message };
}

function limitOf(count: number, max: number, who: string): TriggerRefusal | undefined {
  if (count < max) return undefined;
  return { code: 'LimitExceeded.Trigger', message: `${who} has ${max} COS triggers already.` };
}

/** Whether one key's change could be meant for both. */
function overlap(one: BucketTrigger, other: BucketTrigger): boolean {
  return (
    patternsOverlap(one.event, other.event) &&
    (one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix)) &&
    (one.suffix.endsWith(other.suffix) || other.suffix.endsWith(one.suffix))
  );
}

function idOf({ functionName, bucket, region, event, prefix, suffix }: BucketTrigger): string {
  return JSON.stringify([functionName, bucket, region, event, prefix, suffix]);
}
