import { reasons, ReplicationError } from '../domain/error';
import { type EventProblem, type KeyHint, parseCosEvent } from '../domain/event';
import type { ReplicationRule } from '../domain/rule';
import { recordPending } from './backlog';
import { mapAtMost } from './map-at-most';
import type { RuleSource } from './ports';
import type { RuleOutcome } from './progress';
import { replicateKey, type ReplicateKeyPorts } from './replicate-key';
import { rulesForKey } from './rules-for-key';

export interface HandleEventPorts extends ReplicateKeyPorts {
  /** The function's own region; a COS trigger binds only buckets of it. */
  readonly region: string;
}

/** What an event led to. It ends in the platform's log, so it holds no secret and no object data. */
export interface EventReport {
  readonly keys: number;
  readonly written: number;
  readonly notCovered: number;
  readonly left: number;
  readonly unreadable: readonly EventProblem[];
}

/**
 * One COS event: every key that it names is brought up to date. Throws only if something retryable remains, since
 * SCF gives an event up that a function returns from; then all that could be done is done.
 */
export async function handleEvent(ports: HandleEventPorts, event: unknown): Promise<EventReport> {
  const { hints, problems } = parseCosEvent(event, ports.region);
  for (const problem of problems) {
    ports.log.error('event unreadable', {
      code: 'EVENT_UNREADABLE',
      hint: reasons.EVENT_UNREADABLE.hint,
      ...problem,
    });
  }
  const reports = await mapAtMost(ports.settings.keysAtOnce, groupByKey(hints), (hint) =>
    handleKey(ports, hint),
  );
  const pending = reports.flatMap((report) => report.pending);
  const [first] = pending;
  if (first !== undefined) {
    const message = `${pending.length} of ${reports.length} keys are not done yet; first: ${first.message}`;
    throw new ReplicationError(first.code, message, first);
  }
  return {
    keys: reports.length,
    written: sum(reports.map((report) => report.written)),
    notCovered: reports.filter((report) => !report.covered).length,
    left: sum(reports.map((report) => report.left)),
    unreadable: problems,
  };
}

interface KeyReport {
  readonly covered: boolean;
  readonly written: number;
  readonly left: number;
  readonly pending: readonly ReplicationError[];
}

async function handleKey(ports: HandleEventPorts, hint: KeyHint): Promise<KeyReport> {
  const { bucket, region, key } = hint;
  let outcomes: readonly RuleOutcome[];
  try {
    const rules = await rulesFor(ports.rules, hint);
    if (rules.length === 0) return { covered: false, written: 0, left: 0, pending: [] };
    const source = { bucket, region };
    outcomes = await replicateKey(ports, { source, key, rules });
    for (const outcome of outcomes) logFailures(ports, hint, outcome);
    await recordPending(ports, source, key, outcomes);
  } catch (thrown) {
    // The state bucket cannot be read or written: the event itself is what is left of the work.
    const error =
      thrown instanceof ReplicationError ? thrown : new ReplicationError('STORE_UNAVAILABLE', key, thrown);
    ports.log.error('key not done', {
      bucket,
      key,
      code: error.code,
      detail: error.message,
      hint: error.hint,
    });
    return { covered: true, written: 0, left: 0, pending: [error] };
  }
  return {
    covered: true,
    written: sum(outcomes.map((outcome) => outcome.written)),
    left: sum(outcomes.map((outcome) => outcome.left.length)),
    // What will not change by itself is in the backlog; another try of the event would not help it.
    pending: outcomes
      .flatMap((outcome) => (outcome.pending ? [outcome.pending.error] : []))
      .filter(({ effect }) => effect === 'retry'),
  };
}

/**
 * The rules that apply to a key. A copy of the rules may be one config lifetime old; but before an event is dropped
 * because no rule covers it, the rules are read as they were when it happened.
 */
async function rulesFor(source: RuleSource, hint: KeyHint): Promise<readonly ReplicationRule[]> {
  const matched = rulesForKey(await source.current(hint), hint.key);
  if (matched.length > 0) return matched;
  return rulesForKey(await source.asOf(hint, hint.eventTime), hint.key);
}

function logFailures(ports: HandleEventPorts, hint: KeyHint, { rule, left, pending }: RuleOutcome): void {
  for (const { source, error } of pending ? [...left, pending] : left) {
    const { code, effect, message: detail, hint: advice } = error;
    const facts = { rule: rule.id, bucket: hint.bucket, key: hint.key, source, code, detail, hint: advice };
    if (effect === 'skip') ports.log.info('skipped', facts);
    else if (effect === 'gap') ports.log.error('not replicated', facts);
    else ports.log.warn('pending', facts);
  }
}

/** Each key once, with the time of its newest event: five overwrites cost one look. */
function groupByKey(hints: readonly KeyHint[]): readonly KeyHint[] {
  const newest = new Map<string, KeyHint>();
  for (const hint of hints) {
    const name = `${hint.bucket}\n${hint.region}\n${hint.key}`;
    const known = newest.get(name);
    if (!known || known.eventTime < hint.eventTime) newest.set(name, hint);
  }
  return [...newest.values()];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
