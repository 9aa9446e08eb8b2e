import { type HistoryWindow, entryId } from './history';
import { type Digest, type Mark, markOf } from './mark';

/**
 * On what a write to a destination was planned: what was newest there, and how many entries the same plan had put on
 * it before. If a replica lies that far above it, nobody wrote in between, and all that is below was known to its plan.
 */
export interface Base {
  /** `undefined`: there was nothing. */
  readonly top: Mark | undefined;
  readonly above: number;
}

/** Letters, digits and `_`. */
export function encodeBase({ top, above }: Base): string {
  return `${above.toString(36)}_${top ?? ''}`;
}

export function decodeBase(text: string): Base | undefined {
  const [, above, top] = /^([0-9a-z]{1,8})_([0-9a-f]*)$/.exec(text) ?? [];
  if (above === undefined) return undefined;
  return { top: top || undefined, above: Number.parseInt(above, 36) };
}

/** Whether the entry at a place of a history lies on its base; `older`: what was read of it does not reach that far. */
export function liesOn(base: Base, place: number, history: HistoryWindow, digest: Digest): boolean | 'older' {
  const under = place - 1 - base.above;
  const entry = history.entries[under];
  if (entry !== undefined) return base.top === markOf(entryId(entry), digest);
  if (!history.complete) return 'older';
  return under === -1 && base.top === undefined;
}
