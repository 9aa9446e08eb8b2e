import { reconcile } from '../../lib/app/reconcile';
import { source, withRule } from '../support/world';

/** How many of the documents of what failed for good are read within an hour of twelve runs. */
async function readWithinAnHour(gaps: number): Promise<number> {
  const world = await withRule();
  const at = new Date(world.ports.clock.now() - 7_200_000);
  const attempt = `${at.getTime().toString(36)}-n`;
  for (let i = 0; i < gaps; i += 1) {
    const key = `k${i}`;
    const name = `backlog/${source.bucket}/r1/${world.ports.digests.sha256(key)}/v.${attempt}.gap.json`;
    const entry = {
      ruleId: 'r1',
      sourceBucket: source.bucket,
      sourceRegion: 'elsewhere',
      key,
      retryable: false,
    };
    world.documents.set(
      name,
      JSON.stringify({ ...entry, at: at.toISOString(), code: 'OBJECT_ARCHIVED', source: 'v' }),
    );
  }
  const sorted = [...world.documents.keys()].filter((name) => name.startsWith('backlog/')).sort();
  const { list, get } = world.ports.state;
  world.ports.state.list = async (prefix, after) => {
    if (prefix !== 'backlog/') return list(prefix, after);
    const from = after === undefined ? 0 : sorted.indexOf(after) + 1;
    return { names: sorted.slice(from, from + 1000), complete: from + 1000 >= sorted.length };
  };
  const read = new Set<string>();
  world.ports.state.get = async (name) => {
    if (name.startsWith('backlog/')) read.add(name);
    return get(name);
  };
  for (let run = 0; run < 24; run += 1) {
    await reconcile({ ...world.ports, ruleSets: () => world.ruleSetsOf(source.region) });
    world.advance(300_000);
  }
  return read.size / gaps;
}

test.each([10_000, 100_000])(
  'of %d gaps most are read within two hours',
  async (gaps) => {
    const part = await readWithinAnHour(gaps);
    expect(part).toBeGreaterThan(0.8);
  },
  300_000,
);
