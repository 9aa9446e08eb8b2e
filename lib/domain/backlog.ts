import type { ReasonCode } from './error';
import type { EntryId } from './history';
import type { ReplicationRule } from './rule';

/** What replication has to say of one source entry and one rule, where it is not simply done. */
export type ReplicationStatus = 'PENDING' | 'COMPLETED' | 'FAILED';

/**
 * Work that is not done: PENDING is tried again by the timer, FAILED waits for somebody to act. Nothing is written
 * for what succeeds: absence is completion.
 */
export interface BacklogEntry {
  readonly ruleId: string;
  readonly sourceBucket: string;
  readonly sourceRegion: string;
  /** Where it could not be written: a rule's destination may be another one since. */
  readonly destinationBucket?: string;
  readonly key: string;
  /** The source entry that could not be written; absent when the key could not even be looked at. */
  readonly source?: EntryId;
  readonly status: 'PENDING' | 'FAILED';
  readonly code: ReasonCode;
  readonly retryable: boolean;
  readonly detail: string;
  readonly hint: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Of the rules that apply to the key of an entry by now, the one that brings it where it could not be written then. */
export function ruleOf(
  rules: readonly ReplicationRule[],
  { ruleId, destinationBucket }: BacklogEntry,
): ReplicationRule | undefined {
  return destinationBucket === undefined
    ? rules.find(({ id }) => id === ruleId)
    : rules.find(({ destination }) => destination.bucket === destinationBucket);
}

/** Of each source entry the latest attempt: while one is looked at again, the attempt before may stand beside it. */
export function latestAttempts(entries: readonly BacklogEntry[]): readonly BacklogEntry[] {
  const latest = new Map<string, BacklogEntry>();
  for (const entry of entries) {
    const name = JSON.stringify([entry.ruleId, entry.key, entry.source]);
    const known = latest.get(name);
    if (known === undefined || known.at <= entry.at) latest.set(name, entry);
  }
  return [...latest.values()];
}

export const backlogFolder = 'backlog/';

export function ruleBacklogFolder(sourceBucket: string, ruleId: string): string {
  return `${backlogFolder}${sourceBucket}/${encodeURIComponent(ruleId)}/`;
}

/** When the entry of this name was written, by its writer's clock, in milliseconds. */
export function backlogTime(name: string): number {
  const time = /\.([0-9a-z]+)-[^./]*(?:\.gap)?\.json$/.exec(name)?.[1];
  return time === undefined ? 0 : Number.parseInt(time, 36);
}

/** What a backlog entry is about. */
export type BacklogSubject = Pick<BacklogEntry, 'sourceBucket' | 'ruleId' | 'source' | 'destinationBucket'>;

/**
 * The name of one attempt's entry. Each attempt writes its own, so that whoever removes entries removes only those that it
 * has read or listed, never one that a later failure wrote meanwhile, however late the removal lands.
 */
export function backlogName(entry: BacklogEntry, keyDigest: string, attempt: string): string {
  const ending = entry.retryable ? '.json' : gapEnding;
  return `${subjectPrefix(entry, keyDigest)}${attempt}${ending}`;
}

/** What the names of all attempts begin with that are about the same. A rule may have left something at another destination. */
export function subjectPrefix(
  { sourceBucket, ruleId, source, destinationBucket }: BacklogSubject,
  keyDigest: string,
): string {
  const folder = `${ruleBacklogFolder(sourceBucket, ruleId)}${keyDigest}/`;
  return `${folder}${encodeURIComponent(source ?? 'key')}.${destinationBucket ?? ''}.`;
}

const gapEnding = '.gap.json';

/** Whether an entry of this name failed for good. */
export function isGapName(name: string): boolean {
  return name.endsWith(gapEnding);
}
