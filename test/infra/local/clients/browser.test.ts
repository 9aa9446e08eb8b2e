import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import type COS from 'cos-nodejs-sdk-v5';
import type { BucketRef } from '../../../../lib/domain/rule';
import { startCloud, temporaryFolder, versionedBucket } from '../../../support/local';

/** COS's SDK for browsers in a real one, on a page of another origin: what a browser allows is up to the bucket's rules. */
const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((one) =>
  existsSync(one),
);

if (browser === undefined) {
  // oxlint-disable-next-line jest/no-disabled-tests -- skipped with its reason, where there is no browser
  test.skip('COS’s SDK for browsers: there is no Chromium on this machine', () => {
    expect(browser).toBeDefined();
  });
} else {
  const sdkFile = createRequire(__filename).resolve('cos-js-sdk-v5/dist/cos-js-sdk-v5.min.js');
  const profile = temporaryFolder();
  let started: Awaited<ReturnType<typeof startCloud>>;
  let ref: BucketRef;
  beforeAll(async () => {
    started = await startCloud();
    ref = await versionedBucket(started.sdk, {
      bucket: `browser-${started.cloud.account.appid}`,
      region: 'ap-guangzhou',
    });
  });
  afterAll(async () => {
    profile.remove();
    await started.cloud.close();
  });

  /** What the page wrote into itself, once it is done. */
  async function inPage(body: string): Promise<Record<string, unknown>> {
    const { account } = started.cloud;
    const page = `<!doctype html><meta charset="utf-8"><pre id="said"></pre><script src="/sdk.js"></script><script>
      const cos = new COS({ SecretId: ${JSON.stringify(account.secretId)}, SecretKey: ${JSON.stringify(account.secretKey)}, Protocol: 'http:' });
      const at = (Key) => ({ Bucket: ${JSON.stringify(ref.bucket)}, Region: ${JSON.stringify(ref.region)}, Key });
      const said = {};
      (async () => { ${body} })()
        .catch((error) => { said.error = String(error && (error.code || error.message || error)); })
        .finally(() => { document.getElementById('said').textContent = 'SAID' + JSON.stringify(said) + 'DONE'; });
    </script>`;
    const server = createServer((request, response) => {
      const isSdk = request.url === '/sdk.js';
      response.setHeader('Content-Type', isSdk ? 'text/javascript' : 'text/html');
      response.end(isSdk ? readFileSync(sdkFile) : page);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const { stdout } = await promisify(execFile)(
        browser ?? '',
        [
          '--headless=new',
          '--no-sandbox',
          '--disable-gpu',
          `--user-data-dir=${profile.path}`,
          `--proxy-server=http://127.0.0.1:${started.cloud.port}`,
          // The page is not behind the proxy.
          `--proxy-bypass-list=127.0.0.1`,
          '--virtual-time-budget=15000',
          '--dump-dom',
          `http://127.0.0.1:${port}/`,
        ],
        { maxBuffer: 16 * 1024 * 1024 },
      );
      const [, text = '{}'] = /SAID(.*)DONE<\/pre>/s.exec(stdout) ?? [];
      return JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&')) as Record<string, unknown>;
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test('without a rule the browser refuses what comes back', async () => {
    const said = await inPage(`said.put = (await cos.putObject({ ...at('a'), Body: 'x' })).statusCode;`);
    expect(said).toEqual({ error: expect.any(String) as string });
  });

  test('with one, objects are put, read, listed, tagged, uploaded in parts, and deleted', async () => {
    const rule: COS.CORSRule = {
      AllowedOrigins: ['*'],
      AllowedMethods: ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'],
      AllowedHeaders: ['*'],
      ExposeHeaders: ['ETag', 'x-cos-version-id', 'x-cos-meta-one'],
      MaxAgeSeconds: '5',
    } as unknown as COS.CORSRule;
    await started.sdk.putBucketCors({ Bucket: ref.bucket, Region: ref.region, CORSRules: [rule] });
    const said = await inPage(`
      const put = await cos.putObject({ ...at('a b/中文'), Body: new Blob(['hello']), Headers: { 'x-cos-meta-one': '1' } });
      said.version = /^MTg0/.test(put.headers['x-cos-version-id']);
      said.body = (await cos.getObject(at('a b/中文'))).Body;
      said.meta = (await cos.headObject(at('a b/中文'))).headers['x-cos-meta-one'];
      const parts = await cos.sliceUploadFile({ ...at('parts'), Body: new Blob([new Uint8Array(2500000)]), ChunkSize: 1048576 });
      said.parts = parts.ETag.includes('-');
      said.listed = (await cos.getBucket({ ...at(''), Prefix: '' })).Contents.map(({ Key }) => Key);
      said.deleted = (await cos.deleteObject(at('parts'))).statusCode;
    `);
    expect(said).toEqual({
      version: true,
      body: 'hello',
      meta: '1',
      parts: true,
      listed: ['a b/中文', 'parts'],
      deleted: 204,
    });
  });
}
