import { asReplicationError, type ReasonCode } from '../domain/error';
import {
  type EntryId,
  entryId,
  etagsAgree,
  type HistoryEntry,
  type HistoryWindow,
  versionIdOf,
} from '../domain/history';
import { idMs, type Provenance } from '../domain/key-view';
import type { BucketRef, ReplicationRule } from '../domain/rule';
import { type SourceOrder, sourceOrder } from '../domain/source-order';
import type { NamedEntry } from './backlog';
import type { HandleEventPorts } from './handle-event';
import { lookAt, readOlder } from './look';
import { destinationProvenance } from './provenance';
import { readableHead } from './readable-head';

/** Nothing else keeps a delete marker from its destination. */
const ofMarkers: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['REQUEST_REFUSED', 'NEWER_NOT_COPYABLE']);

/** Entries at the destination that are asked what they are, of the newest and of the oldest that may be it. */
const examinationsMax = 300;
/** Pages of a history that are read for it. */
const pagesMax = 300;

/** `buried`: below an older one, on top of which it could not be put again. */
export type Standing = 'stands' | 'buried' | 'missing';

/** Where a replica differed from its source, one counts whose content is known to be the same, or that was sent later. */
export async function standsAtDestination(
  ports: HandleEventPorts,
  source: BucketRef,
  { destination }: ReplicationRule,
  key: string,
  gaps: readonly NamedEntry[],
): Promise<(gap: NamedEntry) => Promise<Standing>> {
  const sought = gaps.flatMap(({ entry }) => (entry.source === undefined ? [] : [entry.source]));
  const { clockToleranceMs, longestTransferMs } = ports.settings;
  // No replica is older than its source; what took long has the time of its begin.
  const fromMs = Math.min(...sought.map((of) => idMs(of) ?? 0)) - clockToleranceMs - longestTransferMs;
  const mayBeMarkers = gaps.some(({ entry }) => ofMarkers.has(entry.code));
  const newest = new Map<EntryId, { readonly replica: Replica; readonly entry: HistoryEntry }>();
  const look = await lookAt(ports, destination, key);
  const resolve = destinationProvenance(ports, source.bucket, destination, key);
  const isBefore = ({ lastModifiedMs }: HistoryEntry): boolean => lastModifiedMs < fromMs;
  const window = await listedBack(ports, destination, key, look.window, ({ entries }) =>
    entries.some(isBefore),
  );
  const young = window.entries.slice(window.entries.findLastIndex(isBefore) + 1);
  // What failed once was copied soon after if at all, or it was put on top of everything else long after.
  const onTop = young.slice(-examinationsMax).toReversed();
  const below = young.slice(0, -examinationsMax).slice(0, examinationsMax);
  let top: EntryId | undefined;
  for (const [place, entry] of [...onTop, ...below].entries()) {
    if (sought.every((of) => newest.has(of))) break;
    if (entry.kind === 'deleteMarker' && !mayBeMarkers && top !== undefined) continue;
    const found = await resolve(entry, window, look.current).catch(unlessInDoubt);
    if (found.kind !== 'replica') continue;
    if (place < onTop.length) top ??= found.of;
    if (!newest.has(found.of)) newest.set(found.of, { replica: found, entry });
  }
  let compare: SourceOrder | undefined;
  /** What fills a gap lies on top of it: it was to be put there again, and that failed. */
  const isBuried = async (of: EntryId): Promise<boolean> => {
    if (top === undefined || top === of) return false;
    compare ??= sourceOrder(await listedBackTo(ports, source, key, [top, ...sought]));
    return compare(top, of) < 0;
  };
  return async ({ entry: { source: of, code, at } }) => {
    const found = of === undefined ? undefined : newest.get(of);
    if (of === undefined || found === undefined) return 'missing';
    if (await isBuried(of)) return 'buried';
    const { replica, entry } = found;
    if (code !== 'REPLICA_MISMATCH' || replica.isWhole || replica.issuedMs > Date.parse(at)) return 'stands';
    const head = await readableHead(ports, source, key, versionIdOf(of));
    if (head === undefined || head === 'unreadable' || entry.kind === 'deleteMarker') return 'missing';
    // As whoever copies it judges it.
    return etagsAgree(head, entry) ? 'stands' : 'missing';
  };
}

/** Ids tell the order only of what is no longer listed: as much of a history as holds these entries, or all of it. */
async function listedBackTo(
  ports: HandleEventPorts,
  bucket: BucketRef,
  key: string,
  ids: readonly EntryId[],
): Promise<HistoryWindow> {
  const { window } = await lookAt(ports, bucket, key);
  return listedBack(ports, bucket, key, window, ({ entries }) => {
    const listed = new Set(entries.map(entryId));
    return ids.every((id) => listed.has(id));
  });
}

/** As much of a history as is enough. */
async function listedBack(
  ports: HandleEventPorts,
  bucket: BucketRef,
  key: string,
  from: HistoryWindow,
  isEnough: (window: HistoryWindow) => boolean,
): Promise<HistoryWindow> {
  let window = from;
  for (let pages = 0; pages < pagesMax && !window.complete && !isEnough(window); pages += 1)
    window = await readOlder(ports, bucket, key, window);
  return window;
}

type Replica = Extract<Provenance, { kind: 'replica' }>;

/** A marker of which nobody can tell yet what it stands for is none that was sought. */
function unlessInDoubt(thrown: unknown): Provenance {
  if (asReplicationError(thrown).code === 'OUTCOME_UNKNOWN') return { kind: 'foreign' };
  throw thrown;
}
