import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { buildSync } from 'esbuild';

/** The local COS in a process of its own, which can be killed. */
const root = path.join(__dirname, '..', '..', '..', '..');
// Under the repository, so that its packages are found.
const server = path.join(root, 'dist', 'test', `cos-server-${process.pid}.cjs`);

const source = `
  import { createServer } from 'node:http';
  import { openLocalCos } from './infra/local/cos/local-cos';
  void openLocalCos({ dataDir: process.argv[2] ?? '' }).then((cos) => {
    const http = createServer((request, response) => cos.handle(request, response));
    http.listen(0, '127.0.0.1', () => {
      const address = http.address();
      process.send?.({ port: typeof address === 'object' ? address?.port : 0, accounts: cos.accounts });
    });
    process.on('message', () => process.send?.({ rss: process.memoryUsage().rss }));
  });
`;

export interface Account {
  readonly appid: string;
  readonly secretId: string;
  readonly secretKey: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly port: number;
  readonly accounts: readonly Account[];
}

export async function startProcess(dataDir: string, execArgv: readonly string[] = []): Promise<Started> {
  const child = fork(server, [dataDir], { execArgv: [...execArgv] });
  const [told] = (await once(child, 'message')) as [Omit<Started, 'child'>];
  return { child, ...told };
}

export async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Bundles the process that `startProcess` runs. Gives back what removes it. */
export function buildProcess(): () => void {
  buildSync({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    outfile: server,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
  });
  return () => rmSync(server, { force: true });
}
