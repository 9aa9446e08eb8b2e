import fc from 'fast-check';
import { systemDigests } from '../../lib/adapters/system';
import { type Base, liesOn } from '../../lib/domain/base';
import {
  type EntryId,
  entryId,
  type HistoryEntry,
  type HistoryWindow,
  newestOf,
  type ObjectVersion,
} from '../../lib/domain/history';
import type { KeyView, Provenance } from '../../lib/domain/key-view';
import { markOf, seenFrom, seenMark } from '../../lib/domain/mark';
import { planKey, type ReplicationStep } from '../../lib/domain/plan';
import type { Coverage } from '../../lib/domain/rule';
import { sourceOrder } from '../../lib/domain/source-order';
import { versionIdAt } from '../../lib/domain/version-id';

/**
 * The plan against a destination that answers every question truly. Sources and destinations of any shape: versions
 * and markers, users' own writes at the destination, entries that the rule does not cover, replicas that land late.
 */
const digest = systemDigests.sha256;
const lookbackMs = 80_000;
const toleranceMs = 30_000;
const longestWriteMs = 600_000;
const startMs = Date.UTC(2026, 10, 1);

interface World {
  readonly source: HistoryEntry[];
  readonly destination: HistoryEntry[];
  readonly provenance: Map<EntryId, Provenance>;
  nowMs: number;
}

let minted = 0n;

function entry(kind: 'version' | 'deleteMarker', atMs: number): HistoryEntry {
  minted += 1n;
  const versionId = versionIdAt(BigInt(atMs) * 1000n + (minted % 1000n));
  const lastModifiedMs = Math.floor(atMs / 1000) * 1000;
  if (kind === 'deleteMarker') return { kind, versionId, lastModifiedMs };
  return { kind, versionId, etag: `${minted}`, sizeBytes: 1, lastModifiedMs, storageClass: 'STANDARD' };
}

/** The newest entries, so many of them. */
const windowOf = (entries: readonly HistoryEntry[], count = Infinity): HistoryWindow => ({
  entries: entries.slice(Math.max(0, entries.length - count)),
  complete: count >= entries.length,
});

function newWorld(): World {
  return { source: [], destination: [], provenance: new Map(), nowMs: startMs };
}

/** A user writes to one side, some time after whatever came before; what took long has the time of its begin. */
function write(
  side: HistoryEntry[],
  world: World,
  kind: 'version' | 'deleteMarker',
  afterMs: number,
  tookMs = 0,
): void {
  world.nowMs += afterMs;
  side.push(entry(kind, world.nowMs - tookMs));
}

/** A write without versioning: it replaces what has no id. */
function writeNull(world: World, kind: 'version' | 'deleteMarker', afterMs: number): void {
  const place = world.source.findIndex(({ versionId }) => versionId === 'null');
  if (place >= 0) world.source.splice(place, 1);
  world.nowMs += afterMs;
  world.source.push({ ...entry(kind, world.nowMs), versionId: 'null' });
}

interface Replicated {
  readonly kind: 'version' | 'deleteMarker';
  readonly of: EntryId;
}

function landReplica(
  world: World,
  { kind, of }: Replicated,
  plannedOn: Base | undefined,
  seen: string,
): void {
  world.nowMs += 40;
  const replica = entry(kind, world.nowMs);
  world.destination.push(replica);
  const issuedMs = world.nowMs;
  world.provenance.set(entryId(replica), { kind: 'replica', of, issuedMs, seen, plannedOn });
}

/** Asks the plan, answering its questions. Of both sides a page is read at first, and as much again when it asks for it. */
function planOf(
  world: World,
  coverage: Coverage,
  pageEntries = Infinity,
  refills: ReadonlySet<EntryId> = new Set(),
) {
  const known = new Map<EntryId, Provenance>();
  const gone = new Set<EntryId>();
  const read = { source: pageEntries, destination: pageEntries };
  let pages = 0;
  const view = (): KeyView => ({
    source: windowOf(world.source, read.source),
    destination: windowOf(world.destination, read.destination),
    provenance: known,
    gone,
    refills,
    coverage,
    clockToleranceMs: toleranceMs,
    longestWriteMs,
    listedMs: world.nowMs,
    seenLookbackMs: lookbackMs,
    digest,
  });
  for (;;) {
    const plan = planKey(view());
    switch (plan.kind) {
      case 'apply':
        return { ...plan, asked: known.size, pages };
      case 'examine': {
        const id = entryId(plan.entry);
        if (known.has(id)) throw new Error('asked twice about the same entry');
        known.set(id, world.provenance.get(id) ?? { kind: 'foreign' });
        break;
      }
      case 'confirmGone': {
        const { versionId } = plan;
        const stands = world.source.some((one) => one.versionId === versionId);
        if (stands || gone.has(versionId))
          throw new Error('what is listed, or known to be gone, is asked for');
        gone.add(versionId);
        break;
      }
      case 'readOlder':
        if (read[plan.side] >= world[plan.side].length) throw new Error('nothing older is left to read');
        read[plan.side] += pageEntries;
        pages += 1;
    }
  }
}

const entryOf = (step: ReplicationStep): HistoryEntry => {
  if (step.kind === 'restoreReplica') throw new Error('the source still has everything here');
  return step.kind === 'copyVersion' ? step.version : step.marker;
};

const replicatedBy = (step: ReplicationStep): Replicated => {
  if (step.kind === 'restoreReplica') return { kind: 'version', of: step.of };
  const written = entryOf(step);
  return { kind: written.kind, of: entryId(written) };
};

/** Writes the first steps of a plan as a worker would. */
function apply(world: World, steps: readonly ReplicationStep[], refills: number, count = steps.length): void {
  const top = newestOf(world.destination);
  const base = top && markOf(entryId(top), digest);
  const source = windowOf(world.source);
  const compare = sourceOrder(source);
  steps.slice(0, count).forEach((step, place) => {
    const replicated = replicatedBy(step);
    const fromMs = seenFrom(world.nowMs + 40, lookbackMs);
    const seen = seenMark(source, compare, replicated.of, fromMs, digest);
    landReplica(world, replicated, place < refills ? undefined : { top: base, above: place }, seen);
  });
}

const kind = fc.constantFrom('version' as const, 'version' as const, 'deleteMarker' as const);
const writes = fc.array(
  fc.record({ kind, at: fc.constantFrom('source' as const, 'source' as const, 'destination' as const) }),
  { minLength: 1, maxLength: 12 },
);
/** Pauses between writes: bursts, and long enough apart that nothing is recent. */
const pause = fc.constantFrom(5, 900, 200_000);
const coverage = fc.record({
  since: fc.constantFrom(0, startMs / 1000 + 1, startMs / 1000 + 150),
  markers: fc.boolean(),
});

const coverageFrom = ({ since, markers }: { since: number; markers: boolean }): Coverage => ({
  prefix: '',
  since,
  ...(markers ? { markersSince: since } : {}),
});

/** What of the source stands at the destination, first occurrences only. */
function firstOccurrences(world: World): readonly EntryId[] {
  const seen: EntryId[] = [];
  for (const one of world.destination) {
    const found = world.provenance.get(entryId(one));
    if (found?.kind === 'replica' && !seen.includes(found.of)) seen.push(found.of);
  }
  return seen;
}

/** One more plan brings what is missing: what then has arrived, and what is left to do. */
function bringTheRest(world: World, span: Coverage) {
  const plan = planOf(world, span);
  apply(world, plan.steps, plan.refills);
  return { arrived: firstOccurrences(world), left: planOf(world, span).steps };
}

/** Not asked of the product: covered is what came in the second of its kind's since, or later. */
function coveredIds({ source }: World, { since = Infinity, markersSince = Infinity }: Coverage) {
  const sinceMs = { version: since * 1000, deleteMarker: markersSince * 1000 };
  return source.filter((one) => one.lastModifiedMs >= sinceMs[one.kind]).map((one) => entryId(one));
}

test.each([
  ['version', { since: 1_000, markersSince: 2_000 }, 1_000],
  ['deleteMarker', { since: 1_000, markersSince: 2_000 }, 2_000],
  ['version', { since: 1_000 }, 1_000],
  ['deleteMarker', { since: 1_000 }, Infinity],
  ['version', { markersSince: 2_000 }, Infinity],
] as const)(
  'a %s of the very second of %j is covered, one of a millisecond before is not',
  (of, span, second) => {
    for (const atMs of [999_000, 999_999, 1_000_000, 1_000_001, 1_999_999, 2_000_000, 2_000_999]) {
      const world = newWorld();
      // A Last-Modified to the millisecond, as no listing has it today.
      world.source.push({ ...entry(of, atMs), lastModifiedMs: atMs });
      world.nowMs = 3_000_000;
      expect(planOf(world, { prefix: '', ...span }).steps).toHaveLength(atMs >= second * 1000 ? 1 : 0);
    }
  },
);

test('rounds of writing and planning, cut off anywhere, end with every covered entry once more in order, and then nothing to do', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(writes, pause, fc.nat(4)), { minLength: 1, maxLength: 4 }),
      coverage,
      (rounds, cover) => {
        const world = newWorld();
        const span = coverageFrom(cover);
        for (const [batch, afterMs, cutAt] of rounds) {
          for (const one of batch)
            write(one.at === 'source' ? world.source : world.destination, world, one.kind, afterMs);
          const plan = planOf(world, span);
          apply(world, plan.steps, plan.refills, cutAt);
        }
        expect(bringTheRest(world, span)).toEqual({ arrived: coveredIds(world, span), left: [] });
      },
    ),
    { numRuns: 500 },
  );
});

test('a late older replica is covered by the newest again, and nothing else is written', () => {
  fc.assert(
    fc.property(writes, pause, fc.nat(11), (batch, afterMs, place) => {
      const world = newWorld();
      const span = coverageFrom({ since: 0, markers: true });
      for (const one of batch)
        write(one.at === 'source' ? world.source : world.destination, world, one.kind, afterMs);
      const late = world.source[place % Math.max(world.source.length, 1)];
      fc.pre(late !== undefined);
      const first = planOf(world, span);
      apply(world, first.steps, first.refills);
      const base: Base = { top: 'feedfeedfeed', above: 0 };
      landReplica(world, { kind: late.kind, of: entryId(late) }, base, 'feedfeedfeed');
      const plan = planOf(world, span);
      const newest = newestOf(world.source);
      expect(plan.steps.map((step) => entryId(entryOf(step)))).toEqual(
        newest === late ? [] : [entryId(newest as HistoryEntry)],
      );
      apply(world, plan.steps, plan.refills);
      expect(planOf(world, span).steps).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('an entry that a listing hid is filled in, with all that lies above it in order, and once', () => {
  fc.assert(
    fc.property(fc.array(kind, { minLength: 3, maxLength: 9 }), fc.nat(7), (kinds, place) => {
      const world = newWorld();
      const span = coverageFrom({ since: 0, markers: true });
      for (const one of kinds) write(world.source, world, one, 400);
      const [hidden] = world.source.splice(place % (kinds.length - 1), 1) as [HistoryEntry];
      const blind = planOf(world, span);
      apply(world, blind.steps, blind.refills);
      world.source.splice(place % (kinds.length - 1), 0, hidden);
      const plan = planOf(world, span);
      const from = world.source.indexOf(hidden);
      expect(plan.steps.map(entryOf)).toEqual(world.source.slice(from));
      apply(world, plan.steps, plan.refills);
      expect(planOf(world, span).steps).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

/** How long a write took, which is listed when it has landed. */
const took = fc.constantFrom(0, 0, 700, 50_000, longestWriteMs);

test('in the order in which writes landed, whatever their ids say: every covered entry arrives once, and then nothing is to do', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(fc.tuple(kind, took), { minLength: 1, maxLength: 8 }), pause, fc.nat(4)), {
        minLength: 1,
        maxLength: 4,
      }),
      coverage,
      (rounds, cover) => {
        const world = newWorld();
        const span = coverageFrom(cover);
        for (const [batch, afterMs, cutAt] of rounds) {
          for (const [one, tookMs] of batch) write(world.source, world, one, afterMs, tookMs);
          const plan = planOf(world, span);
          apply(world, plan.steps, plan.refills, cutAt);
        }
        expect(bringTheRest(world, span)).toEqual({ arrived: coveredIds(world, span), left: [] });
      },
    ),
    { numRuns: 300 },
  );
});

/** A source of which some is deleted for good between rounds, or was written without versioning and is replaced. */
const changing = fc.array(
  fc.record({
    writes: fc.array(fc.tuple(kind, fc.constantFrom('id' as const, 'id' as const, 'null' as const)), {
      minLength: 1,
      maxLength: 6,
    }),
    afterMs: pause,
    cutAt: fc.nat(4),
    deleted: fc.array(fc.nat(20), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 4 },
);

test.each([
  ['deleted for good between rounds', false],
  ['deleted for good, or written without an id and replaced', true],
])('of entries that are %s the rest arrives in order, and the newest stays on top', (_name, nulls) => {
  fc.assert(
    fc.property(changing, coverage, (rounds, cover) => {
      const world = newWorld();
      const span = coverageFrom(cover);
      const born: EntryId[] = [];
      for (const { writes: batch, afterMs, cutAt, deleted } of rounds) {
        for (const [one, id] of batch) {
          // An entry without an id is known to the second only.
          const pauseMs = nulls ? Math.max(afterMs, 1_100) : afterMs;
          if (nulls && id === 'null') writeNull(world, one, pauseMs);
          else write(world.source, world, one, pauseMs);
          born.push(entryId(newestOf(world.source) as HistoryEntry));
        }
        const plan = planOf(world, span);
        apply(world, plan.steps, plan.refills, cutAt);
        for (const place of deleted) world.source.splice(place % Math.max(1, world.source.length), 1);
      }
      const plan = planOf(world, span);
      apply(world, plan.steps, plan.refills);
      const first = firstOccurrences(world);
      expect(coveredIds(world, span).filter((id) => !first.includes(id))).toEqual([]);
      expect(first).toEqual(born.filter((id) => first.includes(id)));
      const tops = world.destination.map((one) => world.provenance.get(entryId(one)));
      expect(tops.at(-1) ?? {}).toMatchObject(first.length === 0 ? {} : { of: first.at(-1) });
      expect(planOf(world, span).steps).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('read page by page, a key leads to the plan that it leads to as a whole', () => {
  let pages = 0;
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          writes: fc.array(fc.tuple(kind, took, fc.constantFrom('source' as const, 'destination' as const)), {
            minLength: 1,
            maxLength: 12,
          }),
          afterMs: pause,
          cutAt: fc.nat(12),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      coverage,
      fc.integer({ min: 1, max: 6 }),
      (rounds, cover, pageEntries) => {
        const world = newWorld();
        const span = coverageFrom(cover);
        for (const { writes: batch, afterMs, cutAt } of rounds) {
          for (const [one, tookMs, side] of batch) write(world[side], world, one, afterMs, tookMs);
          const whole = planOf(world, span);
          const paged = planOf(world, span, pageEntries);
          expect(paged.steps).toEqual(whole.steps);
          expect([paged.refills, paged.repeats.size]).toEqual([whole.refills, whole.repeats.size]);
          pages += paged.pages;
          apply(world, whole.steps, whole.refills, cutAt);
        }
      },
    ),
    { numRuns: 300 },
  );
  expect(pages).toBeGreaterThan(300);
});

test('what was listed after a head and counts as below it, since the head was deleted for good, is not lost', () => {
  const world = newWorld();
  const span = coverageFrom({ since: 0, markers: true });
  // Its id is older than the head's, although it was listed after it.
  const late = entry('version', startMs + 1_000);
  write(world.source, world, 'version', 2_000);
  // The head is copied long after it was written, and the late one was not listed yet.
  world.nowMs += 300_000;
  const first = planOf(world, span);
  apply(world, first.steps, first.refills);
  world.source.push(late);
  expect(planOf(world, span).steps.map(entryOf)).toEqual([late]);

  world.nowMs += 300_000;
  world.source.shift();
  const steps = planOf(world, span).steps;
  expect(steps).toMatchObject([{ version: late }, { kind: 'restoreReplica' }]);
});

test('a page that ends at a write that took long is not the end of what a rule covers', () => {
  const sinceMs = startMs + 1_000_000;
  const pageFrom = (begunMs: number): KeyView => ({
    source: {
      entries: [entry('deleteMarker', begunMs), entry('version', sinceMs + 20_000)],
      complete: false,
    },
    destination: windowOf([]),
    provenance: new Map(),
    gone: new Set(),
    refills: new Set(),
    coverage: coverageFrom({ since: sinceMs / 1000, markers: true }),
    clockToleranceMs: toleranceMs,
    longestWriteMs,
    listedMs: sinceMs + 500_000,
    seenLookbackMs: lookbackMs,
    digest,
  });
  const oldestMs = sinceMs - toleranceMs - longestWriteMs;
  expect(planKey(pageFrom(oldestMs))).toEqual({ kind: 'readOlder', side: 'source' });
  expect(planKey(pageFrom(oldestMs - 1_000))).toMatchObject({
    kind: 'apply',
    steps: [{ kind: 'copyVersion' }],
  });
});

test('a write of a user at the destination that took long, and lies on top with an old time, ends no walk', () => {
  const world = newWorld();
  const late = entry('version', startMs);
  world.nowMs += 400_000;
  const span = coverageFrom({ since: world.nowMs / 1000, markers: true });
  write(world.source, world, 'version', 10);
  const first = planOf(world, span);
  apply(world, first.steps, first.refills);
  world.destination.push(late);
  expect(planOf(world, span).steps).toEqual([]);
});

test('a late replica from before the rule lies on top of the newest with an old time: the newest is put there again', () => {
  const world = newWorld();
  write(world.source, world, 'version', 0);
  const [old] = world.source as [HistoryEntry];
  const late = entry('version', startMs + 1_000);
  world.nowMs += 400_000;
  const span = coverageFrom({ since: world.nowMs / 1000, markers: true });
  write(world.source, world, 'version', 10);
  const first = planOf(world, span);
  apply(world, first.steps, first.refills);
  world.destination.push(late);
  const issuedMs = startMs + 1_000;
  world.provenance.set(entryId(late), { kind: 'replica', of: entryId(old), issuedMs, seen: '' });
  const again = planOf(world, span);
  expect(again.steps).toMatchObject([{ kind: 'copyVersion', version: world.source[1] }]);
  apply(world, again.steps, again.refills);
  expect(planOf(world, span).steps).toEqual([]);
});

test('one new version asks about one destination entry, however many there are', () => {
  const world = newWorld();
  const span = coverageFrom({ since: 0, markers: true });
  for (let i = 0; i < 400; i += 1)
    write(world.source, world, i % 5 === 4 ? 'deleteMarker' : 'version', 1_000);
  const all = planOf(world, span);
  apply(world, all.steps, all.refills);
  world.nowMs += 600_000;
  write(world.source, world, 'version', 1);
  expect(planOf(world, span)).toMatchObject({ steps: [{ kind: 'copyVersion' }], asked: 1 });
});

test('the order of a source is one line, also with entries that it no longer lists', () => {
  const id = fc.bigInt({ min: 1n, max: 40n }).map((micros) => versionIdAt(micros));
  fc.assert(
    fc.property(fc.uniqueArray(id, { minLength: 3, maxLength: 12 }), fc.nat(12), (ids, listed) => {
      const entries = ids.slice(0, listed).map((versionId): ObjectVersion => {
        const rest = { etag: versionId, sizeBytes: 1, lastModifiedMs: 0, storageClass: 'STANDARD' };
        return { kind: 'version', versionId, ...rest };
      });
      const compare = sourceOrder({ entries, complete: true });
      const sorted = ids.toSorted(compare);
      for (const [place, one] of sorted.entries()) {
        for (const later of sorted.slice(place + 1)) {
          expect(compare(one, later)).toBeLessThan(0);
          expect(compare(later, one)).toBeGreaterThan(0);
        }
      }
      expect(sorted.filter((one) => ids.indexOf(one) < listed)).toEqual(ids.slice(0, listed));
    }),
  );
});

test('a replica lies on its base as long as nobody writes in between', () => {
  fc.assert(
    fc.property(fc.nat(5), fc.integer({ min: 1, max: 5 }), fc.nat(5), (below, written, intruder) => {
      const world = newWorld();
      for (let i = 0; i < below; i += 1) write(world.destination, world, 'version', 10);
      const top = newestOf(world.destination);
      const base = { top: top && markOf(entryId(top), digest), above: written - 1 };
      for (let i = 0; i < written; i += 1) write(world.destination, world, 'version', 10);
      const place = below + written - 1;
      expect(liesOn(base, place, windowOf(world.destination), digest)).toBe(true);
      // Somebody else between the base and the last one.
      world.destination.splice(below + (intruder % written), 0, entry('version', world.nowMs));
      expect(liesOn(base, place + 1, windowOf(world.destination), digest)).toBe(false);
    }),
  );
});
