import type { DeleteMarker } from '../../lib/domain/history';
import { entryId } from '../../lib/domain/history';
import { type MarkerAttempt, sourceMarkerOrigin } from '../../lib/domain/marker-attempt';
import { markOf } from '../../lib/domain/mark';
import { systemDigests } from '../../lib/adapters/system';

const digest = systemDigests.sha256;
const ms = Date.UTC(2026, 10, 1);
const times = { clockToleranceMs: 2_000, deleteSettlesMs: 60_000 };

/** An attempt that was planned on top of a marker, and that nobody closed. */
const attemptOn = (marker: DeleteMarker): MarkerAttempt => ({
  attempt: 'a',
  openedMs: ms + 100,
  sourceBucket: 'other-1250000000',
  source: 'x',
  base: { top: markOf(entryId(marker), digest), above: 0 },
  seen: 's',
  written: undefined,
});

const markerOf = (versionId: string): DeleteMarker => ({
  kind: 'deleteMarker',
  versionId,
  lastModifiedMs: ms,
});

test('an attempt did not make the marker on which it was planned', () => {
  const marker = markerOf('MTg0NDQ5NTA1ODI0OTMyMjE2MTY');
  const asked = { ...times, nowMs: ms + 1_000_000 };
  expect(sourceMarkerOrigin(marker, [attemptOn(marker)], asked, digest)).toBe('user');
});

test('but a marker without an id may have been put in the place of that one', () => {
  const marker = markerOf('null');
  const soon = { ...times, nowMs: ms + 1_000 };
  expect(sourceMarkerOrigin(marker, [attemptOn(marker)], soon, digest)).toBe('unknown');
  const later = { ...times, nowMs: ms + 1_000_000 };
  expect(sourceMarkerOrigin(marker, [attemptOn(marker)], later, digest)).toBe('replica');
});
