/** Values by prefix, of which those of the longest that a text has are found in as many steps as there are lengths. */
export function createPrefixMap<Value>(entries: Iterable<readonly [string, Value]> = []) {
  const byPrefix = new Map<string, Value[]>();
  const lengths = new Set<number>();
  const add = (prefix: string, value: Value): void => {
    const known = byPrefix.get(prefix);
    if (known) known.push(value);
    else byPrefix.set(prefix, [value]);
    lengths.add(prefix.length);
  };
  for (const [prefix, value] of entries) add(prefix, value);
  return {
    add,
    at(text: string): readonly Value[] {
      let longest = -1;
      for (const length of lengths) {
        if (length > longest && length <= text.length && byPrefix.has(text.slice(0, length)))
          longest = length;
      }
      return longest < 0 ? [] : (byPrefix.get(text.slice(0, longest)) ?? []);
    },
  };
}
