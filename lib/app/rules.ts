import { isDeepStrictEqual } from 'node:util';
import { type BacklogEntry, latestAttempts } from '../domain/backlog';
import { type Problem, problem } from '../domain/problem';
import { areRivals, type ReplicationRule, type RuleSet, type RuleSettings } from '../domain/rule';
import {
  type ChangeTime,
  type DesiredRule,
  identified,
  settingsOf,
  withAllRules,
  withoutRule,
  withRule,
} from '../domain/rule-change';
import type { NamedSettings } from '../domain/rule-conflicts';
import { readBacklog } from './backlog';
import { type Change, type ChangeRequest, changeRules, type ChangeRulesPorts } from './change-rules';
import type { DeployedBuckets } from './deployed-buckets';
import { mapAtMost } from './map-at-most';
import type { BucketDirectory, Entropy } from './ports';
import { RequestRefused } from './request-refused';
import { type Candidate, examine } from './rule-examination';
import type { Revision, RuleStore } from './rule-store';

export interface RulesPorts extends ChangeRulesPorts {
  readonly directory: BucketDirectory;
  readonly entropy: Entropy;
  readonly deployed: DeployedBuckets;
}

/** Settings as they came in a request. */
export type ParsedSettings =
  | { readonly ok: true; readonly value: RuleSettings }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly rest: RuleSettings | undefined };

export interface ChangeResult {
  readonly ruleSet: RuleSet;
  readonly rule: ReplicationRule;
}

export type RuleService = ReturnType<typeof createRuleService>;

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

  const ownTime = (): ChangeTime => {
    const ms = ports.clock.now();
    return { sourceSeconds: Math.floor(ms / 1000), at: new Date(ms).toISOString() };
  };

  /** When a rule goes. Where another one takes its keys over, the source bucket's own time, if it can be asked. */
  const timeToLeave = async (ruleSet: RuleSet, rule: ReplicationRule): Promise<ChangeTime> => {
    const time = ownTime();
    if (!ruleSet.rules.some((other) => other.id !== rule.id && areRivals(other, rule))) return time;
    const described = await ports.directory.describe(sourceOf(ruleSet.bucket)).catch(() => undefined);
    return described?.kind === 'found'
      ? { ...time, sourceSeconds: Math.floor(described.dateMs / 1000) }
      : time;
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
    changeRules(ports, request, async (ruleSet) => {
      const newId = (): string => `rule-${ports.entropy.nonce()}`;
      const named = identified(ruleSet, await desired(ruleSet), newId);
      // Whatever is wrong with its buckets, a bucket can always be left without rules.
      const time = named.length === 0 ? ownTime() : await allMustBeSound(ruleSet, named);
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
      const made = await changeRules(ports, request, async (ruleSet) => {
        const taken = ruleSet.rules.some((rule) => rule.id === chosen);
        const message = `A rule with the id ${chosen} exists already; choose another id.`;
        const known = taken ? [problem('DuplicateRuleId', '/id', message)] : [];
        const settings = await readable(ruleSet, chosen, withProblems(parsed, known));
        const time = await mustBeSound(ruleSet, [{ rule: { ...settings, id: chosen }, path: '' }]);
        return { ...withRule(ruleSet, { ...settings, id: chosen }, time), what: 'created' };
      });
      return { ruleSet: made.ruleSet, rule: find(made.ruleSet, chosen) };
    },

    /** Changes a rule. `edit` makes the new settings of the old ones. */
    async edit(
      request: ChangeRequest,
      id: string,
      edit: (before: RuleSettings) => ParsedSettings,
    ): Promise<ChangeResult> {
      const made = await changeRules(ports, request, async (ruleSet) => {
        const before = find(ruleSet, id);
        const settings = await readable(ruleSet, id, edit(settingsOf(before)));
        // Whatever is wrong with its buckets, a rule can always be switched off.
        const time =
          settings.status === 'Disabled' && isOnlySwitchedOff(before, settings)
            ? await timeToLeave(ruleSet, before)
            : await mustBeSound(ruleSet, [{ rule: { ...settings, id }, path: '' }]);
        return { ...withRule(ruleSet, { ...settings, id }, time), what: 'edited' };
      });
      return { ruleSet: made.ruleSet, rule: find(made.ruleSet, id) };
    },

    async remove(request: ChangeRequest, id: string): Promise<RuleSet> {
      const made = await changeRules(ports, request, async (ruleSet) => {
        const time = await timeToLeave(ruleSet, find(ruleSet, id));
        return { ...withoutRule(ruleSet, id, time), what: 'deleted' };
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
      const page = await readBacklog(ports, { sourceBucket: bucket, ruleId: id }, after);
      // An answer that lacks some would say of them that they are done.
      const [unread] = page.unread;
      if (unread) throw unread;
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
