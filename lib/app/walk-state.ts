import { ReplicationError } from '../domain/error';
import type { StateStore } from './ports';

/** How far the walks of a region have come. */
export interface WalkState {
  /** How far the records of delete markers were looked through. */
  readonly records?: RecordsState;
  /** When the last walk that came to its end had begun; absent: none has. */
  readonly comparedAt?: string;
  /** Where the walk stopped that is under way. */
  readonly stopped?: {
    /** When it began. */
    readonly began: string;
    readonly bucket: string;
    readonly rule: string;
    readonly prefix: string;
    readonly afterKey?: string;
  };
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
  const { comparedAt, stopped, records } = walked;
  const times = [comparedAt, stopped?.began, records?.sweptAt].filter((time) => time !== undefined);
  const sound =
    times.every((time) => Number.isFinite(Date.parse(time))) &&
    (stopped === undefined ||
      [stopped.bucket, stopped.rule, stopped.prefix].every((name) => typeof name === 'string'));
  if (sound) return walked;
  throw new ReplicationError('RULES_UNREADABLE', `${name} does not tell how far a walk came; delete it`);
}

export async function writeWalkState(state: StateStore, region: string, walked: WalkState): Promise<void> {
  await state.put(walkStateName(region), JSON.stringify(walked));
}
