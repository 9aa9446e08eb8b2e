import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { BucketRef } from '../../../../lib/domain/rule';
import { startCloud, temporaryFolder, versionedBucket } from '../../../support/local';

/** rclone's provider for Tencent COS, unmodified, through the proxy variables that `npm start` prints. */
const rclone = ['/usr/bin/rclone', '/usr/local/bin/rclone', '/opt/homebrew/bin/rclone'].find((one) =>
  existsSync(one),
);

if (rclone === undefined) {
  // oxlint-disable-next-line jest/no-disabled-tests -- skipped with its reason, where there is no rclone
  test.skip('rclone: it is not on this machine', () => {
    expect(rclone).toBeDefined();
  });
} else {
  const folder = temporaryFolder();
  let started: Awaited<ReturnType<typeof startCloud>>;
  let ref: BucketRef;
  beforeAll(async () => {
    started = await startCloud();
    ref = await versionedBucket(started.sdk, {
      bucket: `rclone-${started.cloud.account.appid}`,
      region: 'ap-guangzhou',
    });
  });
  afterAll(async () => {
    folder.remove();
    await started.cloud.close();
  });

  const run = async (...words: readonly string[]): Promise<string> => {
    const { account, port } = started.cloud;
    const { stdout } = await promisify(execFile)(rclone, ['--retries', '1', ...words], {
      env: {
        PATH: process.env['PATH'],
        HOME: folder.path,
        HTTP_PROXY: `http://127.0.0.1:${port}`,
        HTTPS_PROXY: `http://127.0.0.1:${port}`,
        SSL_CERT_FILE: started.cloud.caFile,
        RCLONE_CONFIG: path.join(folder.path, 'rclone.conf'),
        RCLONE_CONFIG_COS_TYPE: 's3',
        RCLONE_CONFIG_COS_PROVIDER: 'TencentCOS',
        RCLONE_CONFIG_COS_ACCESS_KEY_ID: account.secretId,
        RCLONE_CONFIG_COS_SECRET_ACCESS_KEY: account.secretKey,
        RCLONE_CONFIG_COS_ENDPOINT: `cos.${ref.region}.myqcloud.com`,
      },
    });
    return stdout;
  };

  test('it syncs a folder there and back, with a large file in parts, and checks it', async () => {
    const from = path.join(folder.path, 'from');
    mkdirSync(path.join(from, 'sub folder'), { recursive: true });
    writeFileSync(path.join(from, 'a.txt'), 'hello');
    writeFileSync(path.join(from, 'sub folder', '中文 +&.txt'), 'world');
    writeFileSync(path.join(from, 'large'), Buffer.alloc(6 * 1024 * 1024, 'x'));
    const remote = `cos:${ref.bucket}/dir`;
    await run('sync', from, remote, '--s3-upload-cutoff', '5Mi', '--s3-chunk-size', '5Mi');
    expect((await run('lsf', '-R', remote)).trim().split('\n').sort()).toEqual([
      'a.txt',
      'large',
      'sub folder/',
      'sub folder/中文 +&.txt',
    ]);
    await run('check', from, remote, '--download');
    await run('deletefile', `${remote}/a.txt`);
    await run('moveto', `${remote}/large`, `${remote}/moved`);
    const back = path.join(folder.path, 'back');
    await run('copy', remote, back);
    expect(existsSync(path.join(back, 'a.txt'))).toBe(false);
    expect(readFileSync(path.join(back, 'moved'))).toHaveLength(6 * 1024 * 1024);
    expect(readFileSync(path.join(back, 'sub folder', '中文 +&.txt'), 'utf8')).toBe('world');
  });
}
