/** How often everything occurred that a run must exercise, by name: `fault late`, `reason KEY_BUSY`. */
export interface Tally {
  count(name: string, times?: number): void;
  readonly counts: ReadonlyMap<string, number>;
}

export function createTally(): Tally {
  const counts = new Map<string, number>();
  return {
    counts,
    count(name, times = 1) {
      counts.set(name, (counts.get(name) ?? 0) + times);
    },
  };
}
