import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { temporaryFolder } from '../../support/local';
import { apiUrl, type RuleApi, startRuleApi } from './setup';

/** The API's page in a real browser, under its own content security policy. */
const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((one) =>
  existsSync(one),
);

let at: RuleApi;
const profile = temporaryFolder();
beforeAll(async () => {
  at = await startRuleApi();
});
afterAll(async () => {
  profile.remove();
  await at.cloud.close();
});

if (browser === undefined) {
  // oxlint-disable-next-line jest/no-disabled-tests -- skipped with its reason, where there is no browser
  test.skip('the page in a browser: there is no Chromium on this machine', () => {
    expect(browser).toBeDefined();
  });
} else {
  test('the page is complete, and the browser refuses nothing of it', async () => {
    const { stdout, stderr } = await promisify(execFile)(
      browser,
      [
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        `--user-data-dir=${profile.path}`,
        '--enable-logging=stderr',
        '--dump-dom',
        `${apiUrl(at.cloud)}/v1/docs`,
      ],
      { maxBuffer: 16 * 1024 * 1024 },
    );
    expect(stdout).toContain('<h1>Rules of cos-serverless-replication</h1>');
    expect(stdout).toContain('POST /v1/buckets/{bucket}/rules');
    expect(stderr).not.toContain('Content Security Policy');
    expect(stdout.match(/<section id="/g)?.length).toBeGreaterThan(20);
  });
}
