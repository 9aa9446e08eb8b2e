import type { LocalCloud } from '../../cloud';
import { cosClient } from '../../cos-client';
import type { Demo } from '../demo';
import { type ProgressOutput, showProgress } from '../progress';
import { awaitReplicas } from './await-replicas';
import type { ReplicaWatch } from './imported';
import { importReport } from './report';
import { uploadAll } from './upload';
import { verifyAll } from './verify';
import type { ImportFolder } from './walk';

export interface ImportSettings {
  readonly cloud: LocalCloud;
  readonly demo: Demo;
  readonly folder: ImportFolder;
  readonly watch: ReplicaWatch;
  readonly output: ProgressOutput;
  readonly signal: AbortSignal;
  readonly stallMs: number;
  /** A command that shows the rules, for the report of what is missing. */
  readonly rulesHint: string;
}

/** Uploads, waits, verifies and reports. `true`: every file has a replica with the bytes of the file on disk. */
export async function runImport(settings: ImportSettings): Promise<boolean> {
  const { cloud, demo, folder, watch, output, signal, stallMs, rulesHint } = settings;
  const cos = cosClient(cloud.port, cloud.account);
  const startedMs = performance.now();
  const step = async (
    label: string,
    total: number,
    work: (onDone: () => void) => Promise<void>,
  ): Promise<void> => {
    if (signal.aborted || total === 0) return;
    const progress = showProgress(output, label, total);
    await work(progress.advance).finally(progress.stop);
  };

  const { imported } = watch;
  await step('uploaded', imported.length, (onDone) => uploadAll(cos, demo, watch, onDone, signal));
  const uploaded = imported.filter((file) => file.sourceVersionId !== undefined);
  await step('replicated', uploaded.length, (onDone) =>
    awaitReplicas({ cos, demo, watch, onDone, signal, stallMs }),
  );
  const replicas = uploaded.filter((file) => file.destinationVersionId !== undefined);
  let verified = 0;
  await step('verified', replicas.length, async (onDone) => {
    const checked = (): void => {
      verified += 1;
      onDone();
    };
    await verifyAll(cos, demo, replicas, checked, signal);
  });
  if (signal.aborted) {
    output.write('The import was interrupted.\n');
    return false;
  }
  const faulty = replicas.filter((file) => file.problem !== undefined).length;
  const result = { folder, imported, verified: verified - faulty, tookMs: performance.now() - startedMs };
  output.write(importReport(result, rulesHint));
  return imported.every((file) => file.problem === undefined);
}
