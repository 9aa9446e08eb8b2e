/** What the command line asks for. */
export interface Options {
  /** One that is named, or so many from it on. */
  readonly seeds: readonly string[];
  readonly leases: 'on' | 'off' | 'flaky';
  readonly without: ReadonlySet<string>;
  readonly trace: boolean;
  /** Show a failure's shortest trace. */
  readonly shrink: boolean;
  /** Stop at the first seed that fails. */
  readonly firstFailure: boolean;
  /** So many runs of the workload of one hot key, and nothing else. */
  readonly hotKeyRuns: number;
  readonly counts: 'full' | 'json' | 'none';
}

export function readOptions(words: readonly string[]): Options {
  const value = (name: string): string | undefined => {
    const place = words.indexOf(`--${name}`);
    return place < 0 ? undefined : words[place + 1];
  };
  const seed = value('seed');
  const first = Number(value('from') ?? seed ?? 1);
  const count = value('seeds');
  const leases = value('leases') ?? 'on';
  if (leases !== 'on' && leases !== 'off' && leases !== 'flaky') throw new Error('--leases on|off|flaky');
  return {
    seeds:
      seed !== undefined && count === undefined
        ? [seed]
        : Array.from({ length: Number(count ?? 1) }, (_, place) => `${first + place}`),
    leases,
    without: new Set((value('without') ?? '').split(',').filter(Boolean)),
    trace: words.includes('--trace'),
    shrink: words.includes('--shrink'),
    hotKeyRuns: words.includes('--hot-key') ? Number(value('runs') ?? 20) : 0,
    firstFailure: words.includes('--first-failure'),
    counts: words.includes('--json') ? 'json' : words.includes('--first-failure') ? 'none' : 'full',
  };
}
