import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, listening } from './processes.mjs';

/** https://www.npmjs.com/package/s3rver: files in a folder, written without fsync. */
export async function startS3rver(root) {
  const home = path.join(root, 'node_modules', '.cache', 'bench', 's3rver');
  const bin = path.join(home, 'node_modules', '.bin', 's3rver');
  if (!existsSync(bin)) {
    mkdirSync(home, { recursive: true });
    try {
      const words = ['install', '--no-audit', '--no-fund', '--no-save', '--prefix', home, 's3rver@3.7.1'];
      execFileSync('npm', words, { stdio: 'ignore' });
    } catch {
      return 'not installed: npm could not fetch it';
    }
  }
  const data = mkdtempSync(path.join(tmpdir(), 'bench-s3rver-'));
  const port = await freePort();
  const child = spawn(process.execPath, [bin, '-d', data, '-a', '127.0.0.1', '-p', String(port), '-s'], {
    stdio: 'ignore',
  });
  await listening(port);
  return {
    durability: 'files, no fsync',
    bucket: 'bench',
    client: {
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${port}`,
      forcePathStyle: true,
      credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    },
    pids: () => [child.pid],
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
      rmSync(data, { recursive: true, force: true });
    },
  };
}
