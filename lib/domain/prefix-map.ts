/** Values by prefix. Those that a text has are found in as many steps as there are lengths, however many prefixes. */
export interface PrefixMap<Value> {
  add(prefix: string, value: Value): void;
  /** Of every prefix that a text has. */
  all(text: string): readonly Value[];
  /** Of the longest prefix that a text has. */
  longest(text: string): readonly Value[];
}

export function createPrefixMap<Value>(entries: Iterable<readonly [string, Value]> = []): PrefixMap<Value> {
  const byPrefix = new Map<string, Value[]>();
  const lengths = new Set<number>();
  const add = (prefix: string, value: Value): void => {
    const known = byPrefix.get(prefix);
    if (known) known.push(value);
    else byPrefix.set(prefix, [value]);
    lengths.add(prefix.length);
  };
  for (const [prefix, value] of entries) add(prefix, value);
  const ofLength = (text: string, length: number): readonly Value[] | undefined =>
    length > text.length ? undefined : byPrefix.get(text.slice(0, length));
  return {
    add,
    all: (text) => [...lengths].flatMap((length) => ofLength(text, length) ?? []),
    longest(text) {
      let [longest, found]: [number, readonly Value[]] = [-1, []];
      for (const length of lengths) {
        const values = length > longest ? ofLength(text, length) : undefined;
        if (values) [longest, found] = [length, values];
      }
      return found;
    },
  };
}
