import { entryId, type HistoryEntry } from '../domain/history';
import { isNeeded, type LandingTimes, markersFolder, parseAttempts } from '../domain/marker-attempt';
import type { BucketRef } from '../domain/rule';
import { isolated } from './isolated';
import { readOlder } from './look';
import type { Clock, Logger, ObjectStore, StateStore } from './ports';
import type { ReplicationSettings } from './settings';
import { parseDocument } from './state-document';
import type { RecordsState } from './walk-state';

export interface MarkerRecordPorts {
  readonly store: ObjectStore;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: ReplicationSettings;
}

/** Pages of a key's history that are read for its records at most; a key with more keeps them. */
const historyPagesMax = 20;

/** Once in a while, after a walk: records of markers that are gone. Begins a while after the first walk. */
export async function sweepRecords(
  ports: MarkerRecordPorts,
  destinations: readonly BucketRef[],
  records: RecordsState | undefined,
  timeIsUp: () => boolean,
): Promise<RecordsState> {
  const nowMs = ports.clock.now();
  const now = new Date(nowMs).toISOString();
  if (records === undefined) return { sweptAt: now };
  if (nowMs - Date.parse(records.sweptAt) < ports.settings.recordsKeptMs) return records;
  const buckets = new Map(destinations.map((destination) => [destination.bucket, destination]));
  for (const bucket of [...buckets.keys()].sort()) {
    const { stopped } = records;
    if (stopped !== undefined && bucket < stopped.bucket) continue;
    let after = stopped?.bucket === bucket ? stopped.after : undefined;
    let ended = false;
    await isolated(ports, 'marker records not swept', { bucket }, async () => {
      while (!ended && !timeIsUp()) {
        const before = after;
        after = await sweepMarkerRecords(ports, buckets.get(bucket) as BucketRef, after, timeIsUp);
        ended = after === undefined || after === before;
      }
    });
    if (!ended && timeIsUp())
      return { ...records, stopped: { bucket, ...(after === undefined ? {} : { after }) } };
  }
  return { sweptAt: now };
}

/**
 * Removes the records of delete markers that a destination no longer holds, and of attempts that made none: one page of
 * names, in their order. Younger ones than `recordsKeptMs` stay, since a listing may still hide their marker. Returns
 * the last name that was looked at, or `undefined` at the end.
 */
async function sweepMarkerRecords(
  ports: MarkerRecordPorts,
  destination: BucketRef,
  after: string | undefined,
  timeIsUp: () => boolean,
): Promise<string | undefined> {
  const folder = markersFolder(destination.bucket);
  const page = await ports.state.list(folder, after);
  // What the page may hold a part of only is looked at with the next one.
  const names = page.complete ? page.names : withoutLastKey(page.names);
  let last = after;
  for (const [keyFolder, ofKey] of byKey(names)) {
    if (timeIsUp()) return last;
    await sweepKey(ports, destination, keyFolder, ofKey);
    last = ofKey.at(-1);
  }
  return page.complete ? undefined : last;
}

async function sweepKey(
  ports: MarkerRecordPorts,
  destination: BucketRef,
  folder: string,
  names: readonly string[],
): Promise<void> {
  const oldBeforeMs = ports.clock.now() - ports.settings.recordsKeptMs;
  const old = parseAttempts(names.map((name) => name.slice(folder.length))).filter(
    ({ openedMs }) => openedMs < oldBeforeMs,
  );
  const [first] = old;
  if (first === undefined) return;
  const name = names.find((one) => one.startsWith(folder + first.attempt)) ?? '';
  const body = await ports.state.get(name);
  if (body === undefined) return;
  const facts = parseDocument<{ readonly key: string }>(ports.log, name, body, { key: 'string' });
  if (facts === undefined) return;
  const { key } = facts;
  const history = await wholeHistory(ports, destination, key);
  if (history === undefined) return;
  const ids = new Set(history.map((entry) => entryId(entry)));
  const times: LandingTimes = ports.settings;
  for (const attempt of old) {
    if (isNeeded(attempt, history, ids, times)) continue;
    for (const gone of names.filter((one) => one.startsWith(`${folder}${attempt.attempt}.`))) {
      await ports.state.remove(gone);
    }
  }
}

async function wholeHistory(
  ports: MarkerRecordPorts,
  destination: BucketRef,
  key: string,
): Promise<readonly HistoryEntry[] | undefined> {
  const entriesMax = ports.settings.historyPageEntries;
  let window = await ports.store.listKey(destination, key, { entriesMax });
  for (let page = 1; !window.complete && page < historyPagesMax; page += 1) {
    window = await readOlder(ports, destination, key, window);
  }
  return window.complete ? window.entries : undefined;
}

function byKey(names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    const group = groups.get(folder);
    if (group) group.push(name);
    else groups.set(folder, [name]);
  }
  return groups;
}

/** A key that fills a page by itself is taken as far as it goes: its records are looked at one by one. */
function withoutLastKey(names: readonly string[]): readonly string[] {
  const groups = [...byKey(names).values()];
  return groups.length > 1 ? groups.slice(0, -1).flat() : names;
}
