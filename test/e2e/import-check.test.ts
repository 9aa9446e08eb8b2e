import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Imported } from '../../infra/local/start/import/imported';
import { verifyAll } from '../../infra/local/start/import/verify';
import { quiet, startCloud, temporaryFolder, versionedBucket } from '../support/local';

test('the check of an import passes a sound replica, and names one with a byte flipped on disk', async () => {
  const { cloud, sdk, api } = await startCloud();
  const folder = temporaryFolder();
  try {
    const sourceBucket = `check-${cloud.account.appid}`;
    const destinationBucket = `check-copy-${cloud.account.appid}`;
    const source = await versionedBucket(sdk, { bucket: sourceBucket, region: 'ap-guangzhou' });
    const destination = await versionedBucket(sdk, { bucket: destinationBucket, region: 'ap-shanghai' });
    await api('POST', `/v1/buckets/${sourceBucket}/rules`, { destination });
    // Long enough to have a file of its own.
    const body = 'the bytes of a file, as they were imported\n'.repeat(1000);
    const file = path.join(folder.path, 'a.txt');
    writeFileSync(file, body);
    await sdk.putObject({ Bucket: sourceBucket, Region: source.region, Key: 'a.txt', Body: body });
    await quiet(cloud);

    const check = async (): Promise<string | undefined> => {
      const { size, mtimeMs } = statSync(file);
      const imported: Imported = { file, key: 'a.txt', bytes: size, modifiedMs: mtimeMs };
      const demo = {
        sourceBucket,
        sourceRegion: source.region,
        destinationBucket,
        destinationRegion: destination.region,
      };
      await verifyAll(sdk, demo, [imported], () => {}, new AbortController().signal);
      return imported.problem;
    };
    expect(await check()).toBeUndefined();

    const stored = readdirSync(cloud.dataDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .filter((name) => readFileSync(name).toString() === body);
    expect(stored.length).toBeGreaterThan(0);
    for (const name of stored) writeFileSync(name, body.replace('bytes', 'Bytes'));
    expect(await check()).toMatch(/^mismatched: the replica has CRC64/);
  } finally {
    await cloud.close();
    folder.remove();
  }
});
