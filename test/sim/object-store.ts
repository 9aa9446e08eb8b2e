import type { StoredContent, StoredEntry } from '../../lib/adapters/memory/memory-cos';
import { headOf, pageOf } from '../../lib/adapters/memory/memory-ports';
import type { BucketDirectory, KeyedEntry, ObjectStore } from '../../lib/app/ports';
import { ReplicationError } from '../../lib/domain/error';
import type { HistoryEntry } from '../../lib/domain/history';
import type { BucketRef } from '../../lib/domain/rule';
import type { ObjectHead } from '../../lib/domain/transfer';
import type { Chance } from './chance';
import type { FaultKind } from './faults';
import { type Author, nameOf, shown, type Written } from './ledger';
import { entriesOf } from './sim-cos';
import type { Caller } from './wire';
import type { World } from './world';

const staleness: readonly FaultKind[] = ['staleSnapshot', 'staleHole'];

/** The ObjectStore port of one caller. */
export function createSimStore(world: World, caller: Caller): ObjectStore {
  const { cos, wire, scheduler, watch } = world;
  /** As of when the caller was last shown what there is of a key, from its newest entry on. */
  const looked = new Map<string, number>();

  const send = <Answer>(
    api: string,
    ref: BucketRef,
    key: string,
    faults: readonly FaultKind[],
    effect: (fault: FaultKind | undefined) => Answer,
    show?: (answer: Answer) => string,
  ) => {
    const writes = api === 'copyVersion' || api === 'putDeleteMarker';
    return wire.send(
      caller,
      { api, subject: `${ref.bucket.split('-')[0]}/${key}`, writes, faults },
      effect,
      show,
    );
  };

  const need = (ref: BucketRef): void => {
    if (!cos.exact.bucket(ref))
      throw new ReplicationError('BUCKET_MISSING', `${ref.bucket} in ${ref.region}`);
  };

  const standing = (ref: BucketRef, key: string, versionId: string | undefined): StoredEntry | undefined => {
    const history = cos.exact.bucket(ref)?.keys.get(key) ?? [];
    const found =
      versionId === undefined
        ? history.at(-1)
        : history.find((stored) => stored.entry.versionId === versionId);
    return found?.content === undefined ? undefined : found;
  };

  return {
    listKey: (ref, key, { olderThan, entriesMax }) =>
      send(
        'listKey',
        ref,
        key,
        staleness,
        (fault) => {
          need(ref);
          const { history, asOfMs } = listed(world, caller, ref, key, fault);
          // A single entry is asked for only to tell whether anything changed.
          if (olderThan === undefined && entriesMax > 1) looked.set(`${ref.bucket}/${key}`, asOfMs);
          const older = olderThan === undefined ? history : before(world, ref, key, history, olderThan);
          return pageOf(entriesOf(older), undefined, entriesMax);
        },
        ({ entries }) => `[${entries.map((entry) => showEntry(world, ref, key, entry)).join(' ')}]`,
      ),

    listVersions: (ref, { prefix, after, entriesMax }) =>
      send('listVersions', ref, prefix, staleness, (fault) => {
        need(ref);
        const rows: KeyedEntry[] = [];
        for (const key of [...cos.keysOf(ref)].filter((one) => one.startsWith(prefix)).sort(byUtf8)) {
          for (const { entry } of listed(world, caller, ref, key, fault).history.toReversed())
            rows.push({ key, entry });
        }
        const from = after === undefined ? 0 : placeAfter(rows, after);
        const entries = rows.slice(from, from + entriesMax);
        return { entries, complete: from + entriesMax >= rows.length };
      }),

    headObject: (ref, key, versionId) =>
      send(
        'headObject',
        ref,
        key,
        [],
        () => {
          const found = standing(ref, key, versionId);
          if (found?.content && kindOf(found.content) === 'sealed')
            throw new ReplicationError('OBJECT_ENCRYPTED', `HeadObject of "${key}"`);
          const written = found && cos.ledger.find(found);
          const restored = written?.restoredMs !== undefined;
          if (written?.classes.includes('ARCHIVE'))
            written.told.push({ worker: caller.name, atMs: scheduler.now(), readable: restored });
          return found && markedHead(headOf(found, true), restored);
        },
        (head) => (head ? `${head.versionId?.slice(-6)}` : 'none'),
      ),

    tagsOf: (ref, key, versionId) =>
      send('tagsOf', ref, key, [], () => {
        const tags = new URLSearchParams(standing(ref, key, versionId)?.content?.tags);
        return [...tags].map(([name, value]) => ({ key: name, value }));
      }),

    copyVersion: (request) => {
      const { source, key, version, destination } = request;
      const restores = source.bucket === destination.bucket;
      const restored = restores ? cos.ledger.named(source.bucket, key, nameOf(version)) : undefined;
      const from = restored ? originOf(restored).ref : source;
      const copy = { kind: 'version', worker: caller.name, source: from, destination, key } as const;
      const sent = sentNow(from, key);
      watch.copyStarts(copy);
      world.tally.count(restores ? 'step restoreReplica' : 'step copyVersion');
      return send(
        'copyVersion',
        destination,
        key,
        ['torn', 'errorIn200'],
        (fault) => {
          need(destination);
          need(source);
          const from = standing(source, key, version.versionId);
          const original = from && cos.ledger.find(from);
          if (from?.content === undefined || from.entry.kind !== 'version' || !original) {
            throw new ReplicationError('SOURCE_GONE', `version ${version.versionId} of "${key}"`);
          }
          if (from.entry.etag !== version.etag) throw new ReplicationError('SOURCE_GONE', 'another ETag');
          // Whatever COS may have against it, it is the same the next time.
          if (kindOf(from.content) === 'refused')
            throw new ReplicationError('REQUEST_REFUSED', `a copy of "${key}"`);
          const torn = fault === 'torn';
          const content: StoredContent = {
            ...from.content,
            metadata: request.metadata,
            storageClass: request.storageClass,
            body: torn ? tear(from.content, caller.chance) : from.content.body,
          };
          // What was put in its place with the same content cannot be told from it.
          const meant = cos.ledger.named(source.bucket, key, nameOf(version));
          const same = meant?.stored.content?.tags === from.content.tags;
          const copied = meant && same ? meant : original;
          const author = replication(restores ? originOf(copied) : copied, sent, torn);
          const enabled = cos.versioning(destination) === 'Enabled';
          const made = cos.put(destination, key, content, { ...sent, author });
          watch.copyLands(copy);
          if (torn) world.tally.count('fault torn');
          const head = markedHead(headOf(made.stored, true), false);
          return {
            versionId: enabled ? made.stored.entry.versionId : undefined,
            etag: version.etag,
            crc64: head?.crc64,
          };
        },
        ({ versionId }) => `${version.versionId.slice(-6)} -> ${versionId?.slice(-6)}`,
      );
    },

    putDeleteMarker: (ref, key) => {
      // Its record was opened just before: that tells what it stands for.
      const opened = openedBy(world, caller.name, ref, key);
      const copy = {
        kind: 'deleteMarker',
        worker: caller.name,
        source: opened?.ref ?? ref,
        destination: ref,
        key,
      } as const;
      const sent = sentNow(copy.source, key);
      watch.copyStarts(copy);
      world.tally.count('step putDeleteMarker');
      return send(
        'putDeleteMarker',
        ref,
        key,
        [],
        () => {
          need(ref);
          if (!opened) throw new Error(`a delete marker of "${key}" without a record of its attempt`);
          const enabled = cos.versioning(ref) === 'Enabled';
          const made = cos.delete(ref, key, { ...sent, author: replication(opened, sent) });
          watch.copyLands(copy);
          return { versionId: enabled ? made.stored.entry.versionId : undefined };
        },
        ({ versionId }) => `-> ${versionId?.slice(-6)}`,
      );
    },
  };

  /** What the caller goes by when it sends a write: it may look at the key again before that lands. */
  function sentNow(source: BucketRef, key: string): Sent {
    return { startedMs: scheduler.now(), lookedMs: looked.get(`${source.bucket}/${key}`) ?? -Infinity };
  }

  function replication(of: Written, sent: Sent, torn = false): Author {
    return { kind: 'replication', worker: caller.name, of, ...sent, torn };
  }
}

type Sent = Pick<Extract<Author, { kind: 'replication' }>, 'startedMs' | 'lookedMs'>;

/** A replica of a replica stands for what that one stands for; but only within one bucket: others are told apart. */
function originOf(written: Written): Written {
  return written.author.kind === 'replication' ? written.author.of : written;
}

/** A history as a listing shows it now, and the time as of which that is so. */
function listed(
  world: World,
  caller: Caller,
  ref: BucketRef,
  key: string,
  fault: FaultKind | undefined,
): { readonly history: readonly StoredEntry[]; readonly asOfMs: number } {
  const { cos, scheduler, settings, tally } = world;
  const { chance } = caller;
  const asOfMs = scheduler.now();
  const now = cos.exact.bucket(ref)?.keys.get(key) ?? [];
  if (fault === 'staleSnapshot') {
    const beforeMs = asOfMs - chance.between(1, settings.listingLagMs);
    const before = cos.historyAt(ref, key, beforeMs);
    const differs = before.length !== now.length || before.some((stored, place) => stored !== now[place]);
    if (differs) tally.count('fault staleSnapshot');
    return { history: before, asOfMs: beforeMs };
  }
  if (fault !== 'staleHole') return { history: now, asOfMs };
  const young = now.slice(0, -1).filter((stored) => {
    const written = cos.ledger.find(stored);
    return written && asOfMs - written.landedMs < settings.listingLagMs;
  });
  if (young.length === 0) return { history: now, asOfMs };
  const hole = chance.pick(young);
  const written = cos.ledger.find(hole);
  if (written) written.hidden = true;
  tally.count('fault staleHole');
  return { history: now.filter((stored) => stored !== hole), asOfMs };
}

/** The attempts that each worker opened, as the records in the state bucket tell. */
function openedBy(world: World, worker: string, ref: BucketRef, key: string): Written | undefined {
  const attempt = world.attempts.findLast(
    (one) => one.worker === worker && one.destination === ref.bucket && one.key === key,
  );
  return attempt && world.cos.ledger.named(attempt.sourceBucket, key, attempt.sourceMarker);
}

/** A place in a listing stays one when its entry is gone, or not listed yet. */
function before(
  { cos }: World,
  ref: BucketRef,
  key: string,
  history: readonly StoredEntry[],
  olderThan: string,
): readonly StoredEntry[] {
  const ever = cos.ledger.of(ref.bucket, key).map(({ stored }) => stored);
  const older = new Set(
    ever.slice(
      0,
      ever.findLastIndex(({ entry }) => entry.versionId === olderThan),
    ),
  );
  const listed = history.filter((stored) => older.has(stored));
  // What newer pages showed lies above: whatever is missing here is a hole.
  for (const stored of older) {
    const written = cos.ledger.find(stored);
    if (written?.removedMs === undefined && written && !listed.includes(stored)) written.hidden = true;
  }
  return listed;
}

function showEntry({ cos }: World, ref: BucketRef, key: string, entry: HistoryEntry): string {
  const written = cos.ledger.named(ref.bucket, key, nameOf(entry));
  return written ? shown(written) : nameOf(entry);
}

/** Objects of a kind that the memory store does not know are marked in their metadata. */
function markedHead(head: ObjectHead | undefined, restored: boolean): ObjectHead | undefined {
  const kind = head?.metadata['x-cos-meta-kind'];
  if (head === undefined) return head;
  if (restored) return { ...head, restored };
  if (kind === undefined) return head;
  // Written before COS computed a CRC64.
  if (kind === 'old') return { ...head, crc64: undefined };
  if (kind === 'appendable') return { ...head, appendable: true };
  if (kind === 'encrypted') return { ...head, customerEncrypted: true };
  if (kind === 'unreadable') return { ...head, metadata: { ...head.metadata, 'x-cos-meta-name': undefined } };
  return head;
}

/** Cut off, or other bytes in the place of some, which only a CRC64 tells. */
function tear(content: StoredContent, chance: Chance): string {
  const sameSize = chance.happens(0.5) && kindOf(content) !== 'old';
  // A restored one may have been torn before.
  const other = content.body.endsWith('!') ? '?' : '!';
  return `${content.body.slice(0, -1)}${sameSize ? other : ''}`;
}

const kindOf = ({ metadata }: StoredContent): string | undefined => metadata['x-cos-meta-kind'];

function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function placeAfter(rows: readonly KeyedEntry[], after: { key: string; versionId?: string }): number {
  const exact = rows.findIndex(({ key, entry }) => key === after.key && entry.versionId === after.versionId);
  if (exact >= 0) return exact + 1;
  const next = rows.findIndex(({ key }) => byUtf8(key, after.key) > 0);
  return next < 0 ? rows.length : next;
}

/** The BucketDirectory port of one caller. */
export function createSimDirectory({ cos, wire }: World, caller: Caller): BucketDirectory {
  const send = <Answer>(api: string, subject: string, effect: () => Answer) =>
    wire.send(caller, { api, subject, writes: false }, effect, (answer) =>
      typeof answer === 'string' ? answer : '',
    );
  return {
    describe: (ref) =>
      send('describe', ref.bucket, () => {
        if (!cos.exact.bucket(ref)) return { kind: 'missing' as const };
        const dateMs = Math.floor(cos.bucketClock(ref) / 1000) * 1000;
        return { kind: 'found' as const, multiZone: false, hierarchical: false, dateMs };
      }),
    versioning: (ref) =>
      send('versioning', ref.bucket, () => cos.exact.bucket(ref)?.versioning ?? ('Unversioned' as const)),
    replicatesTo: () => send('replicatesTo', '', () => new Set<string>()),
    ownedBuckets: () => send('ownedBuckets', '', () => cos.exact.ownedBy('main')),
  };
}
