import { z } from 'zod';

/** A document that was read from a file or a request, or every problem of it in one text, each with its path. */
export type ParsedDocument<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problems: string };

export function parseDocument<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): ParsedDocument<z.output<Schema>> {
  const read = schema.safeParse(value);
  return read.success ? { ok: true, value: read.data } : { ok: false, problems: z.prettifyError(read.error) };
}
