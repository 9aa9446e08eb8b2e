import { type BacklogEntry, backlogTime, isGapName, ruleBacklogFolder } from '../domain/backlog';
import { ReplicationError } from '../domain/error';
import type { RuleSet } from '../domain/rule';
import { type NamedEntry, readBacklog } from './backlog';
import type { HandleEventPorts } from './handle-event';
import { attempted, isolated } from './isolated';
import { lookAtKey, lookedName, type TimerRun } from './look-at-key';
import { mapAtMost } from './map-at-most';
import { isItsTurn } from './sample';
import { settleGaps } from './settle-gaps';
import type { BacklogState } from './walk-state';

/** Backlog pages a run reads at most. */
const backlogPagesMax = 20;

/** Gaps are looked at by each run while they are young, and about once an hour then. */
const gapsYoungMs = 1_800_000;
const gapsTurn = { periodMs: 300_000, oneIn: 12 };

/**
 * Looks at the keys of the backlog, from where the last run stopped to the end, as long as there is time. Returns the
 * name after which the next run goes on; `undefined`: from the beginning.
 */
export async function sweepBacklog(
  ports: HandleEventPorts,
  run: TimerRun,
  ruleSets: readonly RuleSet[],
  { after: from, lastBegan }: BacklogState,
): Promise<string | undefined> {
  const { timeIsUp } = run;
  // Where one look through all of it takes several runs, the turns of all of them are due.
  const fromMs = lastBegan === undefined ? Infinity : Date.parse(lastBegan);
  const wants = wantsOf(ports, ruleSets, fromMs);

  let after = from;
  for (let page = 0; page < backlogPagesMax; page += 1) {
    if (timeIsUp()) return after;
    const found = await attempted(ports, 'backlog not read', { after }, () =>
      readBacklog(ports, 'all', after, wants, timeIsUp),
    );
    if (found instanceof ReplicationError) return after;
    run.tally.pending += found.unread.length;
    const keys = groupByKey(found.entries.filter(({ entry }) => entry.sourceRegion === ports.region));
    let begun = 0;
    await mapAtMost(ports.settings.keysAtOnce, keys, async (entries) => {
      // Some are begun in any case: reading their entries may have taken all the time.
      if (begun >= ports.settings.keysAtOnce && timeIsUp()) return;
      begun += 1;
      await settleKey(ports, entries, run);
    });
    // Keys are begun in the order of their first names: all that comes before the first of the next one is done, or
    // could not be read.
    const next = keys[begun]?.[0];
    if (next) return found.names[found.names.indexOf(next.name) - 1] ?? after;
    if (found.complete) return undefined;
    after = found.last;
  }
  return after;
}

/** Which entries a run reads: of the gaps of rules that go on, not all. Those of others are due to be removed. */
function wantsOf(
  ports: HandleEventPorts,
  ruleSets: readonly RuleSet[],
  fromMs: number,
): (name: string) => boolean {
  const atWork = new Set(
    ruleSets.flatMap(({ bucket, rules }) =>
      rules.filter(({ status }) => status === 'Enabled').map(({ id }) => ruleBacklogFolder(bucket, id)),
    ),
  );
  const youngMs = ports.clock.now() - gapsYoungMs;
  return (name) =>
    !isGapName(name) ||
    !atWork.has(folderOf(name)) ||
    backlogTime(name) > youngMs ||
    isItsTurn(ports, name, { ...gapsTurn, fromMs });
}

/** The folder of a rule, without that of the key and the name within. */
function folderOf(name: string): string {
  return `${name.split('/').slice(0, 3).join('/')}/`;
}

/** Looks at a key of the backlog, and removes the entries that were read before the look if it is settled. */
async function settleKey(ports: HandleEventPorts, all: readonly NamedEntry[], run: TimerRun): Promise<void> {
  const [first] = all;
  if (first === undefined) return;
  const { sourceBucket, sourceRegion, key } = first.entry;
  const source = { bucket: sourceBucket, region: sourceRegion };
  const settled = await isolated(ports, 'key not done', { bucket: sourceBucket, key }, async () => {
    // A key that could not even be looked at may be readable by now; of a single entry that failed nobody expects it.
    const toLook = all.filter(({ entry }) => entry.retryable || entry.source === undefined);
    if (toLook.length > 0) {
      run.tally.backlogKeys += 1;
      const lookedMs = ports.clock.now();
      await lookAtKey(ports, source, key, run);
      // What is still not done stands in entries of its own by now.
      for (const { name, entry } of toLook)
        if (!mayStillLand(ports, entry, lookedMs)) await ports.state.remove(name);
      run.looked.set(lookedName(source, key), lookedMs);
    }
    const gaps = all.filter((named) => !toLook.includes(named));
    if (gaps.length > 0 && !run.timeIsUp()) await settleGaps(ports, source, key, gaps, run);
  });
  if (settled !== 'done') run.tally.pending += 1;
}

/**
 * A write whose outcome nobody knows may land long after it was given up, on top of what came later: its key is looked at
 * until then.
 */
function mayStillLand(
  { settings: { longestTransferMs, clockToleranceMs } }: HandleEventPorts,
  { code, at }: BacklogEntry,
  lookedMs: number,
): boolean {
  return code === 'OUTCOME_UNKNOWN' && lookedMs < Date.parse(at) + longestTransferMs + clockToleranceMs;
}

function groupByKey(entries: readonly NamedEntry[]): readonly (readonly NamedEntry[])[] {
  const groups = new Map<string, NamedEntry[]>();
  for (const named of entries) {
    const id = `${named.entry.sourceBucket}\n${named.entry.key}`;
    const group = groups.get(id);
    if (group) group.push(named);
    else groups.set(id, [named]);
  }
  return [...groups.values()];
}
