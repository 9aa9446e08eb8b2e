import type { Unknowns } from '../../infra/local/unknowns';
import { quiet, seenHistory, startCloud, versionedBucket } from '../support/local';

const keys = ['plain.txt', 'a b+c%41.txt', '中文/🦊?#.txt'];

/** The main job in a cloud that behaves as it is told where nobody knows how the real one does. */
async function cloudUnderUnknowns() {
  const { cloud, logs, sdk, api } = await startCloud();
  let rows = 0;

  /** A life of a few keys under one choice of all; both sides' histories, for a comparison. */
  const live = async (unknowns: Unknowns) => {
    const put = { method: 'PUT', body: JSON.stringify(unknowns) };
    const taken = await fetch(`http://127.0.0.1:${cloud.port}/local/unknowns`, put);
    if (taken.status !== 200) throw new Error(await taken.text());
    rows += 1;
    const bucket = (side: string, region: string) =>
      versionedBucket(sdk, { bucket: `${side}${rows}-${cloud.account.appid}`, region });
    const source = await bucket('source', 'ap-guangzhou');
    const destination = await bucket('destination', 'ap-shanghai');
    const made = await api('POST', `/v1/buckets/${source.bucket}/rules`, { destination });
    if (made.status !== 201) throw new Error(`no rule: ${JSON.stringify(made.body)}`);

    const at = (Key: string) => ({ Bucket: source.bucket, Region: source.region, Key });
    await Promise.all(
      keys.map(async (key) => {
        await sdk.putObject({ ...at(key), Body: 'one' });
        await sdk.putObject({ ...at(key), Body: 'two' });
        await sdk.deleteObject(at(key));
        await sdk.putObject({ ...at(key), Body: 'three' });
        await sdk.deleteObject(at(key));
      }),
    );
    await quiet(cloud);
    const bodies = async (ref: typeof source) =>
      Promise.all(
        keys.map(async (key) => (await seenHistory(sdk, ref, key)).map(({ body }) => body ?? '(deleted)')),
      );
    return { source: await bodies(source), destination: await bodies(destination) };
  };

  /** The functions that replicated: the timer would hide an event that was not understood. */
  const replicators = (): readonly string[] => [
    ...new Set(
      logs.filter(({ line }) => line.includes('"replicated"')).map(({ functionName }) => functionName),
    ),
  ];
  return { live, replicators, close: () => cloud.close() };
}

/** What every key's history is at the end of `live`. */
const livedHistories = keys.map(() => ['one', 'two', '(deleted)', 'three', '(deleted)']);

/** One test for each row. */
export function testUnder(rows: readonly Unknowns[]): void {
  let lives: Awaited<ReturnType<typeof cloudUnderUnknowns>>;
  beforeAll(async () => {
    lives = await cloudUnderUnknowns();
  });
  afterAll(() => lives.close());

  test.each(rows)('versions and markers are replicated under %j', async (unknowns) => {
    expect(await lives.live(unknowns)).toEqual({ source: livedHistories, destination: livedHistories });
    expect(lives.replicators()).toEqual(['replicate']);
  });
}
