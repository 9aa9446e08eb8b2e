import { isDeepStrictEqual } from 'node:util';
import type { BacklogEntry } from '../domain/backlog';
import { ReplicationError } from '../domain/error';
import { coverageOf, type ReplicationRule, type RuleSet } from '../domain/rule';
import {
  type BacklogEffect,
  type Problem,
  problem,
  type RuleChange,
  ruleProblems,
  type RuleSettings,
  withChangedRule,
  withNewRule,
  withoutRule,
} from '../domain/rule-change';
import { closeBacklog, readBacklog } from './backlog';
import type { DeployedBuckets } from './deployed-buckets';
import { mapAtMost } from './map-at-most';
import type { BucketDirectory, Clock, Entropy, Logger, StateStore } from './ports';
import { checkPair } from './preconditions';
import { rulesFolder, type RuleStore } from './rule-store';
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
  /** What rules may name; `undefined`: whatever COS lets this deployment use. */
  readonly deployed?: DeployedBuckets | undefined;
}

/** A request that cannot be done, with everything that is wrong with it. */
export class RequestRefused extends Error {
  constructor(
    readonly status: 400 | 404 | 409 | 412 | 415,
    readonly problems: readonly Problem[],
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

/** A change without a named revision is made anew on the newer state this often. */
const conflictTriesMax = 3;

/** The use cases of the rule API. */
export function createRuleService(ports: RulesPorts) {
  const load = async (bucket: string): Promise<RuleSet> =>
    (await ports.store.load({ bucket, region: ports.region })).ruleSet;

  const find = (ruleSet: RuleSet, id: string): ReplicationRule => {
    const rule = ruleSet.rules.find((candidate) => candidate.id === id);
    if (rule) return rule;
    const message = `${ruleSet.bucket} has no rule with the id ${id}.`;
    throw new RequestRefused(404, [problem('RuleNotFound', '', message)]);
  };

  /** Makes a change on the newest rule set and writes it, or finds out that the caller's is not the newest. */
  const change = async <Result extends { readonly ruleSet: RuleSet }>(
    request: ChangeRequest,
    make: (ruleSet: RuleSet) => Promise<Result>,
  ): Promise<Result & { readonly committedMs: number }> => {
    for (let attempt = 1; ; attempt += 1) {
      // What is built on a revision that another writer still may replace would be lost with it.
      const source = { bucket: request.bucket, region: ports.region };
      const before = (await ports.store.loadSettled(source)).ruleSet;
      if (request.revision !== undefined && request.revision !== before.revision)
        throw revisionConflict(before);
      const result = await make(before);
      const [old, now] = [before, result.ruleSet].map(({ rules }) => rules.map((rule) => rule.destination));
      await announceTargets(ports.state, old ?? [], now ?? []);
      try {
        const { committedMs } = await ports.store.commit(result.ruleSet, request.author);
        return { ...result, committedMs };
      } catch (thrown) {
        if (!(thrown instanceof ReplicationError) || thrown.code !== 'RULE_CONFLICT') throw thrown;
        if (request.revision !== undefined || attempt >= conflictTriesMax) {
          throw revisionConflict(await load(request.bucket));
        }
      }
    }
  };

  /** All that speaks against these settings, asked of the rule set and of COS, beside what is known already. */
  const examine = async (
    ruleSet: RuleSet,
    id: string,
    settings: RuleSettings,
    replacing: boolean,
    known: readonly Problem[] = [],
  ) => {
    const own = ruleProblems(ruleSet, id, settings, replacing);
    const pair = await checkPair(ports.directory, ruleSet, settings.destination, ports.deployed);
    const problems = [...known, ...own, ...pair.problems];
    if (problems.length > 0 || pair.sourceSeconds === undefined) throw new RequestRefused(400, problems);
    return { sourceSeconds: pair.sourceSeconds, at: new Date(ports.clock.now()).toISOString() };
  };

  /** Settings that could be read; otherwise everything that is wrong with the request, in one refusal. */
  const readable = async (
    ruleSet: RuleSet,
    id: string,
    parsed: ParsedSettings,
    replacing: boolean,
  ): Promise<RuleSettings> => {
    if (parsed.ok) return parsed.value;
    if (parsed.rest) await examine(ruleSet, id, parsed.rest, replacing, parsed.problems);
    throw new RequestRefused(400, parsed.problems);
  };

  const settle = async (
    request: ChangeRequest,
    { rule, ruleSet, backlog, committedMs }: RuleChange & { readonly committedMs: number },
  ): Promise<ChangeResult> => {
    await applyBacklogEffect(ports.state, request.bucket, rule, backlog, committedMs);
    return { ruleSet, rule };
  };

  const audit = (what: string, { bucket, author }: ChangeRequest, { rule, ruleSet }: ChangeResult): void =>
    ports.log.info('rule changed', { what, bucket, rule: rule.id, revision: ruleSet.revision, author });

  return {
    /** The rules of one bucket. */
    list: load,

    async get(bucket: string, id: string): Promise<ChangeResult> {
      const ruleSet = await load(bucket);
      return { ruleSet, rule: find(ruleSet, id) };
    },

    /** Buckets that have, or had, rules. */
    buckets: () => loadRulesOfRegion(ports.store, ports.state, ports.region),

    async create(
      request: ChangeRequest,
      id: string | undefined,
      parsed: ParsedSettings,
    ): Promise<ChangeResult> {
      const chosen = id ?? `rule-${ports.entropy.nonce()}`;
      const made = await change(request, async (ruleSet) => {
        const settings = await readable(ruleSet, chosen, parsed, false);
        const time = await examine(ruleSet, chosen, settings, false);
        return withNewRule(ruleSet, chosen, settings, time);
      });
      audit('created', request, made);
      return { ruleSet: made.ruleSet, rule: made.rule };
    },

    /** Changes a rule. `edit` makes the new settings of the old ones. */
    async edit(
      request: ChangeRequest,
      id: string,
      edit: (before: RuleSettings) => ParsedSettings,
    ): Promise<ChangeResult> {
      const made = await change(request, async (ruleSet) => {
        const before = find(ruleSet, id);
        const settings = await readable(ruleSet, id, edit(settingsOf(before)), true);
        // Whatever is wrong with its buckets, a rule can always be switched off.
        const time =
          settings.status === 'Disabled' && isOnlySwitchedOff(before, settings)
            ? { sourceSeconds: 0, at: new Date(ports.clock.now()).toISOString() }
            : await examine(ruleSet, id, settings, true);
        return withChangedRule(ruleSet, before, settings, time);
      });
      audit('edited', request, made);
      return settle(request, made);
    },

    async remove(request: ChangeRequest, id: string): Promise<RuleSet> {
      const made = await change(request, async (ruleSet) => {
        const rule = find(ruleSet, id);
        return { rule, ruleSet: withoutRule(ruleSet, id) };
      });
      audit('deleted', request, made);
      const effect = { kind: 'close', why: 'RULE_DELETED' } as const;
      await applyBacklogEffect(ports.state, request.bucket, made.rule, effect, made.committedMs);
      return made.ruleSet;
    },

    /** One page of what a rule has not done. */
    async backlog(bucket: string, id: string, after: string | undefined) {
      find(await load(bucket), id);
      const page = await readBacklog(ports.state, { sourceBucket: bucket, ruleId: id }, after);
      return {
        entries: page.entries.map(({ entry }): BacklogEntry => entry),
        next: page.complete ? undefined : page.last,
      };
    },
  };
}

/** The rule sets of all source buckets of a region that have, or had, rules. */
export async function loadRulesOfRegion(
  store: RuleStore,
  state: StateStore,
  region: string,
): Promise<readonly RuleSet[]> {
  return (await loadAllRules(store, state)).filter((set) => set.region === region);
}

/** The rule sets of all source buckets of the account that have, or had, rules. */
export async function loadAllRules(store: RuleStore, state: StateStore): Promise<readonly RuleSet[]> {
  // A stored rule set knows its region; one that was never written has no rules.
  return mapAtMost(
    8,
    await bucketsWithRules(state),
    async (bucket) => (await store.load({ bucket, region: '' })).ruleSet,
  );
}

async function bucketsWithRules(state: StateStore): Promise<readonly string[]> {
  const names = new Set<string>();
  let after: string | undefined;
  for (;;) {
    const page = await state.list(rulesFolder, after);
    for (const name of page.names) names.add(name.slice(rulesFolder.length).split('/')[0] ?? '');
    after = page.names.at(-1);
    if (page.complete || after === undefined) return [...names];
  }
}

export function settingsOf(rule: ReplicationRule): RuleSettings {
  const { status, priority, prefix, destination, deleteMarkerReplication, description } = rule;
  const settings = { status, prefix, destination, deleteMarkerReplication, description };
  return priority === undefined ? settings : { ...settings, priority };
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
  return new RequestRefused(412, [problem('RevisionConflict', '', message)]);
}
