/** The command behind `npm start`. */
import path from 'node:path';
import { CommanderError } from 'commander';
import { LocalCloudError } from './local-cloud-error';
import { parseStartOptions } from './start/options';
import { runStart } from './start/run-start';

const exitInterrupted = 130;

// Everything that is called is on this machine; a proxy of the user's environment would be asked for 127.0.0.1.
for (const name of Object.keys(process.env)) if (/^(https?|all)_proxy$/i.test(name)) delete process.env[name];

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (ending.signal.aborted) process.exit(exitInterrupted);
    ending.abort();
  });
}
// Whoever read the output is gone (`npm start | head`): that is an end, too.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => ending.abort());

void main();

async function main(): Promise<void> {
  try {
    process.exitCode = await runStart(parseStartOptions(process.argv.slice(2)), {
      functionsDir: path.join(__dirname, '..', 'functions'),
      stdout: process.stdout,
      stderr: process.stderr,
      signal: ending.signal,
    });
  } catch (error) {
    process.exitCode = report(error);
  }
  // A keep-alive connection of an SDK would hold the process for a while.
  process.exit();
}

/** Says what is wrong, and what to do; a stack only for what nobody expected. */
function report(error: unknown): number {
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode;
  const expected = error instanceof LocalCloudError;
  process.stderr.write(
    `${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  return 1;
}
