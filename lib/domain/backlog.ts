import type { ReasonCode } from './error';
import type { EntryId } from './history';

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

/** When the attempt of this name was, by its writer's clock, in milliseconds. The name of a gap tells no time. */
export function attemptMs(name: string): number | undefined {
  const time = /\.([0-9a-z]+)-[^./]*\.json$/.exec(name)?.[1];
  return time === undefined ? undefined : Number.parseInt(time, 36);
}

/** What a backlog entry is about. */
export type BacklogSubject = Pick<BacklogEntry, 'sourceBucket' | 'ruleId' | 'source'>;

/**
 * The name of one attempt's entry. Each attempt writes its own, so that whoever settles a key removes only entries
 * that were read before the look, never one that a later failure wrote meanwhile.
 */
export function pendingName(subject: BacklogSubject, keyDigest: string, attempt: string): string {
  return `${subjectName(subject, keyDigest)}.${attempt}.json`;
}

const gapEnding = '.gap.json';

/** The name of what failed for good: one for each source entry, however often it is tried. */
export function gapName(subject: BacklogSubject, keyDigest: string): string {
  return `${subjectName(subject, keyDigest)}${gapEnding}`;
}

export function isGapName(name: string): boolean {
  return name.endsWith(gapEnding);
}

function subjectName({ sourceBucket, ruleId, source }: BacklogSubject, keyDigest: string): string {
  return `${ruleBacklogFolder(sourceBucket, ruleId)}${keyDigest}/${encodeURIComponent(source ?? 'key')}`;
}
