import { fork } from 'node:child_process';
import path from 'node:path';
import { contextBase, instanceEnvironment, roleKeyEnvironment } from './environment';
import { readLines } from './lines';
import { type MemoryWatch, watchMemory } from './memory-watch';
import type { HostMessage, InstanceMessage } from './messages';
import { failed, type Outcome } from './outcome';
import type { ScfFunction } from './scf-function';

/** One line that a function wrote to stdout or stderr. `requestId` is `''` for what it says while it is loaded. */
export interface FunctionLog {
  readonly functionName: string;
  readonly requestId: string;
  readonly line: string;
}

export interface InstanceSettings {
  /** The built `bootstrap.ts`. */
  readonly bootstrap: string;
  readonly cloudPort: number;
  readonly onLog: (log: FunctionLog) => void;
}

/** One warm process that works on one event at a time, as an SCF event function does. */
export interface Instance {
  /** Resolves once the bundle is loaded; `undefined`, or why it could not be. */
  readonly started: Promise<Outcome | undefined>;
  /** Never rejects: a crash or a timeout is the outcome of this event, and ends the instance. */
  readonly invoke: (requestId: string, event: string) => Promise<Outcome>;
  /** The most memory that the last invocation was seen with, in megabytes. */
  readonly peakMb: () => number;
  /** Resolves once the process is gone. */
  readonly ended: Promise<void>;
  readonly kill: () => void;
}

/** SCF's default limit for loading a function. */
export const initTimeoutMs = 65_000;
/** A role key is renewed when it would not outlive the invocation by this. */
const roleKeyMarginMs = 60_000;
/** Output may still be in the pipe when a process is gone; a grandchild may hold the pipe open for ever. */
const drainMs = 200;

export function startInstance(scf: ScfFunction, settings: InstanceSettings): Instance {
  let key = scf.roleKey();
  let requestId = '';
  let outOfMemory = false;
  let memory: MemoryWatch | undefined;
  let settle: ((outcome: Outcome) => void) | undefined;

  const child = fork(settings.bootstrap, [], {
    cwd: path.dirname(scf.bundle),
    env: instanceEnvironment(scf, key),
    // Explicit, or the host's own flags (a debugger's port, a test runner's) would be inherited.
    execArgv: [`--max-old-space-size=${scf.memoryMb}`],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const log = (line: string): void => settings.onLog({ functionName: scf.name, requestId, line });
  if (child.stdout) readLines(child.stdout, log);
  if (child.stderr) {
    readLines(child.stderr, (line) => {
      if (line.includes('heap out of memory')) outOfMemory = true;
      log(line);
    });
  }

  const finish = (outcome: Outcome): void => {
    const current = settle;
    settle = undefined;
    current?.(outcome);
  };
  const started = new Promise<Outcome | undefined>((resolve) => {
    settle = (outcome) => resolve(outcome.ok ? undefined : outcome);
  });
  const loading = setTimeout(() => {
    finish(failed('initFailed', `The bundle was not loaded within ${initTimeoutMs / 1000} seconds.`));
    child.kill('SIGKILL');
  }, initTimeoutMs);

  child.on('message', (message: InstanceMessage) => {
    // After the lines that the function wrote before it answered: both are read in the same turn of the loop.
    setImmediate(() => {
      if (message.kind === 'ready' || message.kind === 'initFailed') clearTimeout(loading);
      if (message.kind === 'ready') finish({ ok: true, result: 'null' });
      else if (message.kind === 'initFailed') finish(failed('initFailed', message.message));
      else if (message.requestId !== requestId) return;
      else if (message.kind === 'returned') finish({ ok: true, result: message.result });
      else finish(failed('userCode', message.message));
    });
  });

  const ended = new Promise<void>((resolve) => {
    const conclude = (how: string): void => {
      clearTimeout(loading);
      finish(
        outOfMemory
          ? failed('outOfMemory', `The function needed more than its ${scf.memoryMb} MB.`)
          : failed('processExit', `The function's process ended (${how}) before it answered.`),
      );
      resolve();
    };
    child.on('error', (error) => conclude(error.message));
    child.on('exit', (code, signal) => {
      const how = signal ? `signal ${signal}` : `exit code ${code}`;
      const drained = setTimeout(() => conclude(how), drainMs);
      child.on('close', () => {
        clearTimeout(drained);
        conclude(how);
      });
    });
  });

  const send = (message: HostMessage): void => {
    // A process that is gone cannot be told anything; its end is reported by `exit`.
    child.send(message, () => {});
  };
  const handlerExport = scf.handler.slice(scf.handler.indexOf('.') + 1);
  const { cloudPort } = settings;
  send({ kind: 'init', bundle: scf.bundle, handlerExport, context: contextBase(scf), cloudPort });

  return {
    started,
    ended,
    kill: () => child.kill('SIGKILL'),
    peakMb: () => memory?.peakMb() ?? 0,
    invoke: async (id, event) => {
      const timeoutMs = scf.timeoutSeconds * 1000;
      if (key.expiresAtMs - Date.now() < timeoutMs + roleKeyMarginMs) key = scf.roleKey();
      requestId = id;
      const outcome = new Promise<Outcome>((resolve) => (settle = resolve));
      const deadline = setTimeout(() => {
        finish(failed('timedOut', `The function did not answer within ${scf.timeoutSeconds} seconds.`));
        child.kill('SIGKILL');
      }, timeoutMs);
      memory = watchMemory(child.pid ?? 0, scf.memoryMb, () => {
        outOfMemory = true;
        child.kill('SIGKILL');
      });
      send({ kind: 'invoke', requestId: id, event, environment: roleKeyEnvironment(key) });
      try {
        return await outcome;
      } finally {
        clearTimeout(deadline);
        memory.stop();
      }
    },
  };
}
