import { Command, InvalidArgumentError } from 'commander';

/** What `npm start` was asked for. */
export interface StartOptions {
  readonly port: number;
  readonly data?: string;
  readonly empty: boolean;
  /** No function: `npm run deploy:local` deploys them. */
  readonly undeployed: boolean;
  readonly json: boolean;
  readonly import?: string;
  /** Files of JSON. */
  readonly faults?: string;
  readonly network?: string;
}

export const portDefault = 8017;
const portMax = 65_535;

const examples = `
Examples:
  npm start                                  a source and a destination bucket, one rule, port ${portDefault}
  npm start -- --import ./photos             replicate a folder and verify every replica
  npm start -- --port 0 --data ./.local-cloud  any free port, kept over restarts

Ctrl-C ends it; a second Ctrl-C ends it at once.`;

/**
 * Reads the command line (without node and script). Throws commander's CommanderError, after it has said what is
 * wrong or printed the help.
 */
export function parseStartOptions(args: readonly string[], write?: (text: string) => void): StartOptions {
  const command = new Command('npm start --')
    .description(
      'Replication between COS buckets on this machine: a local COS and SCF with the built functions.',
    )
    .option('--port <n>', 'port on 127.0.0.1; 0: any free one', readPort, portDefault)
    .option(
      '--data <dir>',
      'keep everything in this folder (default: a temporary one, removed at the end)',
      readFolder,
    )
    .option('--empty', 'no demo buckets and no rule', false)
    .option('--undeployed', 'two buckets, no rule and no function: npm run deploy:local deploys them', false)
    .option('--json', 'one line of JSON on stdout when ready, everything else on stderr', false)
    .option(
      '--import <dir>',
      'upload this folder, wait until it is replicated, verify every replica',
      readFolder,
    )
    .option('--faults <file>', 'what goes wrong, and how often (docs/faults.md)', readFileName)
    .option(
      '--network <file>',
      'how far regions are apart, and what they take (docs/faults.md)',
      readFileName,
    )
    .addHelpText('after', examples)
    .allowExcessArguments(false)
    .exitOverride();
  if (write) command.configureOutput({ writeOut: write, writeErr: write });
  command.parse(args, { from: 'user' });
  const options = command.opts<StartOptions>();
  if (options.undeployed && options.import !== undefined) {
    command.error('error: --import needs the demo buckets and rule; leave out --undeployed');
  }
  if (options.empty && options.import !== undefined) {
    command.error('error: --import needs the demo buckets and rule; leave out --empty');
  }
  return options;
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > portMax) {
    throw new InvalidArgumentError(`It is a whole number from 0 to ${portMax}.`);
  }
  return port;
}

function readFolder(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It is the name of a folder.');
  return text;
}

function readFileName(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It is the name of a file.');
  return text;
}
