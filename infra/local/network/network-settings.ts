import { z } from 'zod';
import { type ParsedDocument, parseDocument } from '../parsed-document';

/** A place at one end of a link: a region, `user` for whoever is no function, `*` for any. */
const place = z.string().min(1);

const networkSettings = z.strictObject({
  /** Both directions of a pair; the first that fits counts. Without one, no time passes. */
  links: z
    .array(
      z.strictObject({
        between: z.tuple([place, place]),
        /** Passes before a request is taken in, and once more before a region gets what it copies from another. */
        roundTripMs: z.number().min(0).max(60_000).default(0),
        /** Of uploads, downloads, and copies between two regions, which share it. */
        bytesPerSecond: z.number().min(1).optional(),
      }),
    )
    .default([]),
  /** Requests per second of one bucket, over which COS answers 503 SlowDown. */
  requestsPerSecond: z
    .strictObject({
      readWrite: z.number().min(1).optional(),
      list: z.number().min(1).optional(),
    })
    .default({}),
});

export type NetworkSettings = z.output<typeof networkSettings>;
export type NetworkLink = NetworkSettings['links'][number];

/** A network that takes no time, with COS's own limits of request rates. */
export const plainNetwork: NetworkSettings = { links: [], requestsPerSecond: {} };

export function parseNetworkSettings(value: unknown): ParsedDocument<NetworkSettings> {
  return parseDocument(networkSettings, value);
}

export function linkBetween(settings: NetworkSettings, one: string, other: string): NetworkLink | undefined {
  const fits = (pattern: string, at: string): boolean => pattern === '*' || pattern === at;
  return settings.links.find(
    ({ between: [a, b] }) => (fits(a, one) && fits(b, other)) || (fits(a, other) && fits(b, one)),
  );
}
