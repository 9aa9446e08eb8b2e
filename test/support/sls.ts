import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { redirectionVariables } from '../../infra/local/start/redirection';
import type { LocalCloud } from '../../infra/local/cloud';

const root = path.join(__dirname, '..', '..');

export interface Ran {
  readonly code: number | null;
  /** Both streams, in the order in which they came. */
  readonly output: string;
}

/** A folder that is a service like this repository, with the real command line to run in it. */
export function openService(cloud: Pick<LocalCloud, 'port' | 'caFile'>) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sls-test-'));
  copyFileSync(path.join(root, 'serverless.yml'), path.join(folder, 'serverless.yml'));
  // The framework reads node_modules and the plugin's sources where they are.
  for (const name of ['infra', 'node_modules', 'package.json'])
    symlinkSync(path.join(root, name), path.join(folder, name));
  const connections = path.join(folder, 'connections.log');
  writeFileSync(connections, '');

  return {
    folder,
    /** The file that serverless.yml reads; JSON is YAML. */
    configure: (stages: object) =>
      writeFileSync(path.join(folder, 'replication.yml'), JSON.stringify(stages)),
    /** Changes this service's serverless.yml. */
    edit: (change: (yml: string) => string) => {
      const file = path.join(folder, 'serverless.yml');
      writeFileSync(file, change(readFileSync(file, 'utf8')));
    },
    run: (args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Ran> =>
      new Promise((resolve, reject) => {
        const sls = path.join(root, 'node_modules', 'serverless', 'bin', 'serverless.js');
        const child = spawn(process.execPath, [sls, ...args], {
          cwd: folder,
          env: {
            PATH: process.env.PATH,
            // Nothing of this machine's user: neither a credentials file nor settings of the framework.
            HOME: folder,
            ...redirectionVariables(cloud),
            NODE_OPTIONS: `--require ${path.join(__dirname, 'record-connections.cjs')}`,
            CONNECTIONS_LOG: connections,
            ...environment,
          },
        });
        let output = '';
        const take = (chunk: Buffer): void => void (output += chunk.toString());
        child.stdout.on('data', take);
        child.stderr.on('data', take);
        child.on('error', reject);
        child.on('close', (code) => resolve({ code, output }));
      }),
    /** Every address that any process of any command asked for, or connected to. */
    connections: (): readonly string[] => [
      ...new Set(readFileSync(connections, 'utf8').split('\n').filter(Boolean)),
    ],
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
