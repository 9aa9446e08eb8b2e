import { setTimeout as sleep } from 'node:timers/promises';
import { deriveSecret } from '../../lib/app/api/credential';
import { quiet, seenHistory, startCloud, versionedBucket } from '../support/local';

interface Line {
  readonly by: string;
  readonly functionName: string;
  readonly line: string;
}

type Started = Awaited<ReturnType<typeof startCloud>>;

let started: Started;
/** Keys of the role that live for a second: each is renewed, and what is kept for longer is refused. */
const roleKeySeconds = 1;
beforeAll(async () => {
  started = await startCloud({ roleKeySeconds });
});
afterAll(() => started.cloud.close());

async function logged(): Promise<readonly Line[]> {
  return (await (await fetch(`http://127.0.0.1:${started.cloud.port}/local/log`)).json()) as readonly Line[];
}

test('a warm function goes on when its role’s key has expired', async () => {
  const { cloud, sdk, api } = started;
  const named = (name: string) => `${name}-${cloud.account.appid}`;
  const source = await versionedBucket(sdk, { bucket: named('rotating'), region: 'ap-guangzhou' });
  const destination = await versionedBucket(sdk, { bucket: named('rotated'), region: 'ap-shanghai' });
  await api('POST', `/v1/buckets/${source.bucket}/rules`, { destination });
  const put = (Body: string) =>
    sdk.putObject({ Bucket: source.bucket, Region: source.region, Key: 'k', Body });
  await put('one');
  await quiet(cloud);
  await sleep(roleKeySeconds * 1000 + 100);
  await put('two');
  await quiet(cloud);
  expect((await seenHistory(sdk, destination, 'k')).map(({ body }) => body)).toEqual(['one', 'two']);
  const starts = (await logged()).filter(
    ({ line, functionName }) => functionName === 'replicate' && line.startsWith('START'),
  );
  expect(starts.length).toBeGreaterThan(1);
  expect(starts.filter(({ line }) => line.endsWith('Coldstart'))).toHaveLength(1);
});

test('what the functions return is in the log, and no secret is', async () => {
  const { cloud, api } = started;
  const rules = `/v1/buckets/rotating-${cloud.account.appid}/rules`;
  const answers = [
    await api('GET', rules),
    await api('POST', rules, { destination: 'nonsense' }),
    await api('GET', '/v1/buckets'),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 400, 200]);
  const lines = await logged();
  expect(
    lines.some(({ by, line }) => by === 'platform' && line.includes('RetMsg') && line.includes('rotated-')),
  ).toBe(true);
  const text = lines.map(({ line }) => line).join('\n');
  const secrets = {
    master: cloud.masterSecret,
    derived: deriveSecret(cloud.masterSecret, 'test.write.1'),
    account: cloud.account.secretKey,
    signature: 'q-signature=',
    bearer: 'Bearer ',
  };
  for (const [name, secret] of Object.entries(secrets))
    expect([name, text.includes(secret)]).toEqual([name, false]);
});
