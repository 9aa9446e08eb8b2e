import type { ReasonCode } from '../domain/error';
import type { EntryId } from '../domain/history';
import type { BucketRef, ReplicationRule } from '../domain/rule';
import type { Clock } from './ports';

/** Reasons that lie in the source entry itself: whoever finds one has written nothing, and finds it again the next time. */
const lasting: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'IS_REPLICA',
  'TAGS_DIFFER',
  'APPEND_OBJECT',
  'OBJECT_ARCHIVED',
  'OBJECT_ENCRYPTED',
  'OBJECT_TOO_LARGE',
  'METADATA_UNREADABLE',
]);

/** What can change of it, as tags and archived versions do, is seen once this has passed, or by the timer. */
const keptMs = 3_600_000;

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
    add(of: LeftOutOf, entry: EntryId, why: ReasonCode): void {
      if (!lasting.has(why)) return;
      const name = nameOf(of, entry);
      until.delete(name);
      until.set(name, clock.now() + keptMs);
      const [oldest] = until.keys();
      if (until.size > entriesMax && oldest !== undefined) until.delete(oldest);
    },
  };
}

export type LeftOut = ReturnType<typeof createLeftOut>;
