import { z } from 'zod';
import type { Action } from './control-plane';
import { readParams } from './params';

/** Tags of resources: a resource's name, then pairs of key and value. */
export type TagState = Map<string, readonly (readonly [string, string])[]>;

/** Tag 2018-08-13, as far as a deployment calls it. https://cloud.tencent.com/document/api/651/35316 */
export function tagActions(tags: TagState): Readonly<Record<string, Action>> {
  return {
    DescribeResourceTagsByResourceIds: ({ params }) => {
      const { ServiceType, ResourcePrefix, ResourceIds, ResourceRegion } = readParams(describeParams, params);
      const Tags = ResourceIds.flatMap((ResourceId) => {
        const suffix = `:${ServiceType}:${ResourceRegion}:`;
        const named = [...tags].filter(
          ([resource]) => resource.includes(suffix) && resource.endsWith(`${ResourcePrefix}/${ResourceId}`),
        );
        return named.flatMap(([, own]) =>
          own.map(([TagKey, TagValue]) => ({
            TagKey,
            TagValue,
            ResourceId,
            TagKeyMd5: '',
            TagValueMd5: '',
          })),
        );
      });
      return { TotalCount: Tags.length, Offset: 0, Limit: Tags.length, Tags };
    },
    ModifyResourceTags: ({ params }) => {
      const { Resource, ReplaceTags, DeleteTags } = readParams(modifyParams, params);
      const own = new Map(tags.get(Resource));
      for (const { TagKey, TagValue } of ReplaceTags) own.set(TagKey, TagValue);
      for (const { TagKey } of DeleteTags) own.delete(TagKey);
      tags.set(Resource, [...own]);
      return {};
    },
  };
}

const describeParams = z.object({
  ServiceType: z.string(),
  ResourcePrefix: z.string(),
  ResourceIds: z.array(z.string()),
  ResourceRegion: z.string().default(''),
});
const modifyParams = z.object({
  Resource: z.string().startsWith('qcs::'),
  ReplaceTags: z.array(z.object({ TagKey: z.string(), TagValue: z.string() })).default([]),
  DeleteTags: z.array(z.object({ TagKey: z.string() })).default([]),
});
