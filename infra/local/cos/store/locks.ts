/** Runs work on one name after the other, work on different names side by side. */
export type Locks = <Result>(name: string, work: () => Promise<Result>) => Promise<Result>;

export function createLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>();
  return async (name, work) => {
    const before = tails.get(name) ?? Promise.resolve();
    const run = before.then(work, work);
    const tail = run.catch(() => undefined);
    tails.set(name, tail);
    try {
      return await run;
    } finally {
      if (tails.get(name) === tail) tails.delete(name);
    }
  };
}

/** Lets many into a name together, or one alone. Nobody overtakes who waits to be alone. */
export interface Gates {
  readonly together: Locks;
  readonly alone: Locks;
}

export function createGates(): Gates {
  const inTurn = createLocks();
  const inside = new Map<string, Set<Promise<unknown>>>();
  return {
    async together(name, work) {
      // Entering takes a turn, staying does not.
      const { run } = await inTurn(name, () => {
        const run = work();
        const others = inside.get(name) ?? new Set();
        inside.set(name, others.add(run));
        const leave = (): void => {
          others.delete(run);
          if (others.size === 0 && inside.get(name) === others) inside.delete(name);
        };
        run.then(leave, leave);
        return Promise.resolve({ run });
      });
      return run;
    },
    alone: (name, work) =>
      inTurn(name, async () => {
        const others = inside.get(name);
        if (others) await Promise.allSettled(others);
        return work();
      }),
  };
}
