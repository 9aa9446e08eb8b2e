import { faultKinds } from './faults';
import { operationsMax } from './operations';
import { runSeed } from './run-seed';
import type { RunOptions } from './scenario';

/** Leaves out what a failure does not need: kinds of faults, then operations. Returns the names of what is left out. */
export async function shrink(options: RunOptions, checker: string): Promise<ReadonlySet<string>> {
  const parts = [
    'idOrder',
    'clockSkew',
    ...faultKinds,
    ...Array.from({ length: operationsMax }, (_, place) => `operation${place}`),
  ];
  let without = options.without;
  for (const part of [...parts, ...parts.toReversed()]) {
    if (without.has(part)) continue;
    const less = new Set([...without, part]);
    const { failure } = await runSeed({ ...options, trace: false, without: less });
    if (failure?.checker === checker) without = less;
  }
  return without;
}
