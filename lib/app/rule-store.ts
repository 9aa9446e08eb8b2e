import { ReplicationError } from '../domain/error';
import type { BucketRef, RuleSet } from '../domain/rule';
import { emptyRuleSet } from '../domain/rule';
import type { Clock, Entropy, StateStore } from './ports';
import { isRecord, parseJson } from './state-document';

/**
 * Rule sets in the state bucket: one document per source bucket and revision, never changed once it is settled.
 * Whoever knows revision n asks for n + 1: "not found" is a consistent answer, a listing is not.
 */
export interface RuleStore {
  /** The newest rule set. `known`: start from this one instead of the hint. */
  load(source: BucketRef, known?: StoredRuleSet): Promise<StoredRuleSet>;
  /** The newest rule set, read again if it is so young that another writer of the same revision may still win. */
  loadSettled(source: BucketRef): Promise<StoredRuleSet>;
  /** Writes the next revision. Fails with RULE_CONFLICT if somebody else wrote it first. */
  commit(ruleSet: RuleSet, note: RevisionNote): Promise<StoredRuleSet>;
  /** One revision as it was written, or `undefined`. */
  revision(bucket: string, revision: number): Promise<Revision | undefined>;
}

export interface StoredRuleSet {
  readonly ruleSet: RuleSet;
  /** When it was written, by its writer's clock; 0: never. */
  readonly committedMs: number;
}

/** Who changed what. */
export interface RevisionNote {
  readonly by: string;
  readonly what: string;
}

export interface Revision extends RuleSet, RevisionNote {
  /** ISO 8601. */
  readonly at: string;
}

interface RuleDocument extends Revision {
  readonly format: 1;
  /** Tells two writers of one revision apart. */
  readonly nonce: string;
}

export interface RuleStoreSettings {
  /** How long COS may let two creators of one document both succeed. */
  readonly settleMs: number;
}

/** Younger than this, a revision is read once more: two writers of it may both have been told that they succeeded. */
export const unsettledMs = 60_000;

/** A newer revision came while one settled, this often in a row. */
const settleTriesMax = 5;

/** More steps than this from the hint to the newest revision mean that the hint is broken. */
const revisionStepsMax = 100_000;

/** A rule set as somebody keeps it. */
export interface HeldRuleSet {
  readonly stored: StoredRuleSet;
  /** When the reading of it began. */
  readonly readMs: number;
}

/**
 * The newest rule set, from an older one that is held: one request, if that was settled when it was read. One that was
 * not may have been replaced since, however long ago that is.
 */
export async function loadFrom(
  store: RuleStore,
  clock: Clock,
  source: BucketRef,
  held: HeldRuleSet | undefined,
): Promise<HeldRuleSet> {
  const readMs = clock.now();
  const settled = held !== undefined && held.readMs - held.stored.committedMs > unsettledMs;
  return { stored: await store.load(source, settled ? held.stored : undefined), readMs };
}

export function createRuleStore(
  state: StateStore,
  clock: Clock,
  entropy: Entropy,
  settings: RuleStoreSettings,
): RuleStore {
  const read = async (bucket: string, revision: number): Promise<RuleDocument | undefined> => {
    const body = await state.get(revisionName(bucket, revision));
    return body === undefined ? undefined : parseDocument(body, bucket, revision);
  };

  const readRevision = async (source: BucketRef, revision: number): Promise<StoredRuleSet> => {
    const document = await read(source.bucket, revision);
    if (document) return storedFrom(document);
    throw new ReplicationError('RULES_UNREADABLE', `revision ${revision} of ${source.bucket} is missing`);
  };

  const load = async (source: BucketRef, known?: StoredRuleSet): Promise<StoredRuleSet> => {
    const { bucket } = source;
    let stored = known ?? (await fromHint(source));
    for (let step = 0; step < revisionStepsMax; step += 1) {
      const next = await read(bucket, stored.ruleSet.revision + 1);
      if (next === undefined) return stored;
      stored = storedFrom(next);
    }
    throw new ReplicationError('RULES_UNREADABLE', `more than ${revisionStepsMax} revisions of ${bucket}`);
  };

  return {
    load,

    async loadSettled(source) {
      let found = await load(source);
      for (let attempt = 0; attempt < settleTriesMax; attempt += 1) {
        if (clock.now() - found.committedMs > unsettledMs) return found;
        await clock.sleep(settings.settleMs);
        const { revision } = found.ruleSet;
        found = await load(source, await readRevision(source, revision));
        if (found.ruleSet.revision === revision) return found;
      }
      throw new ReplicationError('RULE_CONFLICT', `the rules of ${source.bucket} change all the time`);
    },

    revision: read,

    async commit(ruleSet, { by, what }) {
      const { bucket, region } = ruleSet;
      const at = new Date(clock.now()).toISOString();
      const document: RuleDocument = { format: 1, ...ruleSet, at, by, what, nonce: entropy.nonce() };
      if (ruleSet.revision === 1) await state.put(sourceName(bucket), JSON.stringify({ bucket, region }));
      const name = revisionName(ruleSet.bucket, ruleSet.revision);
      const conflict = `revision ${ruleSet.revision} of ${ruleSet.bucket} was written by somebody else`;
      if (!(await state.create(name, JSON.stringify(document))))
        throw new ReplicationError('RULE_CONFLICT', conflict);
      // Simultaneous creators may all have been told yes; after a while the last one stands.
      await clock.sleep(settings.settleMs);
      const standing = await read(ruleSet.bucket, ruleSet.revision);
      if (standing?.nonce !== document.nonce) throw new ReplicationError('RULE_CONFLICT', conflict);
      await state.put(hintName(ruleSet.bucket), JSON.stringify({ revision: ruleSet.revision }));
      return storedFrom(document);
    },
  };

  /** The hint only saves steps: an old one, or a damaged one, or none, is caught up with. */
  async function fromHint(source: BucketRef): Promise<StoredRuleSet> {
    const { bucket } = source;
    const hint = await state.get(hintName(bucket));
    const found = hint === undefined ? undefined : parseJson(hint);
    const revision = isRecord(found) ? Number(found.revision) : 0;
    if (!Number.isSafeInteger(revision) || revision < 1)
      return { ruleSet: emptyRuleSet(source), committedMs: 0 };
    return readRevision(source, revision);
  }
}

function storedFrom(document: RuleDocument): StoredRuleSet {
  const { bucket, region, revision, rules, role } = document;
  const ruleSet = { bucket, region, revision, rules, ...(role === undefined ? {} : { role }) };
  return { ruleSet, committedMs: Date.parse(document.at) };
}

function parseDocument(body: string, bucket: string, revision: number): RuleDocument {
  let document: Partial<RuleDocument>;
  try {
    document = JSON.parse(body) as Partial<RuleDocument>;
  } catch (cause) {
    throw new ReplicationError('RULES_UNREADABLE', `revision ${revision} of ${bucket} is no JSON`, cause);
  }
  const sound = document.format === 1 && document.bucket === bucket && document.revision === revision;
  if (!sound || !Array.isArray(document.rules)) {
    throw new ReplicationError(
      'RULES_UNREADABLE',
      `revision ${revision} of ${bucket} is not a rule set of format 1`,
    );
  }
  return document as RuleDocument;
}

/** Buckets that have, or had, rules: one name each, however often their rules changed. */
export const sourcesFolder = 'sources/';

function sourceName(bucket: string): string {
  return `${sourcesFolder}${bucket}.json`;
}

const rulesFolder = 'rules/';

function revisionName(bucket: string, revision: number): string {
  return `${rulesFolder}${bucket}/${String(revision).padStart(12, '0')}.json`;
}

function hintName(bucket: string): string {
  return `${rulesFolder}${bucket}/newest.json`;
}
