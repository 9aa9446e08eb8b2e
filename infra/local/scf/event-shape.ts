import type { CosEventRecord } from '../cos/events';
import type { Unknowns } from '../unknowns';

export type EventShape = Pick<Unknowns, 'eventVid' | 'eventName' | 'eventKey' | 'eventRegion'>;

/** What COS hands to SCF for one change, in the shape that was chosen; `event` of the trigger is its pattern. */
export function cosEvent(
  record: CosEventRecord,
  trigger: { readonly functionName: string; readonly event: string },
  shape: EventShape,
): { readonly Records: readonly CosEventRecord[] } {
  const { cosObject, cosBucket } = record.cos;
  const region = shape.eventRegion === 'full' ? cosBucket.region : shortRegion(cosBucket.region);
  const shaped: CosEventRecord = {
    cos: {
      ...record.cos,
      cosObject: {
        ...cosObject,
        vid: shape.eventVid === 'filled' ? cosObject.vid : '',
        key: shape.eventKey === 'raw' ? cosObject.key : encodedKey(cosObject.key),
      },
      cosBucket: { ...cosBucket, region },
    },
    event: {
      ...record.event,
      eventName: shape.eventName === 'concrete' ? record.event.eventName : trigger.event,
      eventQueue: `qcs:0:scf:${region}:appid/${cosBucket.appid}:default.${trigger.functionName}.$LATEST`,
    },
  };
  return { Records: [shaped] };
}

/** `gz` and `cd` stand in published samples; the others are inferred from the codes that Tencent Cloud uses elsewhere. */
const shortRegions: Readonly<Record<string, string>> = {
  'ap-guangzhou': 'gz',
  'ap-chengdu': 'cd',
  'ap-shanghai': 'sh',
  'ap-beijing': 'bj',
  'ap-nanjing': 'nj',
  'ap-chongqing': 'cq',
  'ap-hongkong': 'hk',
  'ap-singapore': 'sg',
};

function shortRegion(region: string): string {
  return shortRegions[region] ?? region;
}

/** The slashes of `/<appid>/<bucket>/<key>` and of the key stay. */
function encodedKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}
