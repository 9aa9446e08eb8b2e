import { z } from 'zod';
import { parseDocument } from './xml';

/** Cross-origin rules of a bucket. Source: https://www.tencentcloud.com/document/product/436/8279 */
const method = z.enum(['GET', 'PUT', 'POST', 'DELETE', 'HEAD']);
const corsRule = z.object({
  AllowedOrigin: z.array(z.string()).min(1),
  AllowedMethod: z.array(method).min(1),
  AllowedHeader: z.array(z.string()).default([]),
  ExposeHeader: z.array(z.string()).default([]),
  MaxAgeSeconds: z.string().regex(/^\d+$/).optional(),
});
const rulesMax = 100;
const corsDocument = z.object({
  CORSConfiguration: z.object({ CORSRule: z.array(corsRule).max(rulesMax) }),
});

export type CorsRule = z.output<typeof corsRule>;

/** `undefined`: it is no such document. */
export function parseCorsRules(xml: string): readonly CorsRule[] | undefined {
  const lists = ['CORSRule', 'AllowedOrigin', 'AllowedMethod', 'AllowedHeader', 'ExposeHeader'];
  const parsed = corsDocument.safeParse(parseDocument(xml, lists));
  return parsed.success ? parsed.data.CORSConfiguration.CORSRule : undefined;
}

/** What a browser asks for: of a preflight, the method and headers that are to come. */
export interface CorsRequest {
  readonly origin: string;
  readonly method: string;
  /** Lower case. */
  readonly headers: readonly string[];
}

/** The headers of the first rule that fits; `undefined`: none does. */
export function corsHeaders(
  rules: readonly CorsRule[],
  request: CorsRequest,
): Readonly<Record<string, string>> | undefined {
  const rule = rules.find(
    (each) =>
      each.AllowedOrigin.some((origin) => fits(origin, request.origin)) &&
      (each.AllowedMethod as readonly string[]).includes(request.method) &&
      request.headers.every((name) =>
        each.AllowedHeader.some((allowed) => fits(allowed.toLowerCase(), name)),
      ),
  );
  if (!rule) return undefined;
  const any = rule.AllowedOrigin.includes('*');
  return {
    'Access-Control-Allow-Origin': any ? '*' : request.origin,
    // As in the samples: only with an origin that is named.
    ...(any ? {} : { 'Access-Control-Allow-Credentials': 'true' }),
    'Access-Control-Allow-Methods': rule.AllowedMethod.join(','),
    ...(request.headers.length === 0 ? {} : { 'Access-Control-Allow-Headers': request.headers.join(',') }),
    ...(rule.ExposeHeader.length === 0
      ? {}
      : { 'Access-Control-Expose-Headers': rule.ExposeHeader.join(',') }),
    ...(rule.MaxAgeSeconds === undefined ? {} : { 'Access-Control-Max-Age': rule.MaxAgeSeconds }),
    Vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  };
}

/** A `*` stands for any text. */
function fits(pattern: string, text: string): boolean {
  const [start = '', end] = pattern.split('*');
  if (end === undefined) return pattern === text;
  return text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
}
