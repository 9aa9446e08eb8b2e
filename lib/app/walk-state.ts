import { ReplicationError } from '../domain/error';
import type { ReplicationRule } from '../domain/rule';
import type { StateStore } from './ports';
import type { ReplicationSettings } from './settings';

/** How far the walks of a region have come. */
export interface WalkState {
  /** How far the records of delete markers were looked through. */
  readonly records?: RecordsState;
  /** The last walk that came to its end; absent: none has. */
  readonly compared?: WalkBegin;
  /** Where the walk stopped that is under way. */
  readonly stopped?: WalkBegin & {
    readonly bucket: string;
    readonly rule: string;
    readonly prefix: string;
    readonly afterKey?: string;
  };
}

/** A walk as it began. */
export interface WalkBegin {
  readonly began: string;
  /** For each rule, by its bucket and id, the times from which its coverage then counted. */
  readonly sinces: Readonly<Record<string, readonly number[]>>;
}

export interface RecordsState {
  /** When the last look through all of them ended, or the first walk. */
  readonly sweptAt: string;
  /** Where the look stopped that is under way. */
  readonly stopped?: { readonly bucket: string; readonly after?: string };
}

const walkStateName = (region: string): string => `jobs/reconcile/${region}.json`;

export async function readWalkState(state: StateStore, region: string): Promise<WalkState> {
  const name = walkStateName(region);
  const body = await state.get(name);
  if (body === undefined) return {};
  const walked = JSON.parse(body) as WalkState;
  const { compared, stopped, records } = walked;
  const begins = [compared, stopped].filter((begin) => begin !== undefined);
  const times = [...begins.map(({ began }) => began), records?.sweptAt].filter((time) => time !== undefined);
  const sound =
    times.every((time) => Number.isFinite(Date.parse(time))) &&
    begins.every(({ sinces }) => typeof sinces === 'object') &&
    (stopped === undefined ||
      [stopped.bucket, stopped.rule, stopped.prefix].every((name) => typeof name === 'string'));
  if (sound) return walked;
  throw new ReplicationError('RULES_UNREADABLE', `${name} does not tell how far a walk came; delete it`);
}

export async function writeWalkState(state: StateStore, region: string, walked: WalkState): Promise<void> {
  await state.put(walkStateName(region), JSON.stringify(walked));
}

export const ruleName = (bucket: string, rule: ReplicationRule): string => `${bucket}/${rule.id}`;

/** The times, in seconds, from which parts of a rule's coverage count. */
export function sincesOf({ coverage }: ReplicationRule): readonly number[] {
  const times = coverage.flatMap(({ since, markersSince }) => [since, markersSince]);
  return [...new Set(times.filter((time) => time !== undefined))].sort((a, b) => a - b);
}

/**
 * Entries of a rule from before this were compared by a walk that ended. What a part of the coverage brought of which
 * that walk had not heard was not, however old it is: a change of rules may take its time to be written.
 */
export function comparedBeforeMs(
  bucket: string,
  rule: ReplicationRule,
  compared: WalkBegin | undefined,
  { listingBelievedAfterMs, clockToleranceMs }: ReplicationSettings,
): number {
  if (compared === undefined) return -Infinity;
  const walked = compared.sinces[ruleName(bucket, rule)] ?? [];
  const unwalked = sincesOf(rule).filter((since) => !walked.includes(since));
  const shownMs = Date.parse(compared.began) - listingBelievedAfterMs - clockToleranceMs - 1000;
  return Math.min(shownMs, ...unwalked.map((since) => since * 1000));
}
