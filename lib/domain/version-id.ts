/**
 * COS version ids, as far as they can be read.
 *
 * Every published sample decodes as base64 of the decimal number 2^64 - t, with t in microseconds since the
 * Unix epoch; the documents promise only that ids are unique. So the decoder may fail, and nothing but times
 * and the place of an entry that its bucket no longer lists is ever taken from an id.
 */
const idPattern = /^[A-Za-z0-9]{27}$/;
const decimalPattern = /^\d{20}$/;

/** Microseconds since the Unix epoch that a version id carries, or `undefined` if it has another form. */
export function versionIdMicros(versionId: string): bigint | undefined {
  if (!idPattern.test(versionId)) return undefined;
  const decimal = atob(versionId);
  if (!decimalPattern.test(decimal)) return undefined;
  const micros = 2n ** 64n - BigInt(decimal);
  return micros > 0n ? micros : undefined;
}

/** The inverse: the id of a version written at this moment. The local stores mint theirs with it. */
export function versionIdAt(micros: bigint): string {
  const decimal = (2n ** 64n - micros).toString().padStart(20, '0');
  return btoa(decimal).replace(/=+$/, '');
}
