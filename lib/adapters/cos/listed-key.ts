/**
 * A key of a list that was asked for with `encoding-type=url`. What is no such encoding stands as it is: one odd key
 * must not keep all others of its page from being read.
 */
export function listedKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
