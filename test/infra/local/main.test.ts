import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { removeFolder, temporaryFolder } from './support/bundles';
import { until } from './support/scf';

const command = path.join(__dirname, '..', '..', '..', 'dist', 'local', 'main.cjs');

let folder: string;
const spawned: ChildProcess[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  for (const child of spawned.splice(0)) child.kill('SIGKILL');
  removeFolder(folder);
});

interface Started {
  readonly child: ChildProcess;
  readonly said: { stdout: string; stderr: string };
  readonly ended: Promise<number | string | null>;
}

/** The built command as a process of its own, whose temporary files are all in one folder. */
function start(...args: string[]): Started {
  const child = spawn(process.execPath, [command, ...args], { env: { ...process.env, TMPDIR: folder } });
  spawned.push(child);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const ended = new Promise<number | string | null>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  return { child, said, ended };
}

/** Starts an empty cloud and has one function run, so that there is a process to leave behind. */
async function startWithInstance(): Promise<Started & { readonly instances: readonly number[] }> {
  const started = start('--empty', '--json', '--port', '0');
  await until(() => started.said.stdout.endsWith('\n'));
  const { api } = JSON.parse(started.said.stdout) as { api: string };
  await (await fetch(api)).text();
  const instances = childrenOf(started.child.pid ?? 0);
  return { ...started, instances };
}

/** Read from /proc; where there is none, what a process leaves behind is not looked at. */
function childrenOf(pid: number): number[] {
  if (process.platform !== 'linux') return [];
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return list.split(' ').filter(Boolean).map(Number);
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('the help is printed and nothing is started', async () => {
  const { said, ended } = start('--help');
  expect(await ended).toBe(0);
  expect(said.stdout).toContain('--import <dir>');
});

test('a port in use is one sentence on stderr', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const { said, ended } = start('--port', String(port));
  expect(await ended).toBe(1);
  expect(said.stderr).toMatch(new RegExp(`^Port ${port} of 127\\.0\\.0\\.1 is in use\\. .*--port 0\\.\n$`));
  expect(said.stdout).toBe('');
  await new Promise((resolve) => other.close(resolve));
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends it with code 0 and leaves nothing behind',
  async (signal) => {
    const { child, ended, instances } = await startWithInstance();
    // The timer may have started one of its own.
    expect(instances.length > 0).toBe(process.platform === 'linux');
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(instances.filter(lives)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test('a killed cloud leaves no process behind', async () => {
  const { child, ended, instances } = await startWithInstance();
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  await until(() => !instances.some(lives));
});
