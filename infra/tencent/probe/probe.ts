import { DeployError } from '../deploy-error';
import { countProblems, type Finding, problem } from '../finding';
import { clocks, createOnce, deleteMarkers, listingLag, slowWrites } from './bucket-questions';
import { multipartSources, olderVersions } from './copy-questions';
import { removeBucket } from './lab';
import { versionsStay } from './permission-questions';
import type { Instruments, Question } from './question';

/** Before the buckets are versioned, and after. */
const plain: readonly Question[] = [clocks, createOnce];
const versioned: readonly Question[] = [
  listingLag,
  deleteMarkers,
  slowWrites,
  olderVersions,
  multipartSources,
  versionsStay,
];

export interface ProbeOutput {
  readonly say: (line: string) => void;
  readonly show: (finding: Finding) => void;
  /** Aborted: what is under way is finished, nothing else is asked, and the buckets go. */
  readonly signal: AbortSignal;
}

/**
 * Asks the platform itself what nobody has published, in two buckets that are made for it and taken away again. Returns
 * the number of problems.
 */
export async function probe(instruments: Instruments, { say, show, signal }: ProbeOutput): Promise<number> {
  const { lab } = instruments;
  const both = [lab.near, lab.far];
  const findings: Finding[] = [];
  const found = (more: readonly Finding[]): void => {
    findings.push(...more);
    for (const finding of more) show(finding);
  };
  const askAll = async (questions: readonly Question[]): Promise<void> => {
    for (const { about, ask } of questions) {
      if (signal.aborted) return;
      say(`asking about ${about} ...`);
      try {
        found(await ask(instruments));
      } catch (error) {
        found([problem(`No answer about ${about}: ${reasonOf(error)}`)]);
      }
    }
  };
  say(`making ${both.map(({ bucket, region }) => `${bucket} in ${region}`).join(' and ')}`);
  try {
    for (const bucket of both) await lab.buckets.create(bucket);
    await askAll(plain);
    if (!signal.aborted) for (const bucket of both) await lab.buckets.enableVersioning(bucket);
    await askAll(versioned);
  } finally {
    say('taking both buckets away');
    for (const bucket of both)
      if (!(await removeBucket(lab, bucket)))
        found([problem(`The bucket ${bucket.bucket} in ${bucket.region} still stands: delete it by hand.`)]);
  }
  return countProblems(findings);
}

function reasonOf(error: unknown): string {
  if (error instanceof DeployError) return error.message;
  const { code, message } = error as { code?: string; message?: string };
  return [code, message].filter(Boolean).join(': ') || String(error);
}
