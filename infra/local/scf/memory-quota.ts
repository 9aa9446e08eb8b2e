/** The memory that all functions of an account may use at once. Whoever is refused is told when some is free again. */
export interface MemoryQuota {
  readonly has: (megabytes: number) => boolean;
  readonly take: (megabytes: number) => boolean;
  readonly release: (megabytes: number) => void;
  readonly onRelease: (listener: () => void) => void;
}

export function createMemoryQuota(megabytesMax: number): MemoryQuota {
  const listeners: (() => void)[] = [];
  let used = 0;
  const has = (megabytes: number): boolean => used + megabytes <= megabytesMax;
  return {
    has,
    take: (megabytes) => {
      if (!has(megabytes)) return false;
      used += megabytes;
      return true;
    },
    release: (megabytes) => {
      used -= megabytes;
      for (const listener of listeners) listener();
    },
    onRelease: (listener) => void listeners.push(listener),
  };
}
