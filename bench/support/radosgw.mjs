import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, listening } from './processes.mjs';

const programs = ['ceph', 'ceph-authtool', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin'];

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
keyring = ${home}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg autoscale mode = off
osd pool default pg num = 8
mon allow pool size one = true
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
public addr = 127.0.0.1
mon data = ${home}/mon
osd data = ${home}/osd
run dir = ${home}
admin socket = ${home}/$name.asok
log file = ${home}/$name.log
pid file = ${home}/$name.pid
ms bind msgr2 = false
auth allow insecure global id reclaim = true
mon max pg per osd = 1000
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw thread pool size = 32
`,
  );
  mkdirSync(path.join(home, 'mon'));
  mkdirSync(path.join(home, 'osd'));
  const call = (program, words, input) =>
    execFileSync(program, words, { input, stdio: ['pipe', 'pipe', 'ignore'], timeout: 60_000 })
      .toString()
      .trim();
  const run = (program, ...words) => call(program, ['-c', conf, ...words]);
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
    const [map, keyring, osdKeyring] = ['monmap', 'keyring', 'osd/keyring'].map((name) =>
      path.join(home, name),
    );
    const all = ['mon', 'osd', 'mgr'].flatMap((daemon) => ['--cap', daemon, 'allow *']);
    call('ceph-authtool', [
      '--create-keyring',
      keyring,
      '--gen-key',
      '-n',
      'mon.',
      '--cap',
      'mon',
      'allow *',
    ]);
    call('ceph-authtool', [keyring, '--gen-key', '-n', 'client.admin', ...all]);
    call('monmaptool', ['--create', '--addv', 'a', `[v1:127.0.0.1:${monPort}]`, '--fsid', fsid, map]);
    run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring);
    start('ceph-mon', '-i', 'a');
    const [osdUuid, secret] = [randomUUID(), call('ceph-authtool', ['--gen-print-key'])];
    const newOsd = ['-c', conf, '--connect-timeout', '30', 'osd', 'new', osdUuid, '-i', '-'];
    const id = call('ceph', newOsd, JSON.stringify({ cephx_secret: secret }));
    call('ceph-authtool', [osdKeyring, '--create-keyring', '-n', `osd.${id}`, '--add-key', secret]);
    run('ceph-osd', '--mkfs', '-i', id, '--osd-uuid', osdUuid, '--keyring', osdKeyring);
    const osd = start('ceph-osd', '-i', id, '--keyring', osdKeyring);
    const keys = { accessKeyId: 'bench', secretAccessKey: 'benchbench' };
    const user = ['--uid=bench', '--display-name=bench', '--access-key=bench', '--secret=benchbench'];
    run('radosgw-admin', '-n', 'client.admin', 'user', 'create', ...user);
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
