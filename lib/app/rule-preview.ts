import type { Problem } from '../domain/problem';
import {
  coverageOf,
  indexRules,
  matchRules,
  type RuleSet,
  type RuleSettings,
  type Since,
} from '../domain/rule';
import { type BacklogEffect, withRule } from '../domain/rule-change';
import type { ObjectStore } from './ports';
import { examine, type ExaminationPorts } from './rule-examination';

export interface PreviewPorts extends ExaminationPorts {
  readonly objects: Pick<ObjectStore, 'listVersions'>;
}

export interface PreviewRequest {
  /** Of an existing rule: the change is an edit of it. */
  readonly id: string | undefined;
  readonly settings: RuleSettings;
  /** Keys to try; `undefined`: the first of the bucket. */
  readonly keys: readonly string[] | undefined;
}

/** What a change would come to. Nothing is written. */
export interface Preview {
  /** What it would be refused for. */
  readonly problems: readonly Problem[];
  readonly change: 'create' | 'edit';
  readonly backlog: BacklogEffect['kind'];
  readonly keys: readonly KeyPreview[];
}

export interface KeyPreview {
  readonly key: string;
  /** The rule of the set that would replicate it to this destination. */
  readonly rule?: string;
  /** From when on the changed rule covers it, seconds since the Unix epoch. */
  readonly covered?: Since;
}

const sampleKeysMax = 100;

/** What a change of one rule would be refused for, or which keys it would cover from when on. */
export async function previewChange(
  ports: PreviewPorts,
  ruleSet: RuleSet,
  { id, settings, keys }: PreviewRequest,
): Promise<Preview> {
  const before = ruleSet.rules.find((rule) => rule.id === id);
  const rule = { ...settings, id: id ?? '(new)' };
  const kept = ruleSet.rules.filter((other) => other.id !== rule.id);
  const { problems, time } = await examine(ports, ruleSet, [{ rule, path: '' }], kept);
  const when = time ?? { sourceSeconds: Math.floor(ports.clock.now() / 1000), at: '' };
  const made = withRule(ruleSet, rule, when);
  const index = indexRules(made.ruleSet);
  const sample = keys ?? (time === undefined ? [] : await firstKeys(ports, ruleSet));
  return {
    problems,
    change: before ? 'edit' : 'create',
    backlog: made.changed[0]?.backlog.kind ?? 'keep',
    keys: sample.map((key) => {
      const winner = matchRules(index, key).find(
        ({ destination }) => destination.bucket === settings.destination.bucket,
      );
      const covered = winner?.id === rule.id ? coverageOf(winner, key) : undefined;
      return {
        key,
        ...(winner === undefined ? {} : { rule: winner.id }),
        ...(covered === undefined ? {} : { covered }),
      };
    }),
  };
}

async function firstKeys({ objects }: PreviewPorts, ruleSet: RuleSet): Promise<readonly string[]> {
  const page = await objects.listVersions(ruleSet, { prefix: '', entriesMax: 1000 });
  return [...new Set(page.entries.map(({ key }) => key))].slice(0, sampleKeysMax);
}
