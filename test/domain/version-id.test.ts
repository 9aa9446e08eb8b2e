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

test('what is no version id has no time', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(typeof versionIdMicros(text)).toMatch(/undefined|bigint/);
    }),
  );
  expect(versionIdMicros('null')).toBeUndefined();
  expect(versionIdMicros('AAAAAAAAAAAAAAAAAAAAAAAAAAA')).toBeUndefined();
});
