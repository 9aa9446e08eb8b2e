import fc from 'fast-check';
import { systemDigests } from '../../lib/adapters/system';
import { decodeStamp, encodeStamp, stampBytesMax, stampIsOfThisVersion } from '../../lib/domain/stamp';

const place = { bucket: 'destination-1250000000', key: 'a' };
const stamp = {
  sourceBucket: 'source-1250000000',
  source: 'MTg0NDUxNTc1NjIzMTQ1MDAwODg',
  issuedMs: 1_700_000_000_000,
  sizeBytes: 1029,
  content: 'c0ffee00',
  base: undefined,
  seen: '0123456789ab',
};
const digest = systemDigests.sha256;

test('a stamp is read back where it was put, and nowhere else', () => {
  const text = encodeStamp(stamp, place, digest);
  expect(decodeStamp(text, place, digest)).toEqual(stamp);
  expect(decodeStamp(text, { ...place, key: 'b' }, digest)).toBeUndefined();
  expect(decodeStamp(text, { ...place, bucket: 'other-1250000000' }, digest)).toBeUndefined();
});

test('any change of a stamp unmakes it', () => {
  const text = encodeStamp({ ...stamp, base: { top: 'ba5eba5eba5e', above: 3 } }, place, digest);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom('0', 'Z', ';', '-'), (at, char) => {
      const other = text.slice(0, at) + char + text.slice(at + 1);
      expect(other === text || decodeStamp(other, place, digest) === undefined).toBe(true);
    }),
  );
});

test('the longest stamp fits: the longest bucket name, null entries with multipart ETags on both sides', () => {
  const longest = `null_${'f'.repeat(32)}-10000_${'z'.repeat(6)}`;
  const text = encodeStamp(
    {
      sourceBucket: `${'b'.repeat(30)}-1250000000`,
      source: longest,
      issuedMs: 9e12,
      sizeBytes: 5 * 1024 ** 4,
      content: 'f'.repeat(8),
      base: { top: 'f'.repeat(12), above: 35 },
      seen: 'f'.repeat(12),
    },
    place,
    digest,
  );
  expect(text.length).toBeLessThanOrEqual(stampBytesMax);
  expect(text).toMatch(/^[\x21-\x7e]+$/);
});

test('a stamp counts from its issue until the longest transfer after it', () => {
  const counts = (versionMs: number): boolean => stampIsOfThisVersion(stamp, versionMs, 60_000, 1_000);
  expect(counts(stamp.issuedMs - 2_000)).toBe(false);
  expect(counts(stamp.issuedMs)).toBe(true);
  expect(counts(stamp.issuedMs + 61_000)).toBe(true);
  expect(counts(stamp.issuedMs + 61_001)).toBe(false);
});
