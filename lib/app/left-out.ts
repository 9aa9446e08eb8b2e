import type { ReasonCode } from '../domain/error';
import { type EntryId, entryId, type HistoryEntry } from '../domain/history';
import type { BucketRef, ReplicationRule } from '../domain/rule';
import type { Clock } from './ports';

const hourMs = 3_600_000;

/**
 * Reasons that lie in the source entry itself, and how long they are remembered: whoever finds one has written nothing, and
 * finds it again the next time. What may pass is in the backlog, which the timer looks through.
 */
const keptMs: Partial<Record<ReasonCode, number>> = {
  IS_REPLICA: hourMs,
  APPEND_OBJECT: hourMs,
  OBJECT_ARCHIVED: hourMs,
  OBJECT_ENCRYPTED: hourMs,
  OBJECT_TOO_LARGE: hourMs,
  METADATA_UNREADABLE: hourMs,
  // Nothing tells of tags that are set later: as long as it takes to come through very many versions of one key.
  TAGS_DIFFER: 300_000,
};

/** Many upload first, and set tags then. */
const tagsSettleMs = 60_000;

/** Entries that are remembered at most: a few megabytes. */
const entriesMax = 50_000;

/** Which keys of which rule. */
export interface LeftOutOf {
  readonly source: BucketRef;
  readonly key: string;
  readonly rule: ReplicationRule;
}

/**
 * What a function has left out of late. No entry is above the newest copied one for long, but for those that are never
 * copied: without a memory, each look at a key would ask about all of them again, however many they are by now.
 */
export function createLeftOut(clock: Clock) {
  const until = new Map<string, number>();
  const nameOf = ({ source, key, rule }: LeftOutOf, entry: EntryId): string =>
    [source.bucket, rule.id, rule.updatedAt, entry, key].join('\n');
  return {
    has(of: LeftOutOf, entry: EntryId): boolean {
      return (until.get(nameOf(of, entry)) ?? 0) > clock.now();
    },
    add(of: LeftOutOf, entry: HistoryEntry, why: ReasonCode): void {
      const nowMs = clock.now();
      const forMs = keptMs[why];
      // What has no id is replaced in place.
      if (forMs === undefined || entry.versionId === 'null') return;
      if (why === 'TAGS_DIFFER' && nowMs - entry.lastModifiedMs < tagsSettleMs) return;
      const name = nameOf(of, entryId(entry));
      until.delete(name);
      until.set(name, nowMs + forMs);
      const [oldest] = until.keys();
      if (until.size > entriesMax && oldest !== undefined) until.delete(oldest);
    },
  };
}

export type LeftOut = ReturnType<typeof createLeftOut>;
