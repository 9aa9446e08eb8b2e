import type { ReplicationError } from '../domain/error';
import type { EntryId } from '../domain/history';
import type { ReplicationRule } from '../domain/rule';
import type { Lease } from './lease';

/** What became of one key and rule. Nothing failed: everything eligible stands at the destination. */
export interface RuleOutcome {
  readonly rule: ReplicationRule;
  /** Versions and markers written. */
  readonly written: number;
  /** Entries that were left out: gaps, which somebody must act on, and what is not eligible by design. */
  readonly left: readonly EntryFailure[];
  /** Why the key is not done yet; it must be looked at again. */
  readonly pending: EntryFailure | undefined;
  /** Another worker has the key, and looks again after it. */
  readonly leftToHolder: boolean;
}

export interface EntryFailure {
  /** `undefined`: the key as a whole. */
  readonly source: EntryId | undefined;
  readonly error: ReplicationError;
}

/** What one rule has come to so far, round by round. */
export type Progress = ReturnType<typeof createProgress>;

export function createProgress(rule: ReplicationRule) {
  const left = new Map<EntryId, EntryFailure>();
  let pending: EntryFailure | undefined;
  let leftToHolder = false;
  return {
    rule,
    written: 0,
    /** Whoever holds a lease may know nothing of what this worker sent last, or be this worker itself. */
    mayNotLeave: false,
    /** Waits in a row after which somebody else had written. */
    waitsInVain: 0,
    lease: undefined as Lease | undefined,
    /** What it wrote last, as the source names it. */
    wroteLast: undefined as EntryId | undefined,
    get stopped(): boolean {
      return pending !== undefined || leftToHolder;
    },
    /** What was left out in an earlier round is tried, and said, again. */
    beginRound(): void {
      left.clear();
    },
    leave(source: EntryId, error: ReplicationError): void {
      left.set(source, { source, error });
    },
    stop(source: EntryId | undefined, error: ReplicationError): void {
      pending ??= { source, error };
    },
    leaveToHolder(): void {
      leftToHolder = true;
    },
    outcome(): RuleOutcome {
      return { rule, written: this.written, left: [...left.values()], pending, leftToHolder };
    },
  };
}
