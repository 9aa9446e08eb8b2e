/**
 * CRC-64/XZ of two contents one after the other, from their own sums: a multipart object is summed without being read.
 * The method is zlib's `crc32_combine`, over COS's polynomial. Source: https://github.com/madler/zlib/blob/master/crc32.c
 */
export function combineCrc64(first: bigint, second: bigint, secondBytes: number): bigint {
  return secondBytes === 0 ? first : multiply(shiftOver(secondBytes), first) ^ second;
}

/** The sum of nothing. */
export const emptyCrc64 = 0n;

/** Reflected: the highest bit is x to the power of nothing. */
const polynomial = 0xc96c5795d7870f42n;
const one = 1n << 63n;
const x = one >> 1n;

/** Parts of one object mostly have one size. */
let latest = { bytes: 0, shift: one };

/** x to the power of the number of bits, modulo the polynomial. */
function shiftOver(bytes: number): bigint {
  if (latest.bytes !== bytes) latest = { bytes, shift: power(BigInt(bytes) * 8n) };
  return latest.shift;
}

function power(exponent: bigint): bigint {
  let result = one;
  let square = x;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  let shifted = b;
  for (let bit = one; bit > 0n; bit >>= 1n) {
    if (a & bit) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n;
  }
  return product;
}
