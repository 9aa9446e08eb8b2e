import { backlogFolder, backlogName, type BacklogEntry, ruleBacklogFolder } from '../domain/backlog';
import { reasons } from '../domain/error';
import type { Clock, Digests, Entropy, StateStore } from './ports';
import type { EntryFailure, RuleOutcome } from './progress';

export interface BacklogPorts {
  readonly state: StateStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly digests: Digests;
}

/** An entry and the name under which it can be removed once it is settled. */
export interface NamedEntry {
  readonly name: string;
  readonly entry: BacklogEntry;
}

/** Writes down what was not done. Gaps and pending work, each attempt under a name of its own. */
export async function recordOutcomes(
  ports: BacklogPorts,
  sourceBucket: string,
  key: string,
  outcomes: readonly RuleOutcome[],
): Promise<readonly BacklogEntry[]> {
  const entries: BacklogEntry[] = [];
  for (const { rule, left, pending } of outcomes) {
    const gaps = left.filter((failure) => failure.error.effect === 'gap');
    // Under a changed rule the key is looked at anew; what an old one left undone is no backlog of it.
    const waits = pending && pending.error.code !== 'RULE_CHANGED' ? [pending] : [];
    for (const failure of [...gaps, ...waits]) {
      entries.push(entryOf(ports, rule.id, sourceBucket, key, failure));
    }
  }
  for (const entry of entries) {
    const attempt = `${ports.clock.now().toString(36)}-${ports.entropy.nonce()}`;
    const name = backlogName(entry, ports.digests.sha256(key), attempt);
    await ports.state.put(name, JSON.stringify(entry));
  }
  return entries;
}

function entryOf(
  ports: BacklogPorts,
  ruleId: string,
  sourceBucket: string,
  key: string,
  { source, error }: EntryFailure,
): BacklogEntry {
  const retryable = error.effect === 'retry';
  return {
    ruleId,
    sourceBucket,
    key,
    ...(source === undefined ? {} : { source }),
    status: retryable ? 'PENDING' : 'FAILED',
    code: error.code,
    retryable,
    detail: error.message,
    hint: reasons[error.code].hint,
    at: new Date(ports.clock.now()).toISOString(),
  };
}

/** One page of the whole backlog, or of one rule's, in the order of names. */
export async function readBacklog(
  state: StateStore,
  of: { readonly sourceBucket: string; readonly ruleId: string } | 'all',
  after?: string,
): Promise<{
  readonly entries: readonly NamedEntry[];
  readonly complete: boolean;
  readonly last: string | undefined;
}> {
  const folder = of === 'all' ? backlogFolder : ruleBacklogFolder(of.sourceBucket, of.ruleId);
  const page = await state.list(folder, after);
  const entries: NamedEntry[] = [];
  for (const name of page.names) {
    const body = await state.get(name);
    // Settled by somebody else since it was listed.
    if (body !== undefined) entries.push({ name, entry: JSON.parse(body) as BacklogEntry });
  }
  return { entries, complete: page.complete, last: page.names.at(-1) };
}

/** Pages of one rule's backlog that a change of the rule removes at most; the timer removes the rest. */
const removalPagesMax = 20;

/** Removes a rule's entries, all or those that `closes` names. Returns how many. */
export async function closeBacklog(
  state: StateStore,
  of: { readonly sourceBucket: string; readonly ruleId: string },
  closes: 'all' | ((entry: BacklogEntry) => boolean),
): Promise<number> {
  let removed = 0;
  let after: string | undefined;
  for (let page = 0; page < removalPagesMax; page += 1) {
    const found =
      closes === 'all'
        ? await namesOnly(state, of, after)
        : await readBacklog(state, of, after).then(({ entries, complete, last }) => ({
            names: entries.filter(({ entry }) => closes(entry)).map(({ name }) => name),
            complete,
            last,
          }));
    for (const name of found.names) await state.remove(name);
    removed += found.names.length;
    if (found.complete) break;
    after = found.last;
  }
  return removed;
}

async function namesOnly(
  state: StateStore,
  of: { readonly sourceBucket: string; readonly ruleId: string },
  after: string | undefined,
) {
  const { names, complete } = await state.list(ruleBacklogFolder(of.sourceBucket, of.ruleId), after);
  return { names, complete, last: names.at(-1) };
}
