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
  /** The newest rule set that no other writer of its revision can replace any more. `known`: one that was loaded. */
  load(source: BucketRef, known?: RuleSet): Promise<LoadedRuleSet>;
  /** Writes the next revision. Fails with RULE_CONFLICT if somebody else wrote it first. */
  commit(ruleSet: RuleSet, note: RevisionNote): Promise<void>;
  /** One revision as it was written, or `undefined`. */
  revision(bucket: string, revision: number): Promise<Revision | undefined>;
}

export interface LoadedRuleSet {
  readonly ruleSet: RuleSet;
  /** There was no newer one then. */
  readonly readMs: number;
}

interface StoredRuleSet {
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
  /** The clocks of two functions may differ by this much. */
  readonly clockToleranceMs: number;
}

/** A change's function is over by then: the timeout of `rules` in serverless.yml. */
export const changeMsMax = 60_000;

/** More steps than this from the hint to the newest revision mean that the hint is broken. */
const revisionStepsMax = 100_000;

export function createRuleStore(
  state: StateStore,
  clock: Clock,
  entropy: Entropy,
  settings: RuleStoreSettings,
): RuleStore {
  /** Older than this, by its writer's clock, a revision stood for a settle time, and nobody can replace it. */
  const settledMs = changeMsMax + settings.settleMs + settings.clockToleranceMs;

  const read = async (bucket: string, revision: number): Promise<RuleDocument | undefined> => {
    const body = await state.get(revisionName(bucket, revision));
    return body === undefined ? undefined : parseDocument(body, bucket, revision);
  };

  const readRevision = async (source: BucketRef, revision: number): Promise<StoredRuleSet> => {
    const document = await read(source.bucket, revision);
    if (document) return storedFrom(document);
    throw new ReplicationError('RULES_UNREADABLE', `revision ${revision} of ${source.bucket} is missing`);
  };

  /** What stands in the place of a revision once its writers are done: the hint follows them, time outlasts them. */
  const settle = async (source: BucketRef, { revision }: RuleSet): Promise<StoredRuleSet> => {
    if ((await hinted(source.bucket)) < revision) await clock.sleep(settings.settleMs);
    return readRevision(source, revision);
  };

  return {
    async load(source, known) {
      const { bucket } = source;
      let stored = known === undefined ? await fromHint(source) : { ruleSet: known, committedMs: 0 };
      let settled = true;
      for (let step = 0; step < revisionStepsMax; step += 1) {
        const readMs = clock.now();
        const next = await read(bucket, stored.ruleSet.revision + 1);
        if (next !== undefined) {
          stored = storedFrom(next);
          settled = readMs - stored.committedMs > settledMs;
        } else if (settled) {
          return { ruleSet: stored.ruleSet, readMs };
        } else {
          stored = await settle(source, stored.ruleSet);
          settled = true;
        }
      }
      throw new ReplicationError('RULES_UNREADABLE', `more than ${revisionStepsMax} revisions of ${bucket}`);
    },

    revision: read,

    async commit(ruleSet, { by, what }) {
      const { bucket, region } = ruleSet;
      const at = new Date(clock.now()).toISOString();
      const document: RuleDocument = { format: 1, ...ruleSet, at, by, what, nonce: entropy.nonce() };
      if (ruleSet.revision === 1) await state.put(sourceName(bucket), JSON.stringify({ bucket, region }));
      const name = revisionName(ruleSet.bucket, ruleSet.revision);
      const conflict = `revision ${ruleSet.revision} of ${ruleSet.bucket} was written by somebody else`;
      // However long the change took to make, only creators of the same moment may both succeed.
      const taken = (await read(bucket, ruleSet.revision)) !== undefined;
      if (taken || !(await state.create(name, JSON.stringify(document))))
        throw new ReplicationError('RULE_CONFLICT', conflict);
      // Simultaneous creators may all have been told yes; after a while the last one stands.
      await clock.sleep(settings.settleMs);
      const standing = await read(ruleSet.bucket, ruleSet.revision);
      if (standing?.nonce !== document.nonce) throw new ReplicationError('RULE_CONFLICT', conflict);
      await state.put(hintName(ruleSet.bucket), JSON.stringify({ revision: ruleSet.revision }));
    },
  };

  /** The hint only saves steps: an old one, or a damaged one, or none, is caught up with. It names what is settled. */
  async function hinted(bucket: string): Promise<number> {
    const hint = await state.get(hintName(bucket));
    const found = hint === undefined ? undefined : parseJson(hint);
    const revision = isRecord(found) ? Number(found.revision) : 0;
    return Number.isSafeInteger(revision) && revision > 0 ? revision : 0;
  }

  async function fromHint(source: BucketRef): Promise<StoredRuleSet> {
    const revision = await hinted(source.bucket);
    if (revision === 0) return { ruleSet: emptyRuleSet(source), committedMs: 0 };
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
