import { readFileSync } from 'node:fs';
import { defaultSettings, listedForSureMs } from '../lib/app/settings';
import { changeMsMax } from '../lib/app/rule-store';
import { readConfig } from '../lib/config';

const environment = {
  TENCENTCLOUD_REGION: 'ap-guangzhou',
  STATE_BUCKET: 'state-1250000000',
  STATE_REGION: 'ap-guangzhou',
};

test('every setting has a value of its own if none is given', () => {
  expect(readConfig(environment)).toMatchObject({ rulesSettleMs: 2_000, clockToleranceMs: 30_000 });
});

test('rules are no older than what the timer makes up for', () => {
  const lifetimeOf = (seconds: number) =>
    readConfig({ ...environment, CONFIG_LIFETIME_SECONDS: String(seconds) }).configLifetimeMs;
  const { longestTransferMs } = defaultSettings;
  expect(lifetimeOf(600) + listedForSureMs(defaultSettings)).toBeLessThan(longestTransferMs);
  expect(() => lifetimeOf(601)).toThrow('CONFIG_LIFETIME_SECONDS');
});

test('a change can wait for its own settle time, and for another change, twice while its function runs', () => {
  const [, seconds] =
    /^ {2}rules:\n(?: {4}.*\n)*? {4}timeout: (\d+)$/m.exec(readFileSync('serverless.yml', 'utf8')) ?? [];
  const timeoutMs = Number(seconds) * 1000;
  expect(timeoutMs).toBeLessThanOrEqual(changeMsMax);
  const longest = 10_000;
  expect(readConfig({ ...environment, RULES_SETTLE_MS: String(longest) }).rulesSettleMs).toBe(longest);
  expect(() => readConfig({ ...environment, RULES_SETTLE_MS: String(longest + 1) })).toThrow(
    'RULES_SETTLE_MS',
  );
  expect(timeoutMs).toBeGreaterThan(2 * 2 * longest);
});

test('a variable that is empty is none', () => {
  expect(readConfig({ ...environment, RULES_SETTLE_MS: '', LEASE_SECONDS: '' })).toEqual(
    readConfig(environment),
  );
});

test('a delete may take as long as any request, unless somebody says otherwise', () => {
  const settlesMs = (more: NodeJS.ProcessEnv) => readConfig({ ...environment, ...more }).deleteSettlesMs;
  expect(settlesMs({})).toBe(120_000);
  expect(settlesMs({ REQUEST_TIMEOUT_SECONDS: '60' })).toBe(120_000);
  expect(settlesMs({ REQUEST_TIMEOUT_SECONDS: '600' })).toBe(600_000);
  expect(settlesMs({ REQUEST_TIMEOUT_SECONDS: '600', DELETE_SETTLES_SECONDS: '90' })).toBe(90_000);
});
