import { asReplicationError, type ReplicationError } from '../domain/error';
import type { Logger } from './ports';

/** Does one part of a sweep or walk; a failure is told of and holds up no other part. */
export async function isolated(
  { log }: { readonly log: Logger },
  what: string,
  facts: Readonly<Record<string, unknown>>,
  work: () => Promise<unknown>,
): Promise<'done' | ReplicationError> {
  try {
    await work();
    return 'done';
  } catch (thrown) {
    const error = asReplicationError(thrown);
    const { code, message: detail, hint } = error;
    log.error(what, { ...facts, code, detail, hint });
    return error;
  }
}
