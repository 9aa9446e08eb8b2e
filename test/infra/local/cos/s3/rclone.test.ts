import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { openCertificateAuthority } from '../../../../../infra/local/gateway/certificate-authority';
import { type OnePort, openOnePort } from '../../../../../infra/local/gateway/one-port';
import { temporaryFolder } from '../../../../support/local';
import { at, newBucket, type RunningCos, startCos } from '../harness';

const absent = spawnSync('rclone', ['version']).status !== 0;
// oxlint-disable-next-line jest/no-disabled-tests -- skipped with its reason, where there is no rclone
const suite = absent ? describe.skip : describe;

suite(`rclone's TencentCOS provider${absent ? ' (skipped: rclone is not installed)' : ''}`, () => {
  let running: RunningCos;
  let port: OnePort;
  let folder: ReturnType<typeof temporaryFolder>;
  let caFile: string;

  beforeAll(async () => {
    folder = temporaryFolder();
    running = await startCos();
    mkdirSync(path.join(folder.path, 'ca'));
    const authority = await openCertificateAuthority(path.join(folder.path, 'ca'), Date.now());
    caFile = authority.file;
    port = await openOnePort({
      port: 0,
      contextFor: authority.contextFor,
      handle: (request, response) => void running.cos.handle(request, response),
    });
  });
  afterAll(async () => {
    await port.close();
    await running.close();
    folder.remove();
  });

  /** As its user would run it, with nothing but the proxy variables and the CA file. */
  async function rclone(...args: readonly string[]): Promise<string> {
    const proxy = `http://127.0.0.1:${port.port}`;
    const env = {
      PATH: process.env['PATH'],
      HOME: folder.path,
      HTTP_PROXY: proxy,
      HTTPS_PROXY: proxy,
      SSL_CERT_FILE: caFile,
      RCLONE_CONFIG: path.join(folder.path, 'rclone.conf'),
      RCLONE_CONFIG_COS_TYPE: 's3',
      RCLONE_CONFIG_COS_PROVIDER: 'TencentCOS',
      RCLONE_CONFIG_COS_ACCESS_KEY_ID: running.own.secretId,
      RCLONE_CONFIG_COS_SECRET_ACCESS_KEY: running.own.secretKey,
      RCLONE_CONFIG_COS_ENDPOINT: 'cos.ap-guangzhou.myqcloud.com',
    };
    const { stdout } = await promisify(execFile)('rclone', ['--retries=1', ...args], { env });
    return stdout;
  }

  function write(name: string, content: string | Buffer): void {
    const file = path.join(folder.path, 'tree', name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  test('syncs a tree with a large file there, checks it, syncs it on and brings it back', async () => {
    const { bucket } = await newBucket(running);
    const tree = path.join(folder.path, 'tree');
    const large = Buffer.alloc(12 * 1024 * 1024, 'large ');
    write('a.txt', 'content');
    write('deep/ä +~ (1).txt', 'strange');
    write('large', large);

    await rclone('sync', tree, `cos:${bucket}/tree`, '--s3-upload-cutoff=5M', '--s3-chunk-size=5M');
    await rclone('check', tree, `cos:${bucket}/tree`, '--download');
    const { headers } = await running.sdk.headObject(at({ bucket, region: 'ap-guangzhou' }, 'tree/large'));
    expect(headers?.['etag']).toMatch(/-3"$/);

    rmSync(path.join(tree, 'a.txt'));
    write('deep/new', 'new');
    await rclone('sync', tree, `cos:${bucket}/tree`);
    expect((await rclone('lsf', '-R', '--files-only', `cos:${bucket}`)).trim().split('\n').sort()).toEqual([
      'tree/deep/new',
      'tree/deep/ä +~ (1).txt',
      'tree/large',
    ]);

    await rclone('sync', `cos:${bucket}/tree`, `cos:${bucket}/copied`);
    await rclone('sync', `cos:${bucket}/copied`, path.join(folder.path, 'back'));
    expect(readFileSync(path.join(folder.path, 'back', 'deep', 'ä +~ (1).txt'), 'utf8')).toBe('strange');
    expect(readFileSync(path.join(folder.path, 'back', 'large')).equals(large)).toBe(true);
    const copies = running.cos.requests.list().filter(({ api }) => api === 'PutObjectCopy');
    expect(copies).not.toHaveLength(0);
  });

  test('makes, lists and removes buckets, and shows old versions', async () => {
    const name = `rclone-${running.own.appid}`;
    await rclone('mkdir', `cos:${name}`);
    expect(await rclone('lsf', 'cos:')).toContain(`${name}/`);
    await rclone('rmdir', `cos:${name}`);
    expect(await rclone('lsf', 'cos:')).not.toContain(name);

    const { bucket } = await newBucket(running);
    write('versioned', 'one');
    await rclone('copy', path.join(folder.path, 'tree', 'versioned'), `cos:${bucket}`);
    await rclone('deletefile', `cos:${bucket}/versioned`);
    expect(await rclone('lsf', `cos:${bucket}`)).toBe('');
    expect(await rclone('lsf', '--s3-versions', `cos:${bucket}`)).toMatch(/^versioned-v[\d-]+\n$/);
  });
});
