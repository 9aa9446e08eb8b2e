import {
  backlogFolder,
  backlogName,
  type BacklogEntry,
  type BacklogSubject,
  isGapName,
  ruleBacklogFolder,
  subjectPrefix,
} from '../domain/backlog';
import { reasons, ReplicationError } from '../domain/error';
import type { EntryId } from '../domain/history';
import type { BucketRef, ReplicationRule } from '../domain/rule';
import { attempted } from './isolated';
import { mapAtMost } from './map-at-most';
import type { Clock, Digests, Entropy, Logger, StateStore } from './ports';
import type { EntryFailure, RuleOutcome } from './progress';
import { parseDocument } from './state-document';

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

/** Writes down one thing that was not done. Of what failed for good the last attempt is kept, of the rest each. */
export async function recordFailure(
  ports: BacklogPorts,
  source: BucketRef,
  key: string,
  rule: ReplicationRule,
  failure: EntryFailure,
): Promise<void> {
  const entry = entryOf(ports, source, key, rule, failure);
  const attempt = `${ports.clock.now().toString(36)}-${ports.entropy.nonce()}`;
  const name = backlogName(entry, ports.digests.sha256(key), attempt);
  await ports.state.put(name, JSON.stringify(entry));
  if (entry.retryable) return;
  for (const older of await gapsOf(ports, key, entry)) if (older < name) await ports.state.remove(older);
}

/** What had failed for good was copied after all. */
export async function closeGaps(
  ports: BacklogPorts,
  source: BucketRef,
  key: string,
  { id: ruleId, destination }: ReplicationRule,
  entry: EntryId,
): Promise<void> {
  const destinationBucket = destination.bucket;
  const subject = { sourceBucket: source.bucket, ruleId, source: entry, destinationBucket };
  for (const name of await gapsOf(ports, key, subject)) await ports.state.remove(name);
}

async function gapsOf(
  { state, digests }: BacklogPorts,
  key: string,
  subject: BacklogSubject,
): Promise<readonly string[]> {
  const { names } = await state.list(subjectPrefix(subject, digests.sha256(key)));
  return names.filter(isGapName);
}

function entryOf(
  ports: BacklogPorts,
  source: BucketRef,
  key: string,
  rule: ReplicationRule,
  { source: entry, error }: EntryFailure,
): BacklogEntry {
  const retryable = error.effect === 'retry';
  return {
    ruleId: rule.id,
    sourceBucket: source.bucket,
    sourceRegion: source.region,
    destinationBucket: rule.destination.bucket,
    key,
    ...(entry === undefined ? {} : { source: entry }),
    status: retryable ? 'PENDING' : 'FAILED',
    code: error.code,
    retryable,
    detail: error.message,
    hint: reasons[error.code].hint,
    at: new Date(ports.clock.now()).toISOString(),
  };
}

/** Writes down why keys wait. Gaps were written before anything was put above them. Returns how many wait. */
export async function recordPending(
  ports: BacklogPorts,
  source: BucketRef,
  key: string,
  outcomes: readonly RuleOutcome[],
): Promise<number> {
  let waiting = 0;
  for (const { rule, pending } of outcomes) {
    // Under a changed rule the key is looked at anew; what an old one left undone is no backlog of it.
    if (pending === undefined || pending.error.code === 'RULE_CHANGED') continue;
    await recordFailure(ports, source, key, rule, pending);
    if (pending.error.effect === 'retry') waiting += 1;
  }
  return waiting;
}

/** Where the backlog is read. */
export interface BacklogReadPorts {
  readonly state: StateStore;
  readonly log: Logger;
}

/** Entries that are read side by side. */
const readsAtOnce = 8;

interface BacklogPage {
  /** All of the page, also those that are not wanted, or could not be read. */
  readonly names: readonly string[];
  readonly entries: readonly NamedEntry[];
  /** Why entries could not be read, one for each; they are told of, and stay where they are. */
  readonly unread: readonly ReplicationError[];
  readonly complete: boolean;
  readonly last: string | undefined;
}

/** One page of the whole backlog, or of one rule's, in the order of names; as much of it as there is time for. */
export async function readBacklog(
  ports: BacklogReadPorts,
  of: { readonly sourceBucket: string; readonly ruleId: string } | 'all',
  after?: string,
  wants: (name: string) => boolean = () => true,
  timeIsUp: () => boolean = () => false,
): Promise<BacklogPage> {
  const folder = of === 'all' ? backlogFolder : ruleBacklogFolder(of.sourceBucket, of.ruleId);
  const page = await ports.state.list(folder, after);
  let firstLeft: string | undefined;
  const found = await mapAtMost(readsAtOnce, page.names.filter(wants), async (name) => {
    if (timeIsUp()) firstLeft ??= name;
    if (firstLeft !== undefined) return undefined;
    return attempted(ports, 'backlog entry not read', { name }, () => readEntry(ports, name));
  });
  const names = firstLeft === undefined ? page.names : page.names.slice(0, page.names.indexOf(firstLeft));
  const unread = found.filter((one) => one instanceof ReplicationError);
  const entries = found.flatMap((one) => (one === undefined || one instanceof ReplicationError ? [] : [one]));
  const complete = page.complete && firstLeft === undefined;
  return { names, entries, unread, complete, last: names.at(-1) ?? after };
}

/** `undefined`: somebody else settled it since it was listed, or it is damaged. */
async function readEntry({ state, log }: BacklogReadPorts, name: string): Promise<NamedEntry | undefined> {
  const body = await state.get(name);
  const entry = body === undefined ? undefined : parseDocument<BacklogEntry>(log, name, body, entryFields);
  return entry && { name, entry };
}

const entryFields = {
  ruleId: 'string',
  sourceBucket: 'string',
  sourceRegion: 'string',
  key: 'string',
  retryable: 'boolean',
  at: 'string',
} as const;
