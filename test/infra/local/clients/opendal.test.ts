import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import type { BucketRef } from '../../../../lib/domain/rule';
import { startCloud, versionedBucket } from '../../../support/local';

/**
 * OpenDAL's COS service, which is written in Rust and signs as COS signs, through the proxy variables. It is no dependency,
 * since it has no binaries for some machines; `npm install --no-save opendal@0.49.1` brings it.
 */
const installed = (() => {
  try {
    createRequire(__filename)('opendal');
    return true;
  } catch {
    return false;
  }
})();

const script = `
  const { Operator } = require('opendal');
  const [bucket, secret_id, secret_key] = process.argv.slice(1);
  const endpoint = 'http://cos.ap-guangzhou.myqcloud.com';
  const operator = new Operator('cos', { bucket, endpoint, secret_id, secret_key, root: '/dal/' });
  const said = {};
  (async () => {
    await operator.write('a b/中文+&.txt', 'hello');
    await operator.write('large', Buffer.alloc(3_000_000, 'x'));
    const writer = await operator.writer('parts', { chunk: 1_048_576n });
    for (let i = 0; i < 3; i += 1) await writer.write(Buffer.alloc(1_048_576, String(i)));
    await writer.close();
    said.text = (await operator.read('a b/中文+&.txt')).toString();
    said.parts = (await operator.read('parts')).length;
    said.size = String((await operator.stat('large')).contentLength);
    await operator.copy('large', 'copied');
    said.listed = (await operator.list('', { recursive: true })).map((entry) => entry.path()).filter((path) => !path.endsWith('/')).sort();
    await operator.delete('large');
    said.gone = await operator.exists('large');
    said.missing = await operator.stat('nothing').catch((error) => String(error.message).split(' ')[0]);
    process.stdout.write(JSON.stringify(said));
  })().catch((error) => { process.stderr.write(String(error.stack)); process.exit(1); });
`;

if (!installed) {
  // oxlint-disable-next-line jest/no-disabled-tests -- skipped with its reason, where it is not installed
  test.skip('OpenDAL: it is not installed, or has no binary for this machine', () => {
    expect(installed).toBe(true);
  });
} else {
  let started: Awaited<ReturnType<typeof startCloud>>;
  let ref: BucketRef;
  beforeAll(async () => {
    started = await startCloud();
    ref = await versionedBucket(started.sdk, {
      bucket: `opendal-${started.cloud.account.appid}`,
      region: 'ap-guangzhou',
    });
  });
  afterAll(() => started.cloud.close());

  test('it writes, reads, lists, copies and deletes', async () => {
    const { account, port } = started.cloud;
    const proxy = `http://127.0.0.1:${port}`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['-e', script, '--', ref.bucket, account.secretId, account.secretKey],
      { env: { PATH: process.env['PATH'], http_proxy: proxy, HTTP_PROXY: proxy } },
    );
    expect(JSON.parse(stdout)).toEqual({
      text: 'hello',
      parts: 3 * 1_048_576,
      size: '3000000',
      listed: ['a b/中文+&.txt', 'copied', 'large', 'parts'],
      gone: false,
      missing: 'NotFound',
    });
    const own = await started.sdk.getObject({
      Bucket: ref.bucket,
      Region: ref.region,
      Key: 'dal/a b/中文+&.txt',
    });
    expect(own.Body.toString()).toBe('hello');
  });
}
