import { asReplicationError, ReplicationError } from '../domain/error';
import type { BucketRef } from '../domain/rule';
import type { Clock, RuleSource } from './ports';
import type { LoadedRuleSet, RuleStore } from './rule-store';

export interface RuleSourceSettings {
  /** A running function may act on rules that are this old. */
  readonly configLifetimeMs: number;
  /** No change of a rule is acknowledged sooner than this after it was written. */
  readonly settleMs: number;
  /** The clocks of a function and of COS may differ by this much. */
  readonly clockToleranceMs: number;
}

/** A copy that is younger than this serves every event, so that a flood of them costs at most a reading a second. */
const freshMs = 1_000;

/** Readings for one answer. */
const readingsMax = 4;

/** Rule sets as a running function sees them: kept for one config lifetime, read again with one request. */
export function createRuleSource(store: RuleStore, clock: Clock, settings: RuleSourceSettings): RuleSource {
  const held = new Map<string, LoadedRuleSet>();
  const reading = new Map<string, Promise<LoadedRuleSet>>();

  /** Concurrent askers share one reading. */
  const refresh = (source: BucketRef): Promise<LoadedRuleSet> => {
    const { bucket } = source;
    const running = reading.get(bucket);
    if (running) return running;
    const started = read(source).finally(() => reading.delete(bucket));
    reading.set(bucket, started);
    return started;
  };

  const read = async (source: BucketRef): Promise<LoadedRuleSet> => {
    const { bucket } = source;
    try {
      const fresh = await store.load(source, held.get(bucket)?.ruleSet);
      held.set(bucket, fresh);
      return fresh;
    } catch (thrown) {
      // An unreadable store means "try again", never "no rules".
      const { code, message } = asReplicationError(thrown);
      if (code === 'RULES_UNREADABLE') throw thrown;
      throw new ReplicationError('RULES_UNREADABLE', message, thrown);
    }
  };

  const servesEvent = (readMs: number, eventTime: number): boolean => {
    // Its second had passed by any clock when the reading began: the copy is newer than the event.
    if (Math.floor((readMs - settings.clockToleranceMs) / 1000) > eventTime) return true;
    // What was written since the reading is not acknowledged yet, and the event has happened already.
    return clock.now() - readMs < Math.min(freshMs, settings.settleMs);
  };

  return {
    async current(source) {
      let known = held.get(source.bucket);
      for (let attempt = 0; attempt < readingsMax; attempt += 1) {
        if (known !== undefined && clock.now() - known.readMs < settings.configLifetimeMs)
          return known.ruleSet;
        // A reading that took longer than the lifetime is as old as if it had been kept.
        known = await refresh(source);
      }
      throw new ReplicationError('RULES_UNREADABLE', `reading the rules of ${source.bucket} takes too long`);
    },

    async asOf(source, eventTime) {
      const known = held.get(source.bucket);
      if (known !== undefined && servesEvent(known.readMs, eventTime)) return known.ruleSet;
      const askedMs = clock.now();
      const shared = await refresh(source);
      // A reading that was under way may not have heard of what happened before the event.
      return (shared.readMs < askedMs ? await refresh(source) : shared).ruleSet;
    },
  };
}
