import type { ReplicationSettings } from '../../lib/app/settings';
import type { BucketRef } from '../../lib/domain/rule';
import type { Chance } from './chance';
import type { Faults } from './faults';
import type { LeaseWatch } from './lease-events';
import type { Scheduler } from './scheduler';
import type { SimCos } from './sim-cos';
import type { StateBucket } from './state-bucket';
import type { Tally } from './tally';
import type { Trace } from './trace';
import type { Wire } from './wire';

/** Everything that the parts of one run share. */
export interface World {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly faults: Faults;
  readonly wire: Wire;
  readonly trace: Trace;
  readonly tally: Tally;
  readonly cos: SimCos;
  readonly state: StateBucket;
  readonly settings: SimSettings;
  readonly watch: Watch;
  readonly leases: LeaseWatch;
  /** Every record of an attempt to write a delete marker that was sent, in order. */
  readonly attempts: MarkerRecord[];
  /** Keys of events that failed and were to be tried again, in order. */
  readonly retries: RetriedKey[];
  readonly buckets: readonly BucketRef[];
  /** Kinds of operations that are left out. */
  readonly without: ReadonlySet<string>;
}

export interface RetriedKey {
  readonly key: string;
  readonly code: string;
  readonly atMs: number;
}

export interface MarkerRecord {
  /** As the names of its documents begin. */
  readonly attempt: string;
  readonly sentMs: number;
  readonly worker: string;
  readonly key: string;
  readonly sourceBucket: string;
  readonly sourceMarker: string;
  readonly destination: string;
  /** Workers that were shown a listing which lacked its open record. */
  readonly hiddenFrom: Set<string>;
}

export interface SimSettings {
  readonly replication: ReplicationSettings;
  readonly configLifetimeMs: number;
  readonly settleMs: number;
  /** A listing hides nothing that is older than this. */
  readonly listingLagMs: number;
  /** A function is killed after this. */
  readonly functionTimeoutMs: number;
  /** The share of the records that come together with others, as one event. */
  readonly batchRate: number;
  /** Events that one region's function works on at once; the others wait. Absent: any number. */
  readonly workersMax?: number;
}

/** Told of every write of replication when it is sent, and when it lands. */
export interface Watch {
  copyStarts(copy: StartedCopy): void;
  copyLands(copy: StartedCopy): void;
}

export interface StartedCopy {
  readonly kind: 'version' | 'deleteMarker';
  readonly worker: string;
  readonly source: BucketRef;
  readonly destination: BucketRef;
  readonly key: string;
}
