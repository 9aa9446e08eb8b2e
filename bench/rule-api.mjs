// How long calls of the rule API take: `npm start`, asked over HTTP, one call after another.
//   npm run bench:rules [-- --calls 200]
// Writes wait for RULES_SETTLE_MS (50 ms in the local cloud, 2 s in a deployment) before they are acknowledged.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';

const main = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'local', 'main.cjs');
const place = process.argv.indexOf('--calls');
const calls = place < 0 ? 200 : Number(process.argv[place + 1]);
if (!Number.isInteger(calls) || calls < 1) {
  process.stderr.write('Usage: npm run bench:rules [-- --calls N], with N of at least 1.\n');
  process.exit(2);
}

const child = spawn(process.execPath, [main, '--port', '0', '--json'], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
process.on('exit', () => child.kill());
const [line] = await once(readline.createInterface(child.stdout), 'line');
const { api, credential, sourceBucket, destinationBucket, destinationRegion } = JSON.parse(line);
const rules = `${api}/v1/buckets/${sourceBucket}/rules`;

async function ask(method, url, body) {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${credential.id}:${credential.secret}`,
      'content-type': 'application/json',
      'if-match': '*',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status === 429) return { waitSeconds: Number(response.headers.get('retry-after')) };
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

async function timed(count, run) {
  const took = [];
  while (took.length < count) {
    const begin = process.hrtime.bigint();
    const answer = await run(took.length);
    const ms = Number(process.hrtime.bigint() - begin) / 1e6;
    // A credential has an allowance: wait as the API says, and do not count that.
    if (answer?.waitSeconds > 0) await sleep(1000 * answer.waitSeconds);
    else took.push(ms);
  }
  return took.sort((a, b) => a - b);
}

const at = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1);
const { rules: existing } = await ask('GET', rules);
const { id } = existing[0];
const destination = { bucket: destinationBucket, region: destinationRegion };
const table = new Table({
  head: ['call', 'calls', 'p50 ms', 'p95 ms', 'p99 ms'],
  style: { head: [], border: [] },
});
const measure = async (name, count, run) => {
  const sorted = await timed(count, run);
  table.push([name, count, at(sorted, 0.5), at(sorted, 0.95), at(sorted, 0.99)]);
};
await measure('read the rules', calls, () => ask('GET', rules));
await measure('read one rule', calls, () => ask('GET', `${rules}/${id}`));
await measure('preview an edit', Math.ceil(calls / 4), () =>
  ask('POST', `${api}/v1/buckets/${sourceBucket}/preview`, { id, settings: { destination } }),
);
await measure('change a rule', Math.ceil(calls / 4), (i) =>
  ask('PATCH', `${rules}/${id}`, { description: `change ${i}` }),
);
process.stdout.write(`${table.toString()}\n`);
child.kill();
