import { z } from 'zod';
import { ApiError } from './api-error';

/** With signature v1 every number is a text. */
export const wholeNumber = z.coerce.number().int();

/** Reads the parameters of an action. Fails as the API does, with the first problem and its path. */
export function readParams<Schema extends z.ZodType>(schema: Schema, params: unknown): z.output<Schema> {
  const read = schema.safeParse(params);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const name = issue?.path.join('.') ?? '';
  const isMissing =
    issue?.code === 'invalid_type' && issue.input === undefined && issue.message.includes('undefined');
  if (isMissing) throw new ApiError('MissingParameter', `The parameter ${name} is missing.`);
  throw new ApiError('InvalidParameterValue', `The parameter ${name} is not valid: ${issue?.message ?? ''}.`);
}
