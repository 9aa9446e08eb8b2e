import type { ReplicationRule, RuleSet, RuleSettings } from '../../lib/domain/rule';
import type { Chance } from './chance';
import type { Platform } from './platform';
import { type NamedRule, teamTag } from './scenario';
import type { World } from './world';

/** A change of the rules that its author was told of. */
export interface Acknowledged {
  readonly bucket: string;
  readonly revision: number;
  /** Absent: the rule was deleted. */
  readonly rule: ReplicationRule | undefined;
  readonly id: string;
  /** By the source bucket's own clock. */
  readonly askedMs: number;
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

  const ask = async (
    rule: NamedRule,
    what: string,
    run: (
      rules: NonNullable<ReturnType<Platform['ruleInstance']>>['rules'],
    ) => Promise<{ ruleSet: RuleSet; rule?: ReplicationRule }>,
  ): Promise<void> => {
    const instance = platforms.get(rule.source.region)?.ruleInstance();
    if (!instance) return;
    const askedMs = cos.bucketClock(rule.source);
    trace.add('operator', what, rule.id, 'asks');
    instance.busy = true;
    try {
      const { ruleSet, rule: made } = await run(instance.rules);
      tally.count(`rule ${what}`);
      trace.add('operator', what, rule.id, `revision ${ruleSet.revision}`);
      acknowledge({
        bucket: rule.source.bucket,
        revision: ruleSet.revision,
        rule: made,
        id: rule.id,
        askedMs,
        acknowledgedMs: cos.bucketClock(rule.source),
        atMs: scheduler.now(),
      });
    } catch (thrown) {
      tally.count('rule change refused');
      trace.add('operator', what, rule.id, `refused: ${String(thrown)}`);
    } finally {
      instance.busy = false;
    }
  };

  const requestOn = (rule: NamedRule) => ({ bucket: rule.source.bucket, author: 'sim', revision: undefined });

  const edit = (rule: NamedRule, what: string, change: (before: RuleSettings) => RuleSettings) =>
    ask(rule, what, (rules) =>
      rules.edit(requestOn(rule), rule.id, (before) => ({ ok: true, value: change(before) })),
    );

  return {
    create: (rule: NamedRule) =>
      ask(rule, 'create', (rules) =>
        rules.create(requestOn(rule), rule.id, { ok: true, value: rule.settings }),
      ),

    remove: (rule: NamedRule) =>
      ask(rule, 'delete', async (rules) => ({ ruleSet: await rules.remove(requestOn(rule), rule.id) })),

    async change(chance: Chance, rule: NamedRule): Promise<void> {
      const kind = chance.weighted({
        disable: 4,
        enable: 5,
        markers: 2,
        class: 2,
        prefix: 3,
        tags: 1,
        same: 1,
      });
      switch (kind) {
        case 'disable':
          return edit(rule, 'disable', (before) => ({ ...before, status: 'Disabled' }));
        case 'enable':
          return edit(rule, 'enable', (before) => ({ ...before, status: 'Enabled' }));
        case 'markers':
          return edit(rule, 'marker sync', (before) => ({
            ...before,
            deleteMarkerReplication: before.deleteMarkerReplication === 'Enabled' ? 'Disabled' : 'Enabled',
          }));
        case 'class':
          return edit(rule, 'class', (before) => ({
            ...before,
            destination: { ...before.destination, storageClass: 'INTELLIGENT_TIERING' },
          }));
        case 'prefix':
          return edit(rule, 'prefix', (before) => ({
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
          return edit(rule, 'tags', (before) =>
            before.tags.length > 0
              ? { ...before, tags: [], deleteMarkerReplication: 'Enabled' }
              : { ...before, tags: [teamTag], deleteMarkerReplication: 'Disabled' },
          );
        case 'same':
          return edit(rule, 'put again', (before) => ({ ...before }));
      }
    },
  };
}

export type Operators = ReturnType<typeof createOperators>;
