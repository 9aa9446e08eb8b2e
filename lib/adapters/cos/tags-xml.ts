import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import type { ObjectTag } from '../../domain/rule';

const parser = new XMLParser({
  ignoreDeclaration: true,
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  isArray: (name) => name === 'Tag',
});

/** Without tags the set is an empty element, which the parser gives as text. */
const document = z.object({
  Tagging: z.object({
    TagSet: z.union([
      z.string().transform(() => ({ Tag: [] })),
      z.object({ Tag: z.array(z.object({ Key: z.string(), Value: z.string() })) }),
    ]),
  }),
});

/** The tags of `GET ?tagging`, or `undefined` if it is another document, or none. */
export function parseTags(xml: string): readonly ObjectTag[] | undefined {
  const read = document.safeParse(parsed(xml));
  return read.success
    ? read.data.Tagging.TagSet.Tag.map(({ Key, Value }) => ({ key: Key, value: Value }))
    : undefined;
}

function parsed(xml: string): unknown {
  try {
    return parser.parse(xml);
  } catch {
    return undefined;
  }
}
