// Deploys this folder into a local cloud that runs (`npm start -- --undeployed --json`), with the real command line: what
// the cloud said when it was ready comes on standard input.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
// npm writes lines of its own before it.
const line = await new Promise((resolve) => {
  const input = createInterface({ input: process.stdin });
  input.on('line', (each) => each.startsWith('{') && resolve(each));
  input.on('close', () => resolve(''));
});
const cloud = readReady(line);
const sls = path.join(root, 'node_modules', 'serverless', 'bin', 'serverless.js');
process.stdin.destroy();
const child = spawn(
  process.execPath,
  [sls, ...(process.argv.length > 2 ? process.argv.slice(2) : ['deploy'])],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      REPLICATION_FILE: demoSettings(),
      REPLICATION_MASTER_SECRET: 'local-'.repeat(8),
      ...process.env,
      http_proxy: cloud.proxy,
      https_proxy: cloud.proxy,
      HTTP_PROXY: cloud.proxy,
      HTTPS_PROXY: cloud.proxy,
      no_proxy: '',
      NO_PROXY: '',
      NODE_EXTRA_CA_CERTS: cloud.caFile,
      TENCENTCLOUD_SECRET_ID: cloud.secretId,
      TENCENTCLOUD_SECRET_KEY: cloud.secretKey,
      TENCENTCLOUD_SESSION_TOKEN: '',
    },
  },
);
child.on('close', (code) => process.exit(code ?? 1));

/** The two buckets that the cloud has made. The framework reads no file outside its folder. */
function demoSettings() {
  const file = path.join('.local-cloud', 'replication.yml');
  const { sourceBucket, sourceRegion: region, destinationBucket, destinationRegion } = cloud;
  const stateBucket = { bucket: `replication-state-${cloud.appid}`, region };
  const destinations = [{ bucket: destinationBucket, region: destinationRegion }];
  const prod = { region, stateBucket, sources: [{ bucket: sourceBucket, destinations }] };
  mkdirSync(path.join(root, '.local-cloud'), { recursive: true });
  // JSON is YAML.
  writeFileSync(path.join(root, file), JSON.stringify({ prod }));
  return file;
}

function readReady(text) {
  try {
    return JSON.parse(text);
  } catch {
    process.stderr.write(
      'Give it the line that "npm start -- --undeployed --json" prints, on standard input.\n',
    );
    process.exit(1);
  }
}
