import { type LocalCloud, type LocalCloudSettings, startLocalCloud } from '../cloud';
import { messageOf } from '../local-cloud-error';
import type { InvocationReport } from '../scf/host';
import type { FunctionLog } from '../scf/instance';
import { readyJson, readyText, rulesCurl, type Ready } from './announcement';
import { apiAccess } from './api-access';
import { createCommitClock } from './commit-clock';
import { ensureDemo, ensureDemoBuckets } from './demo';
import { readFunctionLine, replicatedText } from './function-lines';
import { stallMsDefault } from './import/await-replicas';
import { type ReplicaWatch, watchReplicas } from './import/imported';
import { runImport } from './import/run-import';
import { walkImportFolder } from './import/walk';
import { parseFaultPlan } from '../faults/fault-plan';
import { parseNetworkSettings } from '../network/network-settings';
import type { StartOptions } from './options';
import type { ProgressOutput } from './progress';
import { readDocument } from './read-document';

export interface StartSurroundings {
  readonly functionsDir: string;
  readonly stdout: ProgressOutput;
  readonly stderr: ProgressOutput;
  /** Ends it cleanly. */
  readonly signal: AbortSignal;
  readonly stallMs?: number;
  /** Settings of the cloud that have no option on the command line. */
  readonly cloudSettings?: Pick<LocalCloudSettings, 'bootstrap' | 'openCos' | 'retryDelayMs'>;
}

/** Runs `npm start` until its signal says stop. Returns the exit code: 1 if an import was not wholly verified. */
export async function runStart(options: StartOptions, surroundings: StartSurroundings): Promise<number> {
  const { functionsDir, stdout, stderr, signal, stallMs = stallMsDefault } = surroundings;
  const output = options.json ? stderr : stdout;
  const say = (line: string): void => void output.write(`${line}\n`);
  // Before anything is started: a folder that cannot be read is no reason to make a cloud.
  const folder = options.import === undefined ? undefined : await walkImportFolder(options.import);
  const faults = options.faults === undefined ? {} : { faults: readDocument(options.faults, parseFaultPlan) };
  const network =
    options.network === undefined ? {} : { network: readDocument(options.network, parseNetworkSettings) };

  const clock = createCommitClock();
  let watch: ReplicaWatch | undefined;
  // A progress bar and a line for each replica would write over each other.
  let quiet = false;
  const onLog = (log: FunctionLog): void => {
    const line = readFunctionLine(log);
    if (line.kind === 'trouble') return say(line.text);
    if (line.kind === 'quiet') return;
    watch?.replicated(line);
    const committedAtMs = clock.commitOf(line.sourceBucket, line.key, line.sourceVersionId);
    if (!quiet) say(replicatedText(line, committedAtMs));
  };

  const cloud = await startLocalCloud({
    ...surroundings.cloudSettings,
    ...faults,
    ...network,
    port: options.port,
    functionsDir,
    builtFunctions: !options.undeployed,
    onLog,
    onCommit: (event) => clock.note(event, Date.now()),
    onInvocation: (report) => sayFailure(report, say),
    onProblem: (error) => say(`local cloud: ${messageOf(error)}`),
    ...(options.data === undefined ? {} : { dataDir: options.data }),
  });
  try {
    const ready = await makeReady(cloud, options);
    if (options.json) stdout.write(`${readyJson(ready)}\n`);
    else stdout.write(readyText(ready));

    let verified = true;
    if (folder && ready.demo && !signal.aborted) {
      const { demo, api } = ready;
      watch = watchReplicas(folder.files, demo.sourceBucket);
      quiet = true;
      const rulesHint = rulesCurl(api, demo.sourceBucket);
      verified = await runImport({ cloud, demo, folder, watch, output, signal, stallMs, rulesHint });
      quiet = false;
      watch = undefined;
    }
    if (!signal.aborted) say('Ctrl-C ends it.');
    await stopped(signal);
    return verified ? 0 : 1;
  } finally {
    await cloud.close();
  }
}

async function makeReady(cloud: LocalCloud, options: StartOptions): Promise<Ready> {
  const api = apiAccess(cloud);
  if (options.undeployed) return { cloud, api, demo: await ensureDemoBuckets(cloud) };
  return options.empty ? { cloud, api } : { cloud, api, demo: await ensureDemo(cloud, api) };
}

function sayFailure(
  { functionName, outcome, willRetry }: InvocationReport,
  say: (line: string) => void,
): void {
  if (outcome.ok) return;
  const { kind, message } = outcome.error;
  const next = willRetry ? ' It is tried again.' : '';
  say(`${functionName} failed (${kind}): ${message.split('\n')[0]}${next}`);
}

async function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
