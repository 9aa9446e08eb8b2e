import type { StoredContent } from '../../lib/adapters/memory/memory-cos';
import type { BucketRef } from '../../lib/domain/rule';
import type { Chance } from './chance';
import { shown, type Written } from './ledger';
import { type Scenario, teamTag } from './scenario';
import type { World } from './world';

/** Bytes of what is uploaded in parts: the longest name fits. */
const sizeInParts = 12;

/** What every rule covers that asks for a tag. */
const teamTagged = `${teamTag.key}=${teamTag.value}`;

/** The people who use the buckets, and care for no replication. */
export function createUsers(world: World, scenario: Scenario) {
  const { cos, scheduler, trace, tally } = world;
  const { longestUploadMs } = scenario.settings.replication;
  let bodies = 0;

  const say = (what: string, ref: BucketRef, key: string, outcome: string): void => {
    tally.count(`user ${what}`);
    trace.add('user', what, `${ref.bucket.split('-')[0]}/${key}`, outcome);
  };

  const put = (
    chance: Chance,
    ref: BucketRef,
    key: string,
    content: Partial<StoredContent>,
    what = 'put',
  ): void => {
    const startedMs = scheduler.now();
    const takesMs = chance.happens(0.15) ? chance.between(200, longestUploadMs) : chance.between(1, 60);
    scheduler.after(takesMs, () => {
      const inParts = scenario.allInParts && what !== 'restore';
      const made = cos.put(ref, key, content, { startedMs, inParts, author: { kind: 'user' } });
      say(what, ref, key, `${shown(made)} ${made.stored.entry.versionId.slice(-6)}`);
    });
  };

  const content = (chance: Chance, key: string): Partial<StoredContent> => {
    bodies += 1;
    const name = `${key.slice(2, 3)}${bodies}`;
    const filler = '.'.repeat(chance.between(0, 9));
    const body = scenario.allInParts ? `${name}~`.padEnd(sizeInParts, '.') : `${name}~${filler}`;
    const metadata = chance.happens(0.3) ? { 'content-type': 'text/plain', 'x-cos-meta-name': name } : {};
    const special = chance.next();
    if (special < 0.02) return { body: `${name}~${'.'.repeat(80)}`, metadata };
    if (special < 0.035) return { body, metadata, storageClass: 'ARCHIVE' };
    if (special < 0.05) return { body, metadata: { 'x-cos-meta-large': 'x'.repeat(4_000) } };
    if (special < 0.065) {
      const kind = chance.pick(['appendable', 'encrypted', 'sealed', 'unreadable', 'refused']);
      return { body, metadata: { 'x-cos-meta-kind': kind } };
    }
    if (special < 0.15) return { body, metadata: { 'x-cos-meta-kind': 'old' } };
    return {
      body,
      metadata,
      tags: chance.pick(['', '', `by=${name}`, `team=a&by=${name}`, 'team=a']),
      storageClass: chance.pick(['STANDARD', 'STANDARD_IA']),
    };
  };

  const erase = (ref: BucketRef, key: string, what = 'delete') => {
    const made = cos.delete(ref, key, { startedMs: scheduler.now(), author: { kind: 'user' } });
    say(what, ref, key, made.stored.entry.versionId.slice(-6));
    return made;
  };

  const restore = (archived: Written): void => {
    archived.restoredMs = scheduler.now();
    say('restore from the archive', archived.ref, archived.key, shown(archived));
  };

  const ownVersions = (ref: BucketRef, key: string) =>
    cos.ledger
      .of(ref.bucket, key)
      .filter(({ stored, author }) => stored.content !== undefined && author.kind === 'user');

  return {
    put: (chance: Chance, ref: BucketRef, key: string) => put(chance, ref, key, content(chance, key)),

    /** The same content as some earlier version. */
    putAgain(chance: Chance, ref: BucketRef, key: string): void {
      const older = ownVersions(ref, key);
      if (older.length === 0) return put(chance, ref, key, content(chance, key));
      put(chance, ref, key, { ...chance.pick(older).stored.content }, 'put again');
    },

    /** An archived one, and a new one on it: the old one can be copied only once its owner has made it readable. */
    putOnArchived(chance: Chance, ref: BucketRef, key: string): void {
      const own = (): Partial<StoredContent> => ({
        body: content(chance, key).body?.slice(0, sizeInParts) ?? '',
        tags: teamTagged,
      });
      put(chance, ref, key, { ...own(), storageClass: 'ARCHIVE' });
      scheduler.after(longestUploadMs + chance.between(0, 5_000), () => put(chance, ref, key, own()));
    },

    /** A lifecycle archives what has been replicated, at one end or at both, and its owner wants back what lies below it. */
    archiveCurrent(chance: Chance, source: BucketRef, destination: BucketRef, key: string): void {
      const [top, replica] = [source, destination].map(({ bucket }) =>
        cos.ledger.of(bucket, key).findLast(({ removedMs }) => removedMs === undefined),
      );
      if (top === undefined || replica?.author.kind !== 'replication' || replica.author.of !== top) return;
      cos.archive(top);
      say('archive at the source', source, key, shown(top));
      if (chance.happens(0.5)) {
        // It may have been written several times.
        for (const one of cos.ledger.of(destination.bucket, key))
          if (one.author.kind === 'replication' && one.author.of === top) cos.archive(one);
        say('archive at the destination', destination, key, shown(replica));
      }
      const below = cos.ledger
        .of(source.bucket, key)
        .find((one) => one !== top && one.classes.includes('ARCHIVE') && one.removedMs === undefined);
      if (below) scheduler.after(chance.between(0, 5_000), () => restore(below));
    },

    delete: (ref: BucketRef, key: string): void => void erase(ref, key),

    /** Whoever wants it gone everywhere does not wait for replication. */
    deleteAtBothEnds(chance: Chance, source: BucketRef, destination: BucketRef, key: string): void {
      erase(source, key);
      scheduler.after(chance.between(0, 5_000), () => erase(destination, key, 'delete at both ends'));
    },

    /** Whoever puts an old version back everywhere: at the destination it looks like the replica, and is none. */
    putAgainAtBothEnds(chance: Chance, source: BucketRef, destination: BucketRef, key: string): void {
      const old = ownVersions(source, key);
      if (old.length === 0) return;
      const again = { ...chance.pick(old).stored.content };
      put(chance, source, key, again, 'put again');
      const soonMs = chance.between(0, 5_000);
      scheduler.after(soonMs, () => put(chance, destination, key, again, 'put again at both ends'));
    },

    /** Deletes, takes it back by deleting the marker for good, and deletes once more: one marker looks like the other. */
    deleteTwice(chance: Chance, ref: BucketRef, key: string): void {
      const marker = erase(ref, key);
      const soonMs = chance.between(500, 20_000);
      scheduler.after(soonMs, () => {
        if (marker.removedMs !== undefined) return;
        cos.deleteVersion(marker);
        say('undelete', ref, key, shown(marker));
      });
      scheduler.after(soonMs + chance.between(50, 10_000), () => erase(ref, key, 'delete again'));
    },

    /** One of the youngest, for good. */
    deleteForGood(chance: Chance, ref: BucketRef, key: string): void {
      const standing = cos.ledger.of(ref.bucket, key).filter((written) => written.removedMs === undefined);
      if (standing.length === 0) return;
      const gone = chance.pick(standing.slice(-3));
      if (gone.author.kind === 'replication') tally.count('user deletes a replica for good');
      cos.deleteVersion(gone);
      say('delete for good', ref, key, shown(gone));
    },

    /**
     * Copies a replica, metadata and all, to the top. Only replicas of which nobody can believe any longer that the
     * copy is replication's own, which lands late.
     */
    restore(chance: Chance, ref: BucketRef, key: string): void {
      const { longestTransferMs, clockToleranceMs } = scenario.settings.replication;
      const old = cos.ledger
        .of(ref.bucket, key)
        .filter(
          ({ author, stored, removedMs }) =>
            author.kind === 'replication' &&
            stored.content !== undefined &&
            removedMs === undefined &&
            author.startedMs + longestTransferMs + 3 * clockToleranceMs < scheduler.now(),
        );
      if (old.length > 0) put(chance, ref, key, { ...chance.pick(old).stored.content }, 'restore');
    },

    /** Makes an archived version readable. */
    restoreArchived(chance: Chance, { bucket }: BucketRef): void {
      const archived = cos.ledger.all.filter(
        ({ ref, stored, removedMs, restoredMs }) =>
          ref.bucket === bucket &&
          stored.content?.storageClass === 'ARCHIVE' &&
          removedMs === undefined &&
          restoredMs === undefined,
      );
      if (archived.length === 0) return;
      restore(chance.pick(archived));
    },

    suspend(chance: Chance, ref: BucketRef): void {
      if (cos.versioning(ref) === 'Suspended') return;
      cos.setVersioning(ref, 'Suspended');
      say('suspend', ref, '', 'versioning is Suspended');
      scheduler.after(chance.between(1_000, 60_000), () => {
        cos.setVersioning(ref, 'Enabled');
        say('resume', ref, '', 'versioning is Enabled');
      });
    },
  };
}

export type Users = ReturnType<typeof createUsers>;
