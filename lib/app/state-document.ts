import { reasons } from '../domain/error';
import type { Logger } from './ports';

type FieldTypes = Readonly<Record<string, 'string' | 'number' | 'boolean' | 'object'>>;

/**
 * A document of the state bucket that this product wrote, if it has these fields. A damaged one is told of by its name and
 * passed over: whoever reads many must not be stopped by one.
 */
export function parseDocument<Document>(
  log: Logger,
  name: string,
  body: string,
  fields: FieldTypes,
): Document | undefined {
  const document = parseJson(body);
  const sound =
    isRecord(document) && Object.entries(fields).every(([field, type]) => typeof document[field] === type);
  if (sound) return document as Document;
  const { hint } = reasons.STATE_UNREADABLE;
  log.error('state document unreadable', { code: 'STATE_UNREADABLE', name, hint });
  return undefined;
}

/** `undefined`: it is no JSON. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
