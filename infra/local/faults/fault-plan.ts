import { z } from 'zod';
import { type ParsedDocument, parseDocument } from '../parsed-document';

/**
 * What goes wrong, and how often. A plan names a seed; together with the order of the matching requests or events it
 * decides everything, so that what it found can be had again.
 */
const match = z
  .strictObject({
    /** Of `RequestFacts.operation`; a `*` at the end stands for any rest. */
    operations: z.array(z.string().min(1)).min(1),
    bucket: z.string(),
    region: z.string(),
    keyPrefix: z.string(),
    /** `user`, `function` for any, or a function's name. */
    caller: z.string(),
  })
  .partial();

const often = {
  name: z.string().min(1).max(100).optional(),
  /** Of each match, independently of the others. */
  probability: z.number().min(0).max(1).default(1),
  /** So many matches are passed over first. */
  skip: z.int().min(0).default(0),
  /** It happens so many times at most. */
  times: z.int().min(1).optional(),
};

/** Whether the request has its effect before what is answered goes wrong. */
const when = z.enum(['beforeEffect', 'afterEffect']).default('beforeEffect');
const holdMsMax = 900_000;

const requestFault = z.discriminatedUnion('kind', [
  /** The connection breaks. After the effect it is a reply that is lost. */
  z.strictObject({ kind: z.literal('reset'), when }),
  /** Nothing is answered until the client gives up, or this time has passed. */
  z.strictObject({ kind: z.literal('silence'), when, holdMs: z.int().min(0).max(holdMsMax).default(60_000) }),
  /** An error of COS, or without a request id one of something on the way to it. */
  z.strictObject({
    kind: z.literal('error'),
    when,
    status: z.int().min(400).max(599),
    code: z.string().min(1),
    requestId: z.boolean().default(true),
  }),
  /** Status 200, and an error in the body: documented for copies and CompleteMultipartUpload. */
  z.strictObject({ kind: z.literal('errorInside200'), when, code: z.string().min(1) }),
  /** A listing that lags behind by this. */
  z.strictObject({ kind: z.literal('staleListing'), lagMs: z.int().min(1) }),
  /** Two creators both succeed. */
  z.strictObject({ kind: z.literal('forbidOverwriteIgnored') }),
]);

const eventFault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('lost') }),
  z.strictObject({ kind: z.literal('doubled'), delayMs: z.int().min(0).default(0) }),
  /** Newer events overtake it. */
  z.strictObject({ kind: z.literal('delayed'), delayMs: z.int().min(1) }),
]);

const faultPlan = z.strictObject({
  seed: z.union([z.string(), z.number()]).transform(String).default('1'),
  requests: z.array(z.strictObject({ match: match.default({}), ...often, fault: requestFault })).default([]),
  events: z
    .array(
      z.strictObject({
        match: match.omit({ operations: true, caller: true }).default({}),
        ...often,
        fault: eventFault,
      }),
    )
    .default([]),
});

export type FaultPlan = z.output<typeof faultPlan>;
export type RequestFault = z.output<typeof requestFault>;
export type EventFault = z.output<typeof eventFault>;
export type FaultMatch = z.output<typeof match>;

export const noFaults: FaultPlan = { seed: '1', requests: [], events: [] };

export function parseFaultPlan(value: unknown): ParsedDocument<FaultPlan> {
  return parseDocument(faultPlan, value);
}
