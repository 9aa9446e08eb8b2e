import { isDeepStrictEqual } from 'node:util';
import type { BacklogEntry } from '../domain/backlog';
import { ReplicationError } from '../domain/error';
import { latestAttempts } from '../domain/backlog';
import { type Problem, problem } from '../domain/problem';
import { coverageOf, type ReplicationRule, type RuleSet } from '../domain/rule';
import {
  type BacklogEffect,
  type ChangedRule,
  type ChangeTime,
  type DesiredRule,
  identified,
  type RuleSettings,
  settingsOf,
  withAllRules,
  withChangedRule,
  withNewRule,
  withoutRule,
} from '../domain/rule-change';
import type { NamedSettings } from '../domain/rule-conflicts';
import type { AccountRules } from './account-rules';
import { closeBacklog, readBacklog } from './backlog';
import { mapAtMost } from './map-at-most';
import type { BucketDirectory, Clock, Entropy, Logger, StateStore } from './ports';
import type { DeployedBuckets } from './deployed-buckets';
import { type Candidate, examine } from './rule-examination';
import type { Revision, RuleStore } from './rule-store';
import { announceTargets } from './targets';

export interface RulesPorts {
  readonly store: RuleStore;
  readonly state: StateStore;
  readonly directory: BucketDirectory;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
  /** Where this deployment runs: its sources are buckets of this region. */
  readonly region: string;
  readonly account: AccountRules;
  readonly deployed: DeployedBuckets;
}

/** A request that cannot be done, with everything that is wrong with it. */
export class RequestRefused extends Error {
  constructor(
    readonly status: 400 | 404 | 412 | 415 | 428,
    readonly problems: readonly Problem[],
    /** The rules as they are, where the caller's knowledge of them is old. */
    readonly current?: RuleSet,
  ) {
    super(problems.map(({ code, message }) => `${code}: ${message}`).join(' '));
    this.name = 'RequestRefused';
  }
}

/** Settings as they came in a request. */
export type ParsedSettings =
  | { readonly ok: true; readonly value: RuleSettings }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly rest: RuleSettings | undefined };

/** Who asks, and on what state of the rules the request was made. */
export interface ChangeRequest {
  readonly bucket: string;
  readonly author: string;
  /** The revision that the caller saw; `undefined`: whatever it is now. */
  readonly revision: number | undefined;
}

export interface ChangeResult {
  readonly ruleSet: RuleSet;
  readonly rule: ReplicationRule;
}

export type RuleService = ReturnType<typeof createRuleService>;

/** A rule set that shall be written, and what becomes of the backlogs of the rules that it changes. */
interface Change {
  readonly ruleSet: RuleSet;
  readonly changed: readonly ChangedRule[];
  readonly what: string;
}

/** A change without a named revision is made anew on the newer state this often. */
const conflictTriesMax = 3;

/** The use cases of the rule API. */
export function createRuleService(ports: RulesPorts) {
  const sourceOf = (bucket: string) => ({ bucket, region: ports.region });
  const load = (bucket: string): Promise<RuleSet> => ports.account.of(sourceOf(bucket));

  const find = (ruleSet: RuleSet, id: string): ReplicationRule => {
    const rule = ruleSet.rules.find((candidate) => candidate.id === id);
    if (rule) return rule;
    const message = `${ruleSet.bucket} has no rule with the id ${id.slice(0, 255)}.`;
    throw new RequestRefused(404, [problem('RuleNotFound', '', message)]);
  };

  /** Makes a change on the newest rule set and writes it, or finds out that the caller's is not the newest. */
  const change = async (
    request: ChangeRequest,
    make: (ruleSet: RuleSet) => Promise<Change>,
  ): Promise<Change> => {
    for (let attempt = 1; ; attempt += 1) {
      // What is built on a revision that another writer still may replace would be lost with it.
      const before = (await ports.store.loadSettled(sourceOf(request.bucket))).ruleSet;
      if (request.revision !== undefined && request.revision !== before.revision)
        throw revisionConflict(before);
      const made = await make(before);
      if (isDeepStrictEqual({ ...made.ruleSet, revision: before.revision }, before))
        return { ...made, ruleSet: before };
      const [old, now] = [before, made.ruleSet].map(({ rules }) => rules.map((rule) => rule.destination));
      await announceTargets(ports.state, old ?? [], now ?? []);
      try {
        const note = { by: request.author, what: made.what };
        const { committedMs } = await ports.store.commit(made.ruleSet, note);
        for (const { rule, backlog } of made.changed) {
          await applyBacklogEffect(ports.state, request.bucket, rule, backlog, committedMs);
        }
        audit(request, made, before);
        return made;
      } catch (thrown) {
        if (!(thrown instanceof ReplicationError) || thrown.code !== 'RULE_CONFLICT') throw thrown;
        if (request.revision !== undefined || attempt >= conflictTriesMax) {
          throw revisionConflict(await load(request.bucket));
        }
      }
    }
  };

  const audit = (
    { bucket, author }: ChangeRequest,
    { what, changed, ruleSet }: Change,
    before: RuleSet,
  ): void =>
    ports.log.info('rule changed', {
      what,
      bucket,
      rules: changed.slice(0, 20).map(({ rule }) => rule.id),
      revision: ruleSet.revision,
      replaced: before.revision,
      author,
    });

  /** Fails with all that speaks against the candidates, beside what is known already. */
  const mustBeSound = async (
    ruleSet: RuleSet,
    candidates: readonly Candidate[],
    known: readonly Problem[] = [],
  ): Promise<ChangeTime> => {
    const ids = new Set(candidates.map(({ rule }) => rule.id));
    const kept = ruleSet.rules.filter(({ id }) => !ids.has(id));
    const found = await examine(ports, ruleSet, candidates, kept);
    const problems = [...known, ...found.problems];
    if (problems.length > 0 || found.time === undefined) throw new RequestRefused(400, problems);
    return found.time;
  };

  /** Settings that could be read; otherwise everything that is wrong with the request, in one refusal. */
  const readable = async (ruleSet: RuleSet, id: string, parsed: ParsedSettings): Promise<RuleSettings> => {
    if (parsed.ok) return parsed.value;
    if (parsed.rest)
      await mustBeSound(ruleSet, [{ rule: { ...parsed.rest, id }, path: '' }], parsed.problems);
    throw new RequestRefused(400, parsed.problems);
  };

  const replaceAll = (
    request: ChangeRequest,
    what: string,
    desired: (ruleSet: RuleSet) => readonly DesiredRule[] | Promise<readonly DesiredRule[]>,
    role?: string,
  ): Promise<Change> =>
    change(request, async (ruleSet) => {
      const newId = (): string => `rule-${ports.entropy.nonce()}`;
      const named = identified(ruleSet, await desired(ruleSet), newId);
      // Whatever is wrong with its buckets, a bucket can always be left without rules.
      const time =
        named.length === 0
          ? { sourceSeconds: 0, at: new Date(ports.clock.now()).toISOString() }
          : await allMustBeSound(ruleSet, named);
      const made = withAllRules(ruleSet, named, time);
      return { ...made, ruleSet: { ...made.ruleSet, ...(role === undefined ? {} : { role }) }, what };
    });

  const allMustBeSound = (ruleSet: RuleSet, named: readonly NamedSettings[]): Promise<ChangeTime> => {
    const candidates = named.map((rule, place) => ({ rule, path: `/rules/${place}` }));
    return mustBeSound({ ...ruleSet, rules: [] }, candidates);
  };

  return {
    /** The rules of one bucket. One request, unless they changed a moment ago. */
    list: load,

    async get(bucket: string, id: string): Promise<ChangeResult> {
      const ruleSet = await load(bucket);
      return { ruleSet, rule: find(ruleSet, id) };
    },

    /** Buckets of this region that have, or had, rules. */
    async buckets(): Promise<readonly RuleSet[]> {
      return (await ports.account.all()).filter(({ region }) => region === ports.region);
    },

    async create(
      request: ChangeRequest,
      id: string | undefined,
      parsed: ParsedSettings,
    ): Promise<ChangeResult> {
      const chosen = id ?? `rule-${ports.entropy.nonce()}`;
      const made = await change(request, async (ruleSet) => {
        const taken = ruleSet.rules.some((rule) => rule.id === chosen);
        const message = `A rule with the id ${chosen} exists already; choose another id.`;
        const known = taken ? [problem('DuplicateRuleId', '/id', message)] : [];
        const settings = await readable(ruleSet, chosen, withProblems(parsed, known));
        const time = await mustBeSound(ruleSet, [{ rule: { ...settings, id: chosen }, path: '' }]);
        const { ruleSet: now, ...changed } = withNewRule(ruleSet, chosen, settings, time);
        return { ruleSet: now, changed: [changed], what: 'created' };
      });
      return { ruleSet: made.ruleSet, rule: find(made.ruleSet, chosen) };
    },

    /** Changes a rule. `edit` makes the new settings of the old ones. */
    async edit(
      request: ChangeRequest,
      id: string,
      edit: (before: RuleSettings) => ParsedSettings,
    ): Promise<ChangeResult> {
      const made = await change(request, async (ruleSet) => {
        const before = find(ruleSet, id);
        const settings = await readable(ruleSet, id, edit(settingsOf(before)));
        // Whatever is wrong with its buckets, a rule can always be switched off.
        const time =
          settings.status === 'Disabled' && isOnlySwitchedOff(before, settings)
            ? { sourceSeconds: 0, at: new Date(ports.clock.now()).toISOString() }
            : await mustBeSound(ruleSet, [{ rule: { ...settings, id }, path: '' }]);
        const { ruleSet: now, ...changed } = withChangedRule(ruleSet, before, settings, time);
        return { ruleSet: now, changed: [changed], what: 'edited' };
      });
      return { ruleSet: made.ruleSet, rule: find(made.ruleSet, id) };
    },

    async remove(request: ChangeRequest, id: string): Promise<RuleSet> {
      const made = await change(request, async (ruleSet) => {
        const backlog = { kind: 'close', why: 'RULE_DELETED' } as const;
        const changed = [{ rule: find(ruleSet, id), backlog }];
        return { ruleSet: withoutRule(ruleSet, id), changed, what: 'deleted' };
      });
      return made.ruleSet;
    },

    /** Puts a whole set of rules in the place of all; what has an old rule's id, or its filter and destination, is it. */
    async replace(
      request: ChangeRequest,
      desired: readonly DesiredRule[],
      role: string | undefined,
    ): Promise<RuleSet> {
      // What COS's own form cannot say stays as it was.
      const withDescriptions = (ruleSet: RuleSet): readonly DesiredRule[] => {
        const names = identified(ruleSet, desired, () => '');
        return desired.map((one, place) => {
          const before = ruleSet.rules.find(({ id }) => id === names[place]?.id);
          return before ? { ...one, settings: { ...one.settings, description: before.description } } : one;
        });
      };
      return (await replaceAll(request, 'replaced', withDescriptions, role)).ruleSet;
    },

    /** Makes the rules of an old revision the newest ones. What they did not cover meanwhile is not made up for. */
    async restore(request: ChangeRequest, revision: number): Promise<RuleSet> {
      const desired = async (): Promise<readonly DesiredRule[]> => {
        const old = await readRevision(ports.store, request.bucket, revision);
        return old.rules.map((rule) => ({ id: rule.id, settings: settingsOf(rule) }));
      };
      return (await replaceAll(request, `went back to revision ${revision}`, desired)).ruleSet;
    },

    /** Revisions below one, newest first. */
    async revisions(bucket: string, below: number | undefined, max: number) {
      const newest = (await load(bucket)).revision;
      const first = Math.min(newest, (below ?? newest + 1) - 1);
      const numbers = Array.from({ length: Math.max(0, Math.min(max, first)) }, (_, i) => first - i);
      const found = await mapAtMost(8, numbers, (number) => ports.store.revision(bucket, number));
      const last = numbers.at(-1);
      return {
        revisions: found.filter((one) => one !== undefined),
        next: last === undefined || last <= 1 ? undefined : last,
      };
    },

    revision: (bucket: string, revision: number): Promise<Revision> =>
      readRevision(ports.store, bucket, revision),

    /** One page of what a rule has not done. */
    async backlog(bucket: string, id: string, after: string | undefined) {
      find(await load(bucket), id);
      const page = await readBacklog(ports.state, { sourceBucket: bucket, ruleId: id }, after);
      return {
        entries: latestAttempts(page.entries.map(({ entry }): BacklogEntry => entry)),
        next: page.complete ? undefined : page.last,
      };
    },
  };
}

async function readRevision(store: RuleStore, bucket: string, revision: number): Promise<Revision> {
  const found = await store.revision(bucket, revision);
  if (found) return found;
  const message = `The rules of ${bucket} never had a revision ${revision}.`;
  throw new RequestRefused(404, [problem('RevisionNotFound', '', message)]);
}

function withProblems(parsed: ParsedSettings, problems: readonly Problem[]): ParsedSettings {
  if (problems.length === 0) return parsed;
  return parsed.ok
    ? { ok: false, problems, rest: parsed.value }
    : { ...parsed, problems: [...parsed.problems, ...problems] };
}

function isOnlySwitchedOff(before: ReplicationRule, settings: RuleSettings): boolean {
  return isDeepStrictEqual({ ...settingsOf(before), status: 'Disabled' }, settings);
}

async function applyBacklogEffect(
  state: StateStore,
  sourceBucket: string,
  rule: ReplicationRule,
  effect: BacklogEffect,
  committedMs: number,
): Promise<void> {
  if (effect.kind === 'keep') return;
  const closes =
    effect.kind === 'close' ? 'all' : (entry: BacklogEntry) => coverageOf(rule, entry.key) === undefined;
  await closeBacklog(state, { sourceBucket, ruleId: rule.id }, committedMs, closes);
}

function revisionConflict(now: RuleSet): RequestRefused {
  const message = `The rules of ${now.bucket} are at revision ${now.revision} by now; read them and try again.`;
  return new RequestRefused(412, [problem('RevisionConflict', '', message)], now);
}
