import { suspect } from '../domain/compare';
import {
  type BucketRef,
  coverageOf,
  indexRules,
  matchRules,
  type ReplicationRule,
  type RuleSet,
} from '../domain/rule';
import { type NamedEntry, readBacklog, recordPending } from './backlog';
import type { HandleEventPorts } from './handle-event';
import { type LeaseDocument, leasesFolder } from './lease';
import { pairKeys, type PairedKey, walkKeys } from './key-walk';
import { mapAtMost } from './map-at-most';
import { sweepRecords } from './marker-records';
import { replicateKey } from './replicate-key';
import { comparedBeforeMs, readWalkState, ruleName, sincesOf, writeWalkState } from './walk-state';

export interface ReconcilePorts extends HandleEventPorts {
  /** The rules of every source bucket of this region. */
  readonly ruleSets: () => Promise<readonly RuleSet[]>;
}

/** What one run of the timer came to. */
export interface ReconcileReport {
  readonly backlogKeys: number;
  readonly walkedKeys: number;
  readonly lookedAt: number;
  readonly written: number;
  readonly pending: number;
  /** Every rule was walked to its end; otherwise the next run goes on where this one stopped. */
  readonly finished: boolean;
}

/** One key in this many that look alike is looked at all the same. */
export const sampleOneIn = 1000;
/** Backlog pages a run reads at most. */
const backlogPagesMax = 20;

/**
 * The safety net, run by a timer: nothing depends on an event arriving. First what the backlog holds, then a walk of
 * both listings of every rule in lock-step, which looks at the keys that differ. Ends before the deadline and goes on
 * there the next time. Runs that overlap only cost requests.
 */
export async function reconcile(ports: ReconcilePorts): Promise<ReconcileReport> {
  const tally = { backlogKeys: 0, walkedKeys: 0, lookedAt: 0, written: 0, pending: 0 };
  await sweepBacklog(ports, tally);
  await sweepLeases(ports, tally);
  const finished = await walkRules(ports, tally);
  return { ...tally, finished };
}

type Tally = { -readonly [Name in keyof Omit<ReconcileReport, 'finished'>]: number };

const timeIsUp = (ports: ReconcilePorts): boolean =>
  ports.remainingMs() < 2 * ports.settings.deadlineMarginMs;

async function sweepBacklog(ports: ReconcilePorts, tally: Tally): Promise<void> {
  let after: string | undefined;
  for (let page = 0; page < backlogPagesMax && !timeIsUp(ports); page += 1) {
    const found = await readBacklog(ports.state, 'all', after);
    await mapAtMost(ports.settings.keysAtOnce, found.entries, async (named) => dropIfAbandoned(ports, named));
    const keys = groupByKey(
      found.entries.filter(({ entry }) => entry.retryable && entry.sourceRegion === ports.region),
    );
    await mapAtMost(ports.settings.keysAtOnce, keys, async (entries) => settleKey(ports, entries, tally));
    if (found.complete) return;
    after = found.last;
  }
}

/** A gap that is younger than this may be of a rule of which this function has not heard yet. */
const abandonedAfterMs = 600_000;

/** A gap that a rule left behind which no longer covers its key: nobody will ask for it. */
async function dropIfAbandoned(ports: ReconcilePorts, { name, entry }: NamedEntry): Promise<void> {
  if (entry.retryable || entry.sourceRegion !== ports.region || timeIsUp(ports)) return;
  if (ports.clock.now() - Date.parse(entry.at) < abandonedAfterMs) return;
  const source = { bucket: entry.sourceBucket, region: entry.sourceRegion };
  const rule = (await ports.rules.current(source)).rules.find(({ id }) => id === entry.ruleId);
  if (rule === undefined || coverageOf(rule, entry.key) === undefined) await ports.state.remove(name);
}

/** Looks at a key of the backlog, and removes the entries that were read before the look if it is settled. */
async function settleKey(ports: ReconcilePorts, entries: readonly NamedEntry[], tally: Tally): Promise<void> {
  const first = entries[0]?.entry;
  if (first === undefined || timeIsUp(ports)) return;
  tally.backlogKeys += 1;
  await lookAtKey(ports, { bucket: first.sourceBucket, region: first.sourceRegion }, first.key, tally);
  // What is still not done stands in entries of its own by now.
  for (const { name } of entries) await ports.state.remove(name);
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

/** A lease that expired belonged to a worker that died, and others may have left their work to it. */
async function sweepLeases(ports: ReconcilePorts, tally: Tally): Promise<void> {
  const { names } = await ports.state.list(leasesFolder);
  await mapAtMost(ports.settings.keysAtOnce, names, async (name) => {
    const body = timeIsUp(ports) ? undefined : await ports.state.get(name);
    if (body === undefined) return;
    const lease = JSON.parse(body) as LeaseDocument;
    if (lease.untilMs > ports.clock.now() || lease.source.region !== ports.region) return;
    // Before the look: a worker that finds the lease gone takes one of its own.
    await ports.state.remove(name);
    await lookAtKey(ports, lease.source, lease.key, tally);
  });
}

async function lookAtKey(ports: ReconcilePorts, source: BucketRef, key: string, tally: Tally): Promise<void> {
  const rules = matchRules(indexRules(await ports.rules.current(source)), key);
  if (rules.length === 0) return;
  tally.lookedAt += 1;
  const outcomes = await replicateKey(ports, { source, key, rules });
  tally.pending += await recordPending(ports, source, key, outcomes);
  for (const outcome of outcomes) tally.written += outcome.written;
}

/** Walks every enabled rule, from where the last run stopped. `true`: to the end. */
async function walkRules(ports: ReconcilePorts, tally: Tally): Promise<boolean> {
  const { compared, stopped, records } = await readWalkState(ports.state, ports.region);
  const kept = records === undefined ? {} : { records };
  const walks = (await ports.ruleSets())
    .flatMap(({ bucket, rules }) =>
      rules.flatMap((rule) => rule.prefixes.map((prefix) => ({ bucket, rule, prefix }))),
    )
    .filter(({ rule }) => rule.status === 'Enabled')
    .sort((a, b) => (walkId(a.bucket, a.rule.id, a.prefix) < walkId(b.bucket, b.rule.id, b.prefix) ? -1 : 1));
  const { began, sinces } = stopped ?? {
    began: new Date(ports.clock.now()).toISOString(),
    sinces: Object.fromEntries(walks.map(({ bucket, rule }) => [ruleName(bucket, rule), sincesOf(rule)])),
  };
  for (const { bucket, rule, prefix } of walks) {
    const here = walkId(bucket, rule.id, prefix);
    const last = stopped && walkId(stopped.bucket, stopped.rule, stopped.prefix);
    if (last !== undefined && here < last) continue;
    const reached = await walkPrefix(ports, { bucket, region: ports.region }, rule, tally, {
      prefix,
      afterKey: here === last ? stopped?.afterKey : undefined,
      comparedBeforeMs: comparedBeforeMs(bucket, rule, compared, ports.settings),
    });
    if (reached.ended) continue;
    const { afterKey } = reached;
    const place = { bucket, rule: rule.id, prefix, ...(afterKey === undefined ? {} : { afterKey }) };
    const before = compared === undefined ? {} : { compared };
    await writeWalkState(ports.state, ports.region, {
      ...kept,
      ...before,
      stopped: { began, sinces, ...place },
    });
    return false;
  }
  const destinations = walks.map(({ rule }) => rule.destination);
  await writeWalkState(ports.state, ports.region, {
    compared: { began, sinces },
    records: await sweepRecords(ports, destinations, records, () => timeIsUp(ports)),
  });
  return true;
}

const walkId = (bucket: string, rule: string, prefix: string): string => `${bucket}/${rule}/${prefix}`;

interface Reached {
  readonly ended: boolean;
  readonly afterKey: string | undefined;
}

/** One prefix's walk, in batches of keys, until its end or until time is up. */
async function walkPrefix(
  ports: ReconcilePorts,
  source: BucketRef,
  rule: ReplicationRule,
  tally: Tally,
  from: {
    readonly prefix: string;
    readonly afterKey: string | undefined;
    readonly comparedBeforeMs: number;
  },
): Promise<Reached> {
  const { keysAtOnce } = ports.settings;
  const side = (bucket: BucketRef) => walkKeys(ports.store, bucket, from.prefix, from.afterKey);
  let afterKey = from.afterKey;
  let batch: PairedKey[] = [];
  const flush = async (): Promise<void> => {
    await mapAtMost(keysAtOnce, batch, ({ key }) => lookAtKey(ports, source, key, tally));
    batch = [];
  };
  for await (const pair of pairKeys(side(source), side(rule.destination))) {
    if (timeIsUp(ports)) {
      await flush();
      return { ended: false, afterKey };
    }
    tally.walkedKeys += 1;
    if (isWorthALook(ports, rule, pair, from.comparedBeforeMs)) batch.push(pair);
    if (batch.length >= keysAtOnce) await flush();
    afterKey = pair.key;
  }
  await flush();
  return { ended: true, afterKey };
}

function isWorthALook(
  ports: ReconcilePorts,
  rule: ReplicationRule,
  pair: PairedKey,
  comparedBeforeMs: number,
): boolean {
  const coverage = coverageOf(rule, pair.key);
  const { clockToleranceMs } = ports.settings;
  const suspicion = suspect(pair.source, pair.destination, coverage, { clockToleranceMs, comparedBeforeMs });
  if (suspicion !== 'alike') return suspicion === 'doubt';
  // Another sample each hour.
  const hour = Math.floor(ports.clock.now() / 3_600_000);
  return Number.parseInt(ports.digests.sha256(`${hour}\n${pair.key}`).slice(0, 8), 16) % sampleOneIn === 0;
}
