import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

/** `npm start` on a data folder, with no function that replicates what is written. */
export async function startLocalCloud(root, data) {
  const main = path.join(root, 'dist', 'local', 'main.cjs');
  const child = spawn(process.execPath, [main, '--port', '0', '--json', '--undeployed', '--data', data], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = await once(readline.createInterface(child.stdout), 'line');
  const { cos, ...account } = JSON.parse(line);
  return {
    child,
    port: new URL(cos).port,
    account,
    stop: async () => {
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** The local COS on a folder of its own. */
export async function startOurs(root) {
  const data = mkdtempSync(path.join(tmpdir(), 'bench-cos-'));
  const { child, port, account, stop } = await startLocalCloud(root, data);
  const httpAgent = new Agent({
    keepAlive: true,
    lookup: (_host, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }], 4),
  });
  return {
    durability: 'survives kill -9',
    bucket: `bench-${account.appid}`,
    client: {
      region: 'ap-guangzhou',
      endpoint: `http://cos.ap-guangzhou.myqcloud.com:${port}`,
      credentials: { accessKeyId: account.secretId, secretAccessKey: account.secretKey },
      requestHandler: { httpAgent },
    },
    pids: () => [child.pid],
    stop: async () => {
      await stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
