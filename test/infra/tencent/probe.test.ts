import COS from 'cos-nodejs-sdk-v5';
import { createCloudApi } from '../../../infra/tencent/cloud-api';
import type { Finding } from '../../../infra/tencent/finding';
import { planLab } from '../../../infra/tencent/probe/lab';
import { probe } from '../../../infra/tencent/probe/probe';
import type { LocalCloud, LocalCloudSettings } from '../../../infra/local/cloud';
import { defaultUnknowns } from '../../../infra/local/unknowns';
import { parseFaultPlan } from '../../../infra/local/faults/fault-plan';
import { startCloud } from '../../support/local';
import { sendTo } from '../../support/cloud-api';

let cloud: LocalCloud | undefined;
afterEach(() => cloud?.close());

/** The questions, to a cloud that is as the settings say. */
async function ask(settings: Partial<LocalCloudSettings> = {}, signal = new AbortController().signal) {
  const started = await startCloud({ builtFunctions: false, ...settings });
  cloud = started.cloud;
  const { account, port } = started.cloud;
  const at = `127.0.0.1:${port}`;
  const lab = planLab(started.sdk, {
    appid: account.appid,
    nearRegion: 'ap-guangzhou',
    farRegion: 'ap-shanghai',
  });
  const findings: Finding[] = [];
  const lines: string[] = [];
  const problems = await probe(
    {
      lab,
      call: createCloudApi(sendTo(started.cloud), async () => {}),
      appid: account.appid,
      cosFor: ({ secretId, secretKey, token }) =>
        new COS({
          SecretId: secretId,
          SecretKey: secretKey,
          SecurityToken: token,
          Protocol: 'http:',
          Ip: at,
          ServiceDomain: at,
        }),
    },
    { say: (line) => void lines.push(line), show: (finding) => void findings.push(finding), signal },
  );
  const { Buckets } = await started.sdk.getService();
  const texts = findings.map(({ verdict, text }) => `${verdict} ${text}`).join('\n');
  return { problems, texts, lines, left: Buckets.map(({ Name }) => Name) };
}

test('every question has an answer, and both buckets are gone', async () => {
  const { problems, texts, left } = await ask();
  expect(problems).toBe(0);
  expect(texts).not.toContain('unknown ');
  expect(texts).toContain('ok A second writer of a document is refused with FileAlreadyExists.');
  expect(texts).toContain('does not say so in its headers');
  expect(texts).toContain('place in a history from its end');
  expect(texts).toContain('ok A copy of an older version has its CRC64.');
  expect(texts).toContain("ok The role's policy keeps versions of a destination from being deleted.");
  expect(left).toEqual([]);
});

test('where the platform turns out the other way, the answers say so', async () => {
  const { problems, texts } = await ask({
    unknowns: { ...defaultUnknowns, versionIdFrom: 'start', markerNotFound: 'withHeaders' },
  });
  expect(problems).toBe(0);
  expect(texts).toContain('A 404 for a delete marker says so');
  expect(texts).toContain('place in a history from its beginning');
});

test('what the product cannot live with is a problem', async () => {
  const faults = parseFaultPlan({
    seed: '1',
    requests: [
      { match: { operations: ['PUT object'] }, fault: { kind: 'forbidOverwriteIgnored' } },
      {
        match: { operations: ['PUT object copy'] },
        fault: { kind: 'error', status: 403, code: 'AccessDenied' },
      },
    ],
  });
  if (!faults.ok) throw new Error(faults.problems);
  const { problems, texts, left } = await ask({ faults: faults.value });
  expect(texts).toContain('problem x-cos-forbid-overwrite does not keep a second writer out (made, made)');
  expect(texts).toContain('problem No answer about copies of older versions between regions: AccessDenied');
  expect(problems).toBe(3);
  expect(left).toEqual([]);
});

test('an interruption asks nothing more, and takes the buckets away', async () => {
  const interrupted = new AbortController();
  interrupted.abort();
  const { lines, texts, left } = await ask({}, interrupted.signal);
  expect(lines.filter((line) => line.startsWith('asking'))).toEqual([]);
  expect(texts).toBe('');
  expect(left).toEqual([]);
});
