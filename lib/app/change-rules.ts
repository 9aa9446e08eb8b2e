import { isDeepStrictEqual } from 'node:util';
import { ReplicationError } from '../domain/error';
import { problem } from '../domain/problem';
import type { RuleSet } from '../domain/rule';
import type { ChangedRule } from '../domain/rule-change';
import type { AccountRules } from './account-rules';
import { closeBacklogs, type CloseBacklogsPorts } from './close-backlogs';
import type { Logger } from './ports';
import { RequestRefused } from './request-refused';
import type { RuleStore } from './rule-store';
import { announceTargets } from './targets';

export interface ChangeRulesPorts extends CloseBacklogsPorts {
  readonly store: RuleStore;
  /** Where this deployment runs: its sources are buckets of this region. */
  readonly region: string;
  readonly account: AccountRules;
}

/** Who asks, and on what state of the rules the request was made. */
export interface ChangeRequest {
  readonly bucket: string;
  readonly author: string;
  /** The revision that the caller saw; `undefined`: whatever it is now. */
  readonly revision: number | undefined;
}

/** A rule set that shall be written, and what becomes of the backlogs of the rules that it changes. */
export interface Change {
  readonly ruleSet: RuleSet;
  readonly changed: readonly ChangedRule[];
  readonly what: string;
}

/** A change without a named revision is made anew on the newer state this often. */
const conflictTriesMax = 3;

/** Makes a change on the newest rule set and writes it, or finds out that the caller's is not the newest. */
export async function changeRules(
  ports: ChangeRulesPorts,
  request: ChangeRequest,
  make: (ruleSet: RuleSet) => Promise<Change>,
): Promise<Change> {
  const source = { bucket: request.bucket, region: ports.region };
  for (let attempt = 1; ; attempt += 1) {
    // What is built on a revision that another writer still may replace would be lost with it.
    const before = (await ports.store.load(source)).ruleSet;
    if (request.revision !== undefined && request.revision !== before.revision)
      throw revisionConflict(before);
    const made = await make(before);
    if (isDeepStrictEqual({ ...made.ruleSet, revision: before.revision }, before))
      return { ...made, ruleSet: before };
    const [old, now] = [before, made.ruleSet].map(({ rules }) => rules.map((rule) => rule.destination));
    await announceTargets(ports.state, old ?? [], now ?? []);
    try {
      const note = { by: request.author, what: made.what };
      await ports.store.commit(made.ruleSet, note);
      audit(ports.log, request, made, before);
      await closeBacklogs(ports, made.ruleSet, made.changed);
      return made;
    } catch (thrown) {
      if (!(thrown instanceof ReplicationError) || thrown.code !== 'RULE_CONFLICT') throw thrown;
      if (request.revision !== undefined || attempt >= conflictTriesMax) {
        throw revisionConflict(await ports.account.of(source));
      }
    }
  }
}

function audit(
  log: Logger,
  { bucket, author }: ChangeRequest,
  { what, changed, ruleSet }: Change,
  before: RuleSet,
): void {
  log.info('rule changed', {
    what,
    bucket,
    rules: changed.slice(0, 20).map(({ rule }) => rule.id),
    revision: ruleSet.revision,
    replaced: before.revision,
    author,
  });
}

function revisionConflict(now: RuleSet): RequestRefused {
  const message = `The rules of ${now.bucket} are at revision ${now.revision} by now; read them and try again.`;
  return new RequestRefused(412, [problem('RevisionConflict', '', message)], now);
}
