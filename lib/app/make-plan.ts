import { ReplicationError } from '../domain/error';
import type { EntryId, HistoryEntry, HistoryWindow } from '../domain/history';
import { entryId, newestOf } from '../domain/history';
import type { Provenance } from '../domain/key-view';
import { type KeyPlan, planKey } from '../domain/plan';
import { type BucketRef, coverageOf, type ReplicationRule } from '../domain/rule';
import type { ApplyPorts } from './apply-step';
import { type Look, lookAt, readOlder } from './look';
import { destinationProvenance } from './provenance';
import { readableHead } from './readable-head';
import { seenLookbackMs } from './settings';

/** The source of a round, as one destination's plan sees it; older entries are added as the plan asks for them. */
export interface SourceSide extends Omit<Look, 'window'> {
  readonly bucket: BucketRef;
  readonly key: string;
  readonly listedMs: number;
  window: HistoryWindow;
}

export type ReadyPlan = Extract<KeyPlan, { kind: 'apply' }>;

export interface MadePlan {
  readonly plan: ReadyPlan;
  /** At the destination. */
  readonly look: Look;
  readonly top: HistoryEntry | undefined;
}

/** Entries of a destination that are asked about side by side. */
const examinationsAtOnceMax = 32;

/** Looks at a destination and asks the plan, answering its questions until it is made. */
export async function makePlan(
  ports: ApplyPorts,
  source: SourceSide,
  rule: ReplicationRule,
  refills: ReadonlySet<EntryId>,
): Promise<MadePlan> {
  const { key } = source;
  const { destination } = rule;
  const look = await lookAt(ports, destination, key);
  const resolve = destinationProvenance(ports, source.bucket.bucket, destination, key);
  const provenance = new Map<EntryId, Provenance>();
  const gone = new Set<EntryId>();
  let window = look.window;
  let batch = 1;
  for (let asked = 0; asked < ports.settings.examinationsMax; asked += 1) {
    const plan = planKey({
      source: source.window,
      destination: window,
      provenance,
      gone,
      refills,
      coverage: coverageOf(rule, key) ?? {},
      clockToleranceMs: ports.settings.clockToleranceMs,
      longestWriteMs: ports.settings.longestTransferMs,
      listedMs: source.listedMs,
      seenLookbackMs: seenLookbackMs(ports.settings),
      digest: ports.digests.sha256,
    });
    if (plan.kind === 'apply') return { plan, look, top: newestOf(window.entries) };
    if (plan.kind === 'examine') {
      const place = window.entries.indexOf(plan.entry);
      const below = window.entries.slice(Math.max(0, place + 1 - batch), place + 1);
      const unknown = below.filter((entry) => !provenance.has(entryId(entry)));
      await Promise.all(
        unknown.map(async (entry) => {
          provenance.set(entryId(entry), await resolve(entry, window, look.current));
        }),
      );
      asked += unknown.length;
      // One is nearly always enough; where it is not, there may be thousands, and a plan must not grow old over them.
      batch = Math.min(batch * 2, examinationsAtOnceMax);
    } else if (plan.kind === 'confirmGone') {
      if (await readableHead(ports, source.bucket, key, plan.versionId)) {
        throw new ReplicationError('LISTING_STALE', `version ${plan.versionId} of "${key}" is not listed`);
      }
      gone.add(plan.versionId);
    } else if (plan.side === 'source') {
      source.window = await readOlder(ports, source.bucket, key, source.window);
    } else {
      window = await readOlder(ports, destination, key, window);
    }
  }
  throw new ReplicationError(
    'KEY_BUSY',
    `too many foreign entries on top of "${key}" in ${destination.bucket}`,
  );
}
