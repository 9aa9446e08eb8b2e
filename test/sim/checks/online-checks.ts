import type { Verdict } from '../failure';
import { nameOf, shown, type Written } from '../ledger';
import { covers, type RuleBooks, ruleToward } from '../rule-books';
import type { SimCos } from '../sim-cos';
import type { MarkerRecord, StartedCopy, Watch } from '../world';

/**
 * Checks every write of replication at the moment when it is sent, and when it lands: off means off, no rings, no torn
 * object, nothing at a destination whose versioning is not Enabled. Each of them is sent right after its function has
 * asked itself whether it still may; so no time is allowed for.
 */
export function createOnlineChecks(parts: {
  readonly verdict: Verdict;
  readonly books: RuleBooks;
  readonly attempts: readonly MarkerRecord[];
  readonly cos: () => SimCos;
  readonly now: () => number;
  readonly configLifetimeMs: number;
  readonly planAgeMaxMs: number;
}): Watch & { readonly writes: readonly StartedCopy[]; landed(written: Written): void } {
  const { verdict, books, now, configLifetimeMs } = parts;
  const writes: StartedCopy[] = [];

  const believableAt = (bucket: string, sentMs: number) =>
    books.believable(bucket, sentMs - configLifetimeMs, sentMs);

  return {
    writes,

    copyStarts(copy) {
      writes.push(copy);
      const { source, destination, key, worker } = copy;
      const rules = believableAt(source.bucket, now()).map((set) => ruleToward(set, destination.bucket, key));
      if (rules.every((rule) => rule === undefined)) {
        verdict.fail(
          'off means off',
          `${worker} starts a copy of "${key}" to ${destination.bucket} although no rule says so`,
          key,
        );
      }
      const suspendedMs = parts.cos().suspendedSinceMs(destination);
      if (suspendedMs !== undefined && now() - suspendedMs > configLifetimeMs + parts.planAgeMaxMs) {
        verdict.fail(
          'append-only destination',
          `${worker} writes "${key}" to ${destination.bucket}, which is long suspended`,
          key,
        );
      }
    },

    copyLands: () => {},

    landed(written) {
      const { author, stored, ref, key } = written;
      if (author.kind !== 'replication') return;
      const { of } = author;
      if (of.author.kind === 'replication') {
        verdict.fail(
          'bounded',
          `the replica ${shown(of)} of ${of.ref.bucket} is replicated further to ${ref.bucket}`,
          key,
        );
      }
      if (!nullsInPlaceOf(of).some((one) => isDue(one, ref.bucket, author.startedMs))) {
        verdict.fail(
          'only what is covered',
          `${shown(of)} of ${of.ref.bucket} is replicated to ${ref.bucket} though no rule covers it`,
          key,
        );
      }
      const given = stored.content?.storageClass;
      if (
        given !== undefined &&
        !of.classes.some((kept) => classesFor(of, ref.bucket, kept, author.startedMs).includes(given))
      ) {
        verdict.fail(
          'no torn object',
          `${shown(written)} at ${ref.bucket} is ${given}; its source is ${of.classes.join(', then ')}`,
          key,
        );
      }
      if (of.ref.bucket === ref.bucket) {
        verdict.fail(
          'read-only source',
          `${author.worker} writes to ${ref.bucket}, the source of "${key}"`,
          key,
        );
      }
      if (
        !author.torn &&
        !nullsInPlaceOf(of).some(({ stored: { content } }) => isFaithful(written, of, content?.tags))
      ) {
        verdict.fail(
          'no torn object',
          `${shown(written)} at ${ref.bucket} differs from its source: ${JSON.stringify(stored.content)} instead of ${JSON.stringify(of.stored.content)}`,
          key,
        );
      }
    },
  };

  /** By a rule that may be believed; what is put on top again from its own replica has the class of that one. */
  function classesFor(of: Written, bucket: string, kept: string, sentMs: number): readonly string[] {
    if (wasSentBefore(of, bucket, sentMs)) return books.classesEver(of.ref.bucket, bucket, kept);
    return believableAt(of.ref.bucket, sentMs).flatMap((set) => {
      const rule = ruleToward(set, bucket, of.key);
      return rule === undefined ? [] : [rule.destination.storageClass ?? kept];
    });
  }

  /**
   * An entry, and what stood in the same place if it is a `null`: tags are read apart from the content, and of one that
   * was overwritten meanwhile, and then put again as it was, nobody can tell.
   */
  function nullsInPlaceOf(of: Written): readonly Written[] {
    if (of.stored.entry.versionId !== 'null') return [of];
    const ever = parts.cos().ledger.of(of.ref.bucket, of.key);
    return ever.filter(({ stored }) => stored.entry.versionId === 'null');
  }

  /** Whether a rule that may be believed covers an entry, or it was sent there before: then it is only put on top again. */
  function isDue(of: Written, bucket: string, sentMs: number): boolean {
    const covering = believableAt(of.ref.bucket, sentMs).some((set) =>
      set.rules.some((rule) => rule.destination.bucket === bucket && covers(rule, of.key, of.stored)),
    );
    return covering || wasSentBefore(of, bucket, sentMs);
  }

  function wasSentBefore(of: Written, bucket: string, beforeMs: number): boolean {
    const name = nameOf(of.stored.entry);
    const attempts = parts.attempts.filter(
      (one) =>
        one.destination === bucket &&
        one.key === of.key &&
        one.sourceMarker === name &&
        one.sentMs < beforeMs,
    );
    const arrived = parts
      .cos()
      .ledger.of(bucket, of.key)
      .some(({ author }) => author.kind === 'replication' && author.of === of && author.startedMs < beforeMs);
    // One of them is its own.
    return arrived || attempts.length > 1;
  }
}

/** Body, tags and metadata are the source's; the metadata has one header more. */
function isFaithful({ stored }: Written, of: Written, tags: string | undefined): boolean {
  const [replica, source] = [stored.content, of.stored.content];
  if (replica === undefined || source === undefined) return replica === source;
  if (replica.body !== source.body || replica.tags !== tags) return false;
  const names = Object.keys(replica.metadata).filter((name) => name !== 'x-cos-meta-crr-stamp');
  const wanted = Object.keys(source.metadata).filter((name) => name !== 'x-cos-meta-crr-stamp');
  return (
    names.length === wanted.length && wanted.every((name) => replica.metadata[name] === source.metadata[name])
  );
}
