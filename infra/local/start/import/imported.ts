import type { Replicated } from '../function-lines';
import type { ImportFile } from './walk';

/** One file on its way, and what became of it. */
export interface Imported extends ImportFile {
  /** Set by the upload. */
  sourceVersionId?: string;
  uploadedAtMs?: number;
  crc64?: string;
  /** Set when its replica is known to stand at the destination. */
  destinationVersionId?: string;
  /** Why it is not uploaded, not replicated or not equal. */
  problem?: string;
}

/** Matches what the replicate function reports with what was uploaded, whichever is known first. */
export interface ReplicaWatch {
  readonly imported: readonly Imported[];
  readonly uploaded: (file: Imported, put: { versionId: string; crc64: string; atMs: number }) => void;
  readonly replicated: (replicated: Replicated) => void;
  readonly markReplicated: (file: Imported, destinationVersionId: string) => void;
  /** Called once for each file whose replica stands. */
  onReplicated: (file: Imported) => void;
}

export function watchReplicas(files: readonly ImportFile[], sourceBucket: string): ReplicaWatch {
  const imported = files.map((file): Imported => ({ ...file }));
  const byKey = new Map(imported.map((file) => [file.key, file]));
  // A replica may be reported before the upload's own answer has arrived. One version of each key is awaited.
  const early = new Map<string, Replicated>();

  const watch: ReplicaWatch = {
    imported,
    uploaded: (file, { versionId, crc64, atMs }) => {
      Object.assign(file, { sourceVersionId: versionId, crc64, uploadedAtMs: atMs });
      const known = early.get(file.key);
      early.delete(file.key);
      if (known?.sourceVersionId === versionId) watch.markReplicated(file, known.destinationVersionId);
    },
    replicated: (replicated) => {
      const file = byKey.get(replicated.key);
      if (!file || replicated.sourceBucket !== sourceBucket || replicated.entry !== 'version') return;
      if (file.sourceVersionId === undefined) early.set(file.key, replicated);
      else if (file.sourceVersionId === replicated.sourceVersionId) {
        watch.markReplicated(file, replicated.destinationVersionId);
      }
    },
    markReplicated: (file, destinationVersionId) => {
      if (file.destinationVersionId !== undefined) return;
      file.destinationVersionId = destinationVersionId;
      watch.onReplicated(file);
    },
    onReplicated: () => {},
  };
  return watch;
}
