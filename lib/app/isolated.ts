import { asReplicationError, ReplicationError } from '../domain/error';
import type { Logger } from './ports';

interface IsolatedPorts {
  readonly log: Logger;
}

type Facts = Readonly<Record<string, unknown>>;

/** Does one part of a sweep or walk; a failure is told of and holds up no other part. */
export async function isolated(
  ports: IsolatedPorts,
  what: string,
  facts: Facts,
  work: () => Promise<unknown>,
): Promise<'done' | ReplicationError> {
  const answer = await attempted(ports, what, facts, work);
  return answer instanceof ReplicationError ? answer : 'done';
}

/** The same, for a part whose answer is asked for. */
export async function attempted<Answer>(
  { log }: IsolatedPorts,
  what: string,
  facts: Facts,
  work: () => Promise<Answer>,
): Promise<Answer | ReplicationError> {
  try {
    return await work();
  } catch (thrown) {
    const error = asReplicationError(thrown);
    const { code, message: detail, hint } = error;
    log.error(what, { ...facts, code, detail, hint });
    return error;
  }
}
