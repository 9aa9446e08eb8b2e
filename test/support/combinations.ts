/** A factor's name and its values. */
export type Factors = Readonly<Record<string, readonly unknown[]>>;

type Choice<F extends Factors> = { readonly [Name in keyof F]: F[Name][number] };

/** Every combination of one value of each factor. */
export function allCombinations<F extends Factors>(factors: F): readonly Choice<F>[] {
  let rows: Record<string, unknown>[] = [{}];
  for (const [name, values] of Object.entries(factors))
    rows = rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value })));
  return rows as Choice<F>[];
}

/** So few of them that every two values of different factors still meet: whichever row meets most new pairs is next. */
export function pairwise<F extends Factors>(factors: F): readonly Choice<F>[] {
  const all = allCombinations(factors);
  const open = new Set(all.flatMap(pairsOf));
  const chosen: Choice<F>[] = [];
  while (open.size > 0) {
    const gain = (row: Choice<F>): number => pairsOf(row).filter((pair) => open.has(pair)).length;
    const best = all.reduce((one, other) => (gain(other) > gain(one) ? other : one));
    for (const pair of pairsOf(best)) open.delete(pair);
    chosen.push(best);
  }
  return chosen;
}

function pairsOf(row: Readonly<Record<string, unknown>>): readonly string[] {
  const cells = Object.entries(row).map(([name, value]) => `${name}=${String(value)}`);
  return cells.flatMap((one, place) => cells.slice(place + 1).map((other) => `${one} ${other}`));
}
