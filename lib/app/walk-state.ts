import type { ReplicationRule } from '../domain/rule';
import type { Logger, StateStore } from './ports';
import { listedForSureMs, type ReplicationSettings } from './settings';
import { parseDocument } from './state-document';

/** How far the runs of a region's timer have come. */
export interface WalkState {
  /** How far the backlog was looked through. */
  readonly backlog?: BacklogState;
  /** How far the records of delete markers were looked through. */
  readonly records?: RecordsState;
  /** The last walk that came to its end; absent: none has. */
  readonly compared?: WalkBegin;
  /** Where walks of one prefix go on that could not come to their ends, by their ids. */
  readonly brokenOff?: Readonly<Record<string, BrokenOff>>;
  /** Where the walk stopped that is under way. */
  readonly stopped?: WalkBegin & {
    readonly bucket: string;
    readonly rule: string;
    readonly prefix: string;
    readonly afterKey?: string;
    /** By rule, what stood for its coverage when the walk began. */
    readonly coverages: Readonly<Record<string, string>>;
  };
}

/** A walk as it began. */
export interface WalkBegin {
  readonly began: string;
  /**
   * For each rule, by its bucket and id, the times from which its coverage then counted; none of a rule that could not be
   * walked as a whole.
   */
  readonly sinces: Readonly<Record<string, readonly number[]>>;
}

export interface BrokenOff {
  readonly afterKey: string;
  /** How often in a row it broke off there. */
  readonly times: number;
}

export interface BacklogState {
  /** The entry after which the next run goes on; absent: it begins anew. */
  readonly after?: string;
  /** When the present look through all of it began, and the one before it. */
  readonly began: string;
  readonly lastBegan?: string;
}

export interface RecordsState {
  /** When the last look through all of them ended, or the first walk. */
  readonly sweptAt: string;
  /** Where the look stopped that is under way. */
  readonly stopped?: { readonly bucket: string; readonly after?: string };
}

const walkStateName = (region: string): string => `jobs/reconcile/${region}.json`;

interface WalkStatePorts {
  readonly state: StateStore;
  readonly log: Logger;
  readonly region: string;
}

/** What is damaged is begun anew: that costs looks, and loses nothing. */
export async function readWalkState({ state, log, region }: WalkStatePorts): Promise<WalkState> {
  const name = walkStateName(region);
  const body = await state.get(name);
  if (body === undefined) return {};
  const { backlog, compared, stopped, records, brokenOff } =
    parseDocument<Partial<WalkState>>(log, name, body, {}) ?? {};
  return {
    ...(isBacklog(backlog) ? { backlog } : {}),
    ...(isBegin(compared) ? { compared } : {}),
    ...(isBegin(stopped) && isPlace(stopped) ? { stopped } : {}),
    ...(isPlaces(brokenOff) ? { brokenOff } : {}),
    ...(isTime(records?.sweptAt) ? { records: records as RecordsState } : {}),
  };
}

function isBegin(begin: WalkBegin | undefined): begin is WalkBegin {
  return isTime(begin?.began) && typeof begin?.sinces === 'object' && begin.sinces !== null;
}

function isPlace({ bucket, rule, prefix, coverages }: NonNullable<WalkState['stopped']>): boolean {
  return (
    [bucket, rule, prefix].every((name) => typeof name === 'string') &&
    typeof coverages === 'object' &&
    coverages !== null
  );
}

function isBacklog(backlog: BacklogState | undefined): backlog is BacklogState {
  const { after = '', began, lastBegan = began } = backlog ?? {};
  return typeof after === 'string' && isTime(began) && isTime(lastBegan);
}

function isPlaces(places: WalkState['brokenOff']): places is NonNullable<WalkState['brokenOff']> {
  return (
    typeof places === 'object' &&
    places !== null &&
    Object.values(places).every((place) => typeof place?.afterKey === 'string' && place.times > 0)
  );
}

function isTime(time: string | undefined): boolean {
  return time !== undefined && Number.isFinite(Date.parse(time));
}

export async function writeWalkState({ state, region }: WalkStatePorts, walked: WalkState): Promise<void> {
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
  settings: ReplicationSettings,
): number {
  if (compared === undefined) return -Infinity;
  const walked = compared.sinces[ruleName(bucket, rule)] ?? [];
  const unwalked = sincesOf(rule).filter((since) => !walked.includes(since));
  const shownMs = Date.parse(compared.began) - listedForSureMs(settings);
  return Math.min(shownMs, ...unwalked.map((since) => since * 1000));
}
