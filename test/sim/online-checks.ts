import type { Verdict } from './failure';
import { shown, type Written } from './ledger';
import type { Acknowledged } from './operators';
import { hasPrefix, type RuleBooks } from './rule-books';
import type { SimCos } from './sim-cos';
import type { StartedCopy, Watch } from './world';

/** Requests about one key between the last look at the rules and the copy: a HEAD, and one more after a torn copy. */
const requestsBeforeCopyMax = 4;

/**
 * Checks every write of replication at the moment when it is sent, and when it lands: off means off, no rings, no torn
 * object, nothing at a destination whose versioning is not Enabled.
 */
export function createOnlineChecks(parts: {
  readonly verdict: Verdict;
  readonly books: RuleBooks;
  readonly acknowledged: readonly Acknowledged[];
  readonly cos: () => SimCos;
  readonly now: () => number;
  readonly configLifetimeMs: number;
  readonly planAgeMaxMs: number;
}): Watch & { readonly writes: readonly StartedCopy[]; landed(written: Written): void } {
  const { verdict, books, acknowledged, now, configLifetimeMs } = parts;
  /** When each worker sent its requests about each key. */
  const sent = new Map<string, number[]>();
  const writes: StartedCopy[] = [];

  /** Whether any rule that may still be believed leads from the source of a copy to where it goes. */
  const isAllowed = (copy: StartedCopy, believedMs: number): boolean => {
    const oldest = acknowledged
      .filter((change) => change.bucket === copy.source.bucket && change.atMs <= believedMs)
      .reduce((revision, change) => Math.max(revision, change.revision), 0);
    // Of two creators of a revision the one that lost may have been read, before either was told.
    const later = books.ever(copy.source.bucket).filter(({ revision }) => revision > oldest);
    return [books.revisions(copy.source.bucket)[oldest], ...later].some((set) =>
      set?.rules.some(
        (rule) =>
          rule.status === 'Enabled' &&
          rule.destination.bucket === copy.destination.bucket &&
          hasPrefix(rule, copy.key),
      ),
    );
  };

  const requestsSince = (copy: StartedCopy, ms: number): number =>
    (sent.get(`${copy.worker}\n${copy.key}`) ?? []).filter((at) => at > ms).length;

  return {
    writes,
    requested(worker, key) {
      const id = `${worker}\n${key}`;
      const times = sent.get(id);
      if (times) times.push(now());
      else sent.set(id, [now()]);
    },

    copyStarts(copy) {
      writes.push(copy);
      const believedMs = now() - configLifetimeMs;
      if (!isAllowed(copy, believedMs)) {
        // A worker that only waited for the answer to its last request may still send what it was about to.
        const since = offSinceMs(copy) + configLifetimeMs;
        if (requestsSince(copy, since) >= requestsBeforeCopyMax || copy.kind === 'deleteMarker') {
          if (copy.kind === 'deleteMarker' && requestsSince(copy, since) < 1) return;
          verdict.fail(
            'off means off',
            `${copy.worker} starts a copy of "${copy.key}" to ${copy.destination.bucket} although the rule is off`,
            copy.key,
          );
        }
      }
      const suspendedMs = parts.cos().suspendedSinceMs(copy.destination);
      const windowMs = configLifetimeMs + parts.planAgeMaxMs;
      if (
        suspendedMs !== undefined &&
        now() - suspendedMs > windowMs &&
        requestsSince(copy, suspendedMs + windowMs) > 3
      ) {
        verdict.fail(
          'append-only destination',
          `${copy.worker} writes "${copy.key}" to ${copy.destination.bucket}, which is long suspended`,
          copy.key,
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
      if (!nullsInPlaceOf(of).some((one) => books.everCovered(of.ref.bucket, ref.bucket, key, one.stored))) {
        verdict.fail(
          'only what is covered',
          `${shown(of)} of ${of.ref.bucket} is replicated to ${ref.bucket} though no rule ever covered it`,
          key,
        );
      }
      const [kept, given] = [of.stored.content?.storageClass, stored.content?.storageClass];
      if (kept && given && !books.classesEver(of.ref.bucket, ref.bucket, kept).includes(given)) {
        verdict.fail(
          'no torn object',
          `${shown(written)} at ${ref.bucket} is ${given}; its source is ${kept}`,
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

  /**
   * An entry, and what stood in the same place if it is a `null`: tags are read apart from the content, and of one that
   * was overwritten meanwhile, and then put again as it was, nobody can tell.
   */
  function nullsInPlaceOf(of: Written): readonly Written[] {
    if (of.stored.entry.versionId !== 'null') return [of];
    const ever = parts.cos().ledger.of(of.ref.bucket, of.key);
    return ever.filter(({ stored }) => stored.entry.versionId === 'null');
  }

  /** When the first change was acknowledged after which no rule allows a copy. */
  function offSinceMs(copy: StartedCopy): number {
    const changes = acknowledged.filter((change) => change.bucket === copy.source.bucket);
    const off = changes.filter((change) => !isAllowed(copy, change.atMs)).map(({ atMs }) => atMs);
    return Math.min(...off);
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
