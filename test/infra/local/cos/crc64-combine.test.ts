import fc from 'fast-check';
import { createCRC64 } from 'hash-wasm';
import { combineCrc64 } from '../../../../infra/local/cos/store/crc64-combine';

test('the sum of two contents one after the other is that of the whole', async () => {
  const crc = await createCRC64();
  const sumOf = (content: Uint8Array): bigint => BigInt(`0x${crc.init().update(content).digest('hex')}`);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.uint8Array({ maxLength: 500 }), (one, other) => {
      const whole = Buffer.concat([one, other]);
      expect(combineCrc64(sumOf(one), sumOf(other), other.length)).toBe(sumOf(whole));
    }),
  );
});
