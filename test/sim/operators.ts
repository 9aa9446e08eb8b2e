import type { ChangeRequest } from '../../lib/app/change-rules';
import type { ReplicationRule, RuleSet, RuleSettings } from '../../lib/domain/rule';
import type { Chance } from './chance';
import type { Platform } from './platform';
import { destinations, type NamedRule, teamTag } from './scenario';
import type { World } from './world';

/** A change of the rules that its author was told of. */
export interface Acknowledged {
  readonly bucket: string;
  readonly revision: number;
  /** Absent: the rule was deleted. */
  readonly rule: ReplicationRule | undefined;
  readonly id: string;
  /** When each author asked so far, by the clock of the bucket: who finds it done already is told another's revision. */
  readonly askedMs: ReadonlyMap<string, number>;
  /** By the source bucket's own clock. */
  readonly acknowledgedMs: number;
  /** True time. */
  readonly atMs: number;
}

/** The people who make and change rules, each through the deployment of the source's region. */
export function createOperators(
  world: World,
  platforms: ReadonlyMap<string, Platform>,
  acknowledge: (change: Acknowledged) => void,
) {
  const { scheduler, cos, trace, tally } = world;
  const asked = new Map<string, number>();

  const ask = async (
    rule: NamedRule,
    what: string,
    run: (
      rules: NonNullable<ReturnType<Platform['ruleInstance']>>['rules'],
      request: ChangeRequest,
    ) => Promise<{ ruleSet: RuleSet; rule?: ReplicationRule }>,
  ): Promise<'acknowledged' | 'refused'> => {
    const instance = platforms.get(rule.source.region)?.ruleInstance();
    if (!instance) return 'refused';
    trace.add('operator', what, rule.id, 'asks');
    instance.busy = true;
    const author = `author${asked.size}`;
    asked.set(author, cos.bucketClock(rule.source));
    const request = { bucket: rule.source.bucket, author, revision: undefined };
    try {
      const { ruleSet, rule: made } = await run(instance.rules, request);
      tally.count(`rule ${what}`);
      trace.add('operator', what, rule.id, `revision ${ruleSet.revision}`);
      acknowledge({
        bucket: rule.source.bucket,
        revision: ruleSet.revision,
        rule: made,
        id: rule.id,
        askedMs: asked,
        acknowledgedMs: cos.bucketClock(rule.source),
        atMs: scheduler.now(),
      });
      return 'acknowledged';
    } catch (thrown) {
      tally.count('rule change refused');
      trace.add('operator', what, rule.id, `refused: ${String(thrown)}`);
      return 'refused';
    } finally {
      instance.busy = false;
    }
  };

  /** Who names the revision that they have seen is refused where somebody else was first; others are asked again. */
  const edit = (
    rule: NamedRule,
    what: string,
    namesRevision: boolean,
    change: (before: RuleSettings) => RuleSettings,
  ) =>
    ask(rule, what, async (rules, request) => {
      const revision = namesRevision ? (await rules.list(rule.source.bucket)).revision : undefined;
      return rules.edit({ ...request, revision }, rule.id, (before) => ({
        ok: true,
        value: change(before),
      }));
    });

  const create = (rule: NamedRule) =>
    ask(rule, 'create', (rules, request) =>
      rules.create(request, rule.id, { ok: true, value: rule.settings }),
    );

  const change = (chance: Chance, rule: NamedRule, kind: keyof typeof changes) => {
    const named = chance.fork('names the revision').happens(0.5);
    switch (kind) {
      case 'disable':
        return edit(rule, 'disable', named, (before) => ({ ...before, status: 'Disabled' }));
      case 'enable':
        return edit(rule, 'enable', named, (before) => ({ ...before, status: 'Enabled' }));
      case 'markers':
        return edit(rule, 'marker sync', named, (before) => ({
          ...before,
          deleteMarkerReplication: before.deleteMarkerReplication === 'Enabled' ? 'Disabled' : 'Enabled',
        }));
      case 'class':
        return edit(rule, 'class', named, (before) => ({
          ...before,
          destination: { ...before.destination, storageClass: 'INTELLIGENT_TIERING' },
        }));
      case 'prefix':
        return edit(rule, 'prefix', named, (before) => ({
          ...before,
          prefixes: chance.pick([
            [''],
            rule.settings.prefixes,
            before.prefixes.map((prefix) => `${prefix}a`),
            ['p/'],
            ['p/', 'q/'],
          ]),
        }));
      case 'tags':
        return edit(rule, 'tags', named, (before) =>
          before.tags.length > 0
            ? { ...before, tags: [], deleteMarkerReplication: 'Enabled' }
            : { ...before, tags: [teamTag], deleteMarkerReplication: 'Disabled' },
        );
      case 'priority':
        return edit(rule, 'priority', named, (before) => ({
          ...before,
          // Never the one that another rule was made with: it could not be put back.
          ...(before.priority === undefined
            ? {}
            : { priority: chance.pick([5, 15, 25, rule.settings.priority ?? 5]) }),
        }));
      case 'destination':
        return edit(rule, 'destination', named, (before) => ({
          ...before,
          destination: chance.pick(destinations),
        }));
      case 'same':
        return edit(rule, 'put again', named, (before) => ({ ...before }));
    }
  };

  /** As it was made, whether it still stands or not. */
  const putBack = (rule: NamedRule) =>
    ask(rule, 'put back', async (rules, request) => {
      const value = { ok: true, value: rule.settings } as const;
      const stands = (await rules.list(rule.source.bucket)).rules.some(({ id }) => id === rule.id);
      return stands ? rules.edit(request, rule.id, () => value) : rules.create(request, rule.id, value);
    });

  /** Asks until it is acknowledged: a request may fail, or never be answered. */
  const insist = (rule: NamedRule): void => {
    let done = false;
    const askAgain = (left: number): void => {
      if (done || left === 0) return;
      void putBack(rule).then((outcome) => {
        done ||= outcome === 'acknowledged';
      });
      scheduler.after(patienceMs, () => askAgain(left - 1));
    };
    askAgain(insistenceMax);
  };

  return {
    create,

    remove: (rule: NamedRule) =>
      ask(rule, 'delete', async (rules, request) => ({ ruleSet: await rules.remove(request, rule.id) })),

    change: async (chance: Chance, rule: NamedRule): Promise<void> => {
      await change(chance, rule, chance.weighted(changes));
    },

    /** Nothing that leaves a key uncovered for long. */
    changeGently: async (chance: Chance, rule: NamedRule): Promise<void> => {
      const kind = chance.weighted(gentleChanges);
      if (kind !== 'offAndOn') return void (await change(chance, rule, kind));
      scheduler.after(chance.between(3_000, 25_000), () => insist(rule));
      await change(chance, rule, 'disable');
    },

    putBack(rules: readonly NamedRule[]): void {
      for (const [place, rule] of rules.entries()) scheduler.after(place * 500, () => insist(rule));
    },
  };
}

const changes = {
  disable: 4,
  enable: 5,
  markers: 2,
  class: 2,
  prefix: 3,
  tags: 1,
  priority: 2,
  destination: 1,
  same: 1,
};
const gentleChanges = { enable: 2, markers: 1, class: 2, priority: 1, same: 1, offAndOn: 1 };

/** An operator who got no answer asks again after this time, so often at most. */
const patienceMs = 15_000;
const insistenceMax = 8;

export type Operators = ReturnType<typeof createOperators>;
