import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, listening } from './processes.mjs';

const programs = ['ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin'];

/** Ceph's object gateway on one OSD that keeps everything in memory. https://docs.ceph.com/en/latest/radosgw/ */
export async function startRadosgw() {
  const missing = programs.filter((name) => !existsSync(`/usr/bin/${name}`));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  const home = mkdtempSync(path.join(tmpdir(), 'bench-rgw-'));
  const [monPort, port] = [await freePort(), await freePort()];
  const conf = path.join(home, 'ceph.conf');
  const fsid = randomUUID();
  writeFileSync(
    conf,
    `[global]
fsid = ${fsid}
mon host = v1:127.0.0.1:${monPort}
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg autoscale mode = off
osd pool default pg num = 8
mon allow pool size one = true
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
public network = 127.0.0.0/8
mon data = ${home}/mon
osd data = ${home}/osd
run dir = ${home}
admin socket = ${home}/$name.asok
log file = ${home}/$name.log
pid file = ${home}/$name.pid
ms bind msgr2 = false
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw thread pool size = 32
`,
  );
  mkdirSync(path.join(home, 'mon'));
  mkdirSync(path.join(home, 'osd'));
  const run = (program, ...words) =>
    execFileSync(program, ['-c', conf, ...words], { stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 })
      .toString()
      .trim();
  const children = [];
  const start = (program, ...words) => {
    const child = spawn(program, ['-c', conf, '-f', ...words], { stdio: 'ignore' });
    children.push(child);
    return child;
  };
  const stop = async () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const map = path.join(home, 'monmap');
    execFileSync(
      'monmaptool',
      ['--create', '--addv', 'a', `[v1:127.0.0.1:${monPort}]`, '--fsid', fsid, map],
      {
        stdio: 'ignore',
      },
    );
    run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map);
    start('ceph-mon', '-i', 'a');
    const id = run('ceph', '--connect-timeout', '30', 'osd', 'new', randomUUID());
    run('ceph-osd', '--mkfs', '-i', id);
    const osd = start('ceph-osd', '-i', id);
    const keys = { accessKeyId: 'bench', secretAccessKey: 'benchbench' };
    const words = ['--uid=bench', '--display-name=bench', `--access-key=${keys.accessKeyId}`];
    run(
      'radosgw-admin',
      '-n',
      'client.admin',
      'user',
      'create',
      ...words,
      `--secret=${keys.secretAccessKey}`,
    );
    const gateway = start('radosgw', '-n', 'client.admin');
    await listening(port);
    return {
      durability: 'memory',
      bucket: 'bench',
      client: {
        region: 'us-east-1',
        endpoint: `http://127.0.0.1:${port}`,
        forcePathStyle: true,
        credentials: keys,
      },
      // The gateway does nothing without its OSD.
      pids: () => [gateway.pid, osd.pid],
      stop,
    };
  } catch (error) {
    await stop();
    return `it did not start: ${String(error.message).split('\n')[0]}`;
  }
}
