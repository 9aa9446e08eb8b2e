import type { Tally } from './tally';

/** A seed in whose end the checkers find hardly anything to look at. */
export const nothingToCheck = 'seed with nothing to check';

/** Entries that must have arrived, or have a reason told. */
const entriesMin = 5;
const checkedStates = ['copied', 'gap', 'stood in for'];

/** Counts a seed whose rules cover next to nothing of what was written: whatever it has passed, it proves little. */
export function countNothingToCheck(tally: Tally): void {
  const checked = checkedStates.reduce((sum, state) => sum + (tally.counts.get(`entry ${state}`) ?? 0), 0);
  if (checked < entriesMin) tally.count(nothingToCheck);
}
