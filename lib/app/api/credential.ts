import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  parseSignature,
  rawSignature,
  sameText,
  signatureOf,
  type SignedRequest,
  timesOf,
} from './cos-signature';

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
  const known = credentialOf(id, generationMin);
  const expected = createHmac('sha256', 'compare').update(deriveSecret(masterSecret, id)).digest();
  const given = createHmac('sha256', 'compare').update(secret).digest();
  return timingSafeEqual(expected, given) ? known : undefined;
}

export type SignatureCheck =
  | { readonly ok: true; readonly credential: Credential }
  | { readonly ok: false; readonly code: SignatureFailure; readonly message: string };

export type SignatureFailure =
  'AccessDenied' | 'InvalidAccessKeyId' | 'SignatureDoesNotMatch' | 'RequestTimeTooSkewed';

/**
 * Whether a request was signed as COS signs, with a credential of ours as SecretId and SecretKey. `paths`: those that it
 * may have been signed with.
 */
export function verifySignature(
  masterSecret: string,
  generationMin: number,
  request: SignedRequest,
  paths: readonly string[],
  nowMs: number,
): SignatureCheck {
  const refused = (code: SignatureFailure, message: string) => ({ ok: false, code, message }) as const;
  const header = request.headers['authorization'];
  if (header === undefined)
    return refused('AccessDenied', 'Sign the request as COS signs, with an API credential.');
  const fields = parseSignature(rawSignature(header));
  if ('wrong' in fields) return refused('SignatureDoesNotMatch', fields.wrong);
  const credential = credentialOf(fields.secretId, generationMin);
  const secret = deriveSecret(masterSecret, fields.secretId.slice(0, 128));
  const signed = paths.map((path) =>
    sameText(signatureOf({ ...request, path }, fields, secret), fields.signature),
  );
  if (!credential)
    return refused('InvalidAccessKeyId', 'The SecretId is no API credential of this deployment.');
  if (!signed.includes(true))
    return refused('SignatureDoesNotMatch', 'The signature is not that of this request.');
  switch (timesOf(fields, nowMs)) {
    case 'skewed':
      return refused('RequestTimeTooSkewed', 'The signature begins in the future; set the clock.');
    case 'expired':
      return refused('AccessDenied', 'The signature has expired; sign the request anew.');
    case 'valid':
      return { ok: true, credential };
  }
}

function credentialOf(id: string, generationMin: number): Credential | undefined {
  const [, role, generation] = idPattern.exec(id) ?? [];
  return role !== undefined && Number(generation) >= generationMin ? { id, role: role as Role } : undefined;
}
