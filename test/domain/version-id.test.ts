import fc from 'fast-check';
import { versionIdAt, versionIdMicros } from '../../lib/domain/version-id';

test('a published sample decodes to the second it was written in', () => {
  // 2020-04-10T09:36:35Z, from the documentation of PUT Object - Copy.
  expect(versionIdMicros('MTg0NDUxNTc1NjIzMTQ1MDAwODg')).toBe(1_586_511_395_051_528n);
});

test('every time survives the way to an id and back, and newer is another id', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 8_000_000_000_000_000n }), (micros) => {
      const id = versionIdAt(micros);
      expect(id).toMatch(/^[A-Za-z0-9]{27}$/);
      expect(versionIdMicros(id)).toBe(micros);
      expect(versionIdAt(micros + 1n)).not.toBe(id);
    }),
  );
});

const sample = versionIdAt(1_586_511_395_051_528n);

/** Texts that are ids but for one thing. */
const nearlyIds = fc.oneof(
  fc.string(),
  // Another number of digits.
  fc
    .string({ unit: fc.integer({ min: 0, max: 9 }).map(String), maxLength: 40 })
    .filter((digits) => digits.length !== 20)
    .map(encoded),
  // As many characters, of which one is no digit.
  fc
    .tuple(fc.nat({ max: 19 }), fc.constantFrom('a', ' ', '-', '.', '\n'))
    .map(([place, other]) => encoded(splicedAt('18445157562314500088', place, other))),
  // No time, or one before 1970.
  fc.bigInt({ min: 2n ** 64n, max: 10n ** 20n - 1n }).map((decimal) => encoded(`${decimal}`)),
  // A character that no id has, and an id with something before or after it.
  fc
    .tuple(fc.nat({ max: 26 }), fc.constantFrom('+', '/', '=', '_', '-', 'é'))
    .map(([place, other]) => splicedAt(sample, place, other)),
  fc.tuple(fc.string(), fc.string({ minLength: 1 })).map(([before, after]) => before + sample + after),
  fc.nat({ max: 26 }).map((length) => sample.slice(0, length)),
);

function encoded(text: string): string {
  return btoa(text).replace(/=+$/, '');
}

function splicedAt(text: string, place: number, other: string): string {
  return text.slice(0, place) + other + text.slice(place + 1);
}

test('what is no version id has no time', () => {
  expect(versionIdMicros(sample)).toBeDefined();
  fc.assert(
    fc.property(nearlyIds, (text) => {
      expect(versionIdMicros(text)).toBeUndefined();
    }),
    { numRuns: 1_000 },
  );
  expect(versionIdMicros('null')).toBeUndefined();
  expect(versionIdMicros('AAAAAAAAAAAAAAAAAAAAAAAAAAA')).toBeUndefined();
});
