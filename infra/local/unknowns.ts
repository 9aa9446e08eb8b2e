import { z } from 'zod';
import { type ParsedDocument, parseDocument } from './parsed-document';

/**
 * What nobody has published of the real service. Each is a choice here, so that it can be shown that the product works
 * whichever way it turns out; the first of each is the default.
 */
export const unknownChoices = {
  /** Whether `vid` of an event holds the version id. Every published sample has it empty. */
  eventVid: ['filled', 'empty'],
  /** Whether an event names its own type or the pattern of the trigger, as the published sample does. */
  eventName: ['concrete', 'asConfigured'],
  /** Whether the object's key stands in `key` as it is, or percent-encoded as in `url`. */
  eventKey: ['raw', 'encoded'],
  /** Whether regions in an event are `ap-chengdu`, or `cd` as in the published sample. */
  eventRegion: ['full', 'short'],
  /** Whether a version id, and so a version's place, is from the end of its write or from the start. */
  versionIdFrom: ['end', 'start'],
  /** Whether a 404 for a delete marker says so in its headers. */
  markerNotFound: ['plain', 'withHeaders'],
} as const;

const unknowns = z.strictObject({
  eventVid: z.enum(unknownChoices.eventVid).default('filled'),
  eventName: z.enum(unknownChoices.eventName).default('concrete'),
  eventKey: z.enum(unknownChoices.eventKey).default('raw'),
  eventRegion: z.enum(unknownChoices.eventRegion).default('full'),
  versionIdFrom: z.enum(unknownChoices.versionIdFrom).default('end'),
  markerNotFound: z.enum(unknownChoices.markerNotFound).default('plain'),
});

export type Unknowns = z.output<typeof unknowns>;

export const defaultUnknowns: Unknowns = unknowns.parse({});

export function parseUnknowns(value: unknown): ParsedDocument<Unknowns> {
  return parseDocument(unknowns, value);
}
