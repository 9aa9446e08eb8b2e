import { createHmac, timingSafeEqual } from 'node:crypto';

export type Role = 'read' | 'write';

export interface Credential {
  readonly id: string;
  readonly role: Role;
}

/** `<name>.<role>.<generation>`; a new generation is a new secret. */
const idPattern = /^[A-Za-z0-9-]{1,64}\.(read|write)\.(\d{1,6})$/;

/**
 * The secret of a credential. It follows from the master secret and the id, so nothing is stored, and whoever does
 * not know the master secret cannot make one.
 */
export function deriveSecret(masterSecret: string, id: string): string {
  return createHmac('sha256', masterSecret)
    .update(`cos-serverless-replication/credential/${id}`)
    .digest('base64url');
}

/** Reads `Bearer <id>:<secret>`. `undefined`: no credential of ours. Takes the same time for every wrong secret. */
export function authenticate(
  masterSecret: string,
  generationMin: number,
  authorization: string | undefined,
): Credential | undefined {
  const [, id, secret] = /^Bearer ([^:\s]{1,128}):(\S{1,256})$/i.exec(authorization ?? '') ?? [];
  if (id === undefined || secret === undefined) return undefined;
  const [, role, generation] = idPattern.exec(id) ?? [];
  const known = role !== undefined && Number(generation) >= generationMin;
  const expected = createHmac('sha256', 'compare').update(deriveSecret(masterSecret, id)).digest();
  const given = createHmac('sha256', 'compare').update(secret).digest();
  return timingSafeEqual(expected, given) && known ? { id, role: role as Role } : undefined;
}
