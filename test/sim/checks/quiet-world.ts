import type { Verdict } from '../failure';
import type { RuleBooks } from '../rule-books';
import type { World } from '../world';
import { checkAllArrived } from './arrival-check';
import { checkCurrent } from './current-check';
import { checkOrder } from './order-check';

/** When the world is quiet: nothing lost, the newest on top, everything in order. */
export function checkQuietWorld(
  world: World,
  books: RuleBooks,
  keys: readonly string[],
  verdict: Verdict,
): void {
  checkAllArrived(world, books, keys, verdict);
  checkCurrent(world, books, keys, verdict);
  checkOrder(world, books, keys, verdict);
}
