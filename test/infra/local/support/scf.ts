import type { Settlement } from '../../../../infra/local/scf/async-queue';
import type { FunctionLog } from '../../../../infra/local/scf/instance';
import type { InvocationReport, ScfHost, ScfHostSettings } from '../../../../infra/local/scf/host';
import { startScfHost } from '../../../../infra/local/scf/host';
import type { ScfFunction } from '../../../../infra/local/scf/scf-function';

/** A function with the settings that a test does not care about. */
export function scfFunction(bundle: string, settings: Partial<ScfFunction> = {}): ScfFunction {
  const file = bundle.replace(/^.*[/\\]/, '').replace(/\.js$/, '');
  return {
    name: file,
    bundle,
    handler: `${file}.main_handler`,
    region: 'ap-guangzhou',
    appid: '1250000001',
    uin: '100000000001',
    environment: {},
    timeoutSeconds: 20,
    memoryMb: 128,
    maxInstances: 1,
    roleKey: () => ({
      secretId: 'id',
      secretKey: 'key',
      token: 'token',
      expiresAtMs: Date.now() + 7_200_000,
    }),
    retry: { attempts: 2, delayMs: 5, ageMaxMs: 3_600_000 },
    ...settings,
  };
}

/** A host that keeps what it was told, for a test to look at. */
export interface WatchedHost extends ScfHost {
  readonly logs: readonly FunctionLog[];
  readonly reports: readonly InvocationReport[];
  readonly platformLogs: readonly FunctionLog[];
  /** Enqueues, and resolves with how it was settled. */
  readonly settled: (name: string, event: unknown) => Promise<Settlement>;
}

export function watchHost(
  functions: readonly ScfFunction[],
  settings: Pick<ScfHostSettings, 'bootstrap'> & Partial<ScfHostSettings>,
): WatchedHost {
  const logs: FunctionLog[] = [];
  const reports: InvocationReport[] = [];
  const platformLogs: FunctionLog[] = [];
  const host = startScfHost(functions, {
    cloudPort: 9,
    onLog: (log) => logs.push(log),
    onInvocation: (report) => reports.push(report),
    onPlatformLog: (log) => platformLogs.push(log),
    ...settings,
  });
  const settled = (name: string, event: unknown): Promise<Settlement> =>
    new Promise((resolve, reject) => {
      if (!host.enqueue(name, event, resolve)) reject(new Error('the queue is full'));
    });
  return { ...host, logs, reports, platformLogs, settled };
}

const happensWithinMs = 20_000;

/** Waits for something that happens by itself; a test that waits in vain fails here, and ends. */
export async function until(happened: () => boolean): Promise<void> {
  const endMs = Date.now() + happensWithinMs;
  while (!happened()) {
    if (Date.now() > endMs) throw new Error(`It did not happen: ${happened.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
