import type { WantedTrigger } from './deployment';

/** A trigger as ListTriggers shows it. */
export interface ListedTrigger {
  readonly Type: string;
  readonly TriggerName: string;
  readonly TriggerDesc: string;
  readonly Enable: number;
}

/** What makes the triggers of one function the wanted ones, in this order. */
export type TriggerStep =
  | { readonly kind: 'delete'; readonly listed: ListedTrigger }
  /** `inTheWay` cannot stand beside the new one, as one event goes to one trigger only: it is deleted just before. */
  | { readonly kind: 'create'; readonly wanted: WantedTrigger; readonly inTheWay: readonly ListedTrigger[] }
  | { readonly kind: 'update'; readonly wanted: WantedTrigger; readonly listed: ListedTrigger }
  | { readonly kind: 'open'; readonly listed: ListedTrigger };

/**
 * What is listed and matches is not touched. What is not wanted goes first, so that a new trigger finds room; a changed
 * trigger of the same bucket is replaced last, with nothing between its end and the beginning of the new one.
 */
export function planTriggers(
  wanted: readonly WantedTrigger[],
  listed: readonly ListedTrigger[],
  region: string,
): readonly TriggerStep[] {
  const pairs = wanted.map((each) => ({
    wanted: each,
    listed: listed.find((other) => isSame(each, other, region)),
  }));
  const kept = new Set(pairs.flatMap((pair) => pair.listed ?? []));
  const stale = listed.filter((each) => !kept.has(each));
  const creations = pairs
    .filter((pair) => !pair.listed)
    .map((pair) => ({
      kind: 'create' as const,
      wanted: pair.wanted,
      inTheWay: stale.filter((each) => isRival(pair.wanted, each, region)),
    }));
  const replaced = new Set(creations.flatMap(({ inTheWay }) => inTheWay));
  return [
    ...stale.filter((each) => !replaced.has(each)).map((each) => ({ kind: 'delete' as const, listed: each })),
    ...pairs.flatMap((pair) => (pair.listed ? changeOf(pair.wanted, pair.listed) : [])),
    ...creations.filter(({ inTheWay }) => inTheWay.length === 0),
    ...creations.filter(({ inTheWay }) => inTheWay.length > 0),
  ];
}

/** `<bucket>.cos.<region>.myqcloud.com` is the name of every COS trigger of a bucket. */
export function triggerName(trigger: WantedTrigger, region: string): string {
  switch (trigger.type) {
    case 'cos':
      return `${trigger.bucket}.cos.${region}.myqcloud.com`;
    case 'timer':
      return trigger.name;
    case 'http':
      // The server chooses one.
      return '';
  }
}

/** https://cloud.tencent.com/document/product/583/39901 */
export function triggerDesc(trigger: WantedTrigger): string {
  switch (trigger.type) {
    case 'cos':
      return JSON.stringify({ event: trigger.event, filter: { Prefix: trigger.prefix, Suffix: '' } });
    case 'timer':
      return trigger.cron;
    case 'http':
      // Requests are signed with our own credentials, which the function checks.
      return JSON.stringify({
        AuthType: 'NONE',
        NetConfig: { EnableIntranet: false, EnableExtranet: true },
      });
  }
}

/** Whether they are one and the same, though perhaps with other settings where a trigger can be changed. */
function isSame(wanted: WantedTrigger, listed: ListedTrigger, region: string): boolean {
  if (wanted.type !== listed.Type) return false;
  switch (wanted.type) {
    case 'cos': {
      const desc = readDesc(listed);
      return (
        triggerName(wanted, region) === listed.TriggerName &&
        desc.event === wanted.event &&
        (desc.filter?.Prefix ?? '') === wanted.prefix &&
        (desc.filter?.Suffix ?? '') === ''
      );
    }
    case 'timer':
      return wanted.name === listed.TriggerName;
    case 'http':
      return true;
  }
}

/** Only of COS: whether a stale one of the same bucket keeps the new one out. */
function isRival(wanted: WantedTrigger, listed: ListedTrigger, region: string): boolean {
  return (
    wanted.type === 'cos' &&
    listed.Type === 'cos' &&
    triggerName(wanted, region) === listed.TriggerName &&
    eventKind(readDesc(listed).event ?? '') === eventKind(wanted.event)
  );
}

function changeOf(wanted: WantedTrigger, listed: ListedTrigger): readonly TriggerStep[] {
  const desc = readDesc(listed);
  const matches =
    (wanted.type !== 'timer' || (desc.cron ?? listed.TriggerDesc) === wanted.cron) &&
    (wanted.type !== 'http' || (desc.AuthType === 'NONE' && desc.NetConfig?.EnableExtranet === true));
  if (!matches) return [{ kind: 'update', wanted, listed }];
  return listed.Enable === 1 ? [] : [{ kind: 'open', listed }];
}

/** `ObjectCreated` of `cos:ObjectCreated:Put`. */
function eventKind(event: string): string {
  return event.split(':')[1] ?? '';
}

interface Desc {
  readonly event?: string;
  readonly filter?: { readonly Prefix?: string; readonly Suffix?: string };
  readonly cron?: string;
  readonly AuthType?: string;
  readonly NetConfig?: { readonly EnableExtranet?: boolean; readonly ExtranetUrl?: string };
}

/** What cannot be read is like nothing that is wanted. */
export function readDesc({ TriggerDesc }: Pick<ListedTrigger, 'TriggerDesc'>): Desc {
  try {
    const desc: unknown = JSON.parse(TriggerDesc);
    return typeof desc === 'object' && desc !== null ? desc : {};
  } catch {
    return {};
  }
}
