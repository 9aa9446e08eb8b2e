/** Whose keys sign: those that were handed to functions, of all others it is only known that they are a user's. */
export interface Callers {
  readonly note: (secretId: string, functionName: string) => void;
  /** A function's name, or `user`. */
  readonly of: (secretId: string) => string;
}

/** More than any host has handed out within the life of a key. */
const keysMax = 10_000;

export function createCallers(): Callers {
  const names = new Map<string, string>();
  return {
    note: (secretId, functionName) => {
      names.set(secretId, functionName);
      const [oldest] = names.keys();
      if (names.size > keysMax && oldest !== undefined) names.delete(oldest);
    },
    of: (secretId) => names.get(secretId) ?? 'user',
  };
}
