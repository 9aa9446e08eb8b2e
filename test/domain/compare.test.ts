import fc from 'fast-check';
import { suspect } from '../../lib/domain/compare';
import type { HistoryEntry, HistoryWindow } from '../../lib/domain/history';

/** All was compared, but for what took long to land: it may have any time. */
const times = { clockToleranceMs: 30_000, comparedBeforeMs: 1e15, longestWriteMs: 1e15 };
const coverage = { since: 0, markersSince: 0 };
const window = (entries: readonly HistoryEntry[]): HistoryWindow => ({ entries, complete: true });

/** Few contents, so that equal ones meet. */
const entries = fc
  .array(
    fc.record({
      content: fc.constantFrom('a', 'a', 'b', 'marker'),
      size: fc.constantFrom(1, 2),
      pauseMs: fc.integer({ min: 0, max: 90_000 }),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((list) => {
    let atMs = 1_000_000;
    return list.map(({ content, size, pauseMs }, place): HistoryEntry => {
      atMs += pauseMs;
      const common = { versionId: `v${place}`, lastModifiedMs: Math.floor(atMs / 1000) * 1000 };
      if (content === 'marker') return { kind: 'deleteMarker', ...common };
      return { kind: 'version', etag: content, sizeBytes: size, storageClass: 'STANDARD', ...common };
    });
  });

const copyOf = (entry: HistoryEntry, delayMs: number): HistoryEntry => ({
  ...entry,
  versionId: `replica of ${entry.versionId}`,
  lastModifiedMs: entry.lastModifiedMs + delayMs,
});

const landed = { ...times, longestWriteMs: 0 };

test('a destination that has everything is alike, whatever its clock', () => {
  fc.assert(
    fc.property(entries, fc.integer({ min: -29, max: 3_600 }), (source, delay) => {
      const copies = source.map((entry) => copyOf(entry, delay * 1000));
      expect(suspect(window(source), window(copies), coverage, landed)).toBe('alike');
    }),
  );
});

test('one missing replica is a doubt, also among equal ones', () => {
  fc.assert(
    fc.property(entries, fc.nat(9), (source, place) => {
      const copies = source.map((entry) => copyOf(entry, 1000));
      copies.splice(place % copies.length, 1);
      expect(suspect(window(source), window(copies), coverage, times)).toBe('doubt');
    }),
  );
});

test('what listings cannot tell apart is a doubt until a walk compared it', () => {
  const marker: HistoryEntry = { kind: 'deleteMarker', versionId: 'm', lastModifiedMs: 5_000_000 };
  const users: HistoryEntry = { ...marker, versionId: 'of a user' };
  const at = (comparedBeforeMs: number) =>
    suspect(window([marker]), window([users]), coverage, { ...times, comparedBeforeMs });
  expect(at(5_000_000)).toBe('doubt');
  expect(at(5_000_001)).toBe('alike');
});

test('an older replica on top is a doubt', () => {
  const version = (versionId: string, etag: string): HistoryEntry => {
    const rest = { sizeBytes: 1, lastModifiedMs: 0, storageClass: 'STANDARD' };
    return { kind: 'version', versionId, etag, ...rest };
  };
  const source = [version('1', 'a'), version('2', 'b')];
  const copies = [version('x', 'a'), version('y', 'b'), version('z', 'a')];
  expect(suspect(window(source), window(copies), coverage, times)).toBe('doubt');
});

test('what differed before a walk that ended looked at it is known, until anything new is listed', () => {
  const gap: HistoryEntry = {
    kind: 'version',
    versionId: 'too large',
    lastModifiedMs: 5_000_000,
    etag: 'a',
    sizeBytes: 1,
    storageClass: 'STANDARD',
  };
  const late: HistoryEntry = { ...gap, versionId: 'late', etag: 'b', lastModifiedMs: 5_400_000 };
  const at = (comparedBeforeMs: number, ...destination: readonly HistoryEntry[]) =>
    suspect(window([gap]), window(destination), coverage, {
      clockToleranceMs: 30_000,
      comparedBeforeMs,
      longestWriteMs: 600_000,
    });
  expect(at(5_600_000)).toBe('doubt');
  expect(at(5_600_001)).toBe('known');
  expect(at(5_600_001, late)).toBe('doubt');
  expect(at(6_000_001, late)).toBe('known');
});

test('nothing covered is nothing to compare', () => {
  const marker: HistoryEntry = { kind: 'deleteMarker', versionId: 'm', lastModifiedMs: 5_000_000 };
  expect(suspect(window([marker]), window([]), { since: 0 }, times)).toBe('uncovered');
  expect(suspect(window([marker]), window([]), undefined, times)).toBe('uncovered');
});

test('a user’s copy of what the source no longer has may stand for a replica that is missing, until a walk compared it', () => {
  const version = (versionId: string, lastModifiedMs: number): HistoryEntry => ({
    kind: 'version',
    versionId,
    lastModifiedMs,
    etag: 'a',
    sizeBytes: 1,
    storageClass: 'STANDARD',
  });
  const source = window([version('put again', 5_000_000)]);
  const destination = window([version('replica of what is gone', 1_000_000), version('restored', 5_008_000)]);
  const at = (comparedBeforeMs: number) =>
    suspect(source, destination, coverage, { ...landed, comparedBeforeMs });
  expect(at(5_008_000)).toBe('doubt');
  expect(at(5_008_001)).toBe('alike');
});

test('a user’s own object of the same size is not taken for the replica of an upload in parts, until a walk compared it', () => {
  const version = (versionId: string, lastModifiedMs: number, etag: string): HistoryEntry => {
    return { kind: 'version', versionId, lastModifiedMs, etag, sizeBytes: 100, storageClass: 'STANDARD' };
  };
  const of = (etag: string, comparedBeforeMs: number) => {
    const destination = window([version('theirs', 5_001_000, etag)]);
    return suspect(window([version('1', 5_000_000, 'a-2')]), destination, coverage, {
      ...landed,
      comparedBeforeMs,
    });
  };
  expect(of('b-2', 5_000_000)).toBe('doubt');
  expect(of('b', 5_000_000)).toBe('doubt');
  expect(of('b', 5_000_001)).toBe('alike');
});

test('a copy that lands late on top of one that looks the same is a doubt, however long the source has been compared', () => {
  const parts = (versionId: string, lastModifiedMs: number, etag: string): HistoryEntry => ({
    kind: 'version',
    versionId,
    lastModifiedMs,
    etag,
    sizeBytes: 100,
    storageClass: 'STANDARD',
  });
  const source = window([parts('1', 1_000_000, 'a-2'), parts('2', 1_010_000, 'b-2')]);
  const copies = [parts('x', 1_020_000, 'c'), parts('y', 1_021_000, 'd')];
  const compared = { clockToleranceMs: 30_000, comparedBeforeMs: 1_300_000, longestWriteMs: 300_000 };
  const of = (destination: readonly HistoryEntry[], times = compared) =>
    suspect(source, window(destination), coverage, times);
  expect(of(copies, { ...compared, longestWriteMs: 200_000 })).toBe('alike');
  // It has the time of its begin, or of its landing.
  expect(of([...copies, parts('late', 1_001_000, 'e')])).toBe('doubt');
  expect(of([...copies, parts('late', 1_480_000, 'e')])).toBe('doubt');
  expect(of([...copies, parts('late', 1_001_000, 'e')], { ...compared, comparedBeforeMs: 2_000_000 })).toBe(
    'alike',
  );
});
