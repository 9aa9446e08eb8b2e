import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { CosError, notImplemented } from '../cos-error';

/** A sum over a body while it passes. */
interface RunningSum {
  update(bytes: Buffer): void;
  /** base64 */
  digest(): string;
}

const sums: Readonly<Record<string, () => RunningSum>> = {
  'x-amz-checksum-crc32': crc32Sum,
  'x-amz-checksum-sha1': () => hashSum('sha1'),
  'x-amz-checksum-sha256': () => hashSum('sha256'),
};

function crc32Sum(): RunningSum {
  let value = 0;
  return {
    update: (bytes) => void (value = crc32(bytes, value)),
    digest: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes.toString('base64');
    },
  };
}

function hashSum(algorithm: 'sha1' | 'sha256'): RunningSum {
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('base64') };
}

const valueName = /^x-amz-checksum-(?!algorithm$|mode$|type$)/;

/** The header or trailer names among these that hold a sum of the body. Fails with NotImplemented for an unknown one. */
export function checksumNames(names: readonly string[]): readonly string[] {
  const found = names.filter((name) => valueName.test(name));
  const unknown = found.find((name) => !Object.hasOwn(sums, name));
  if (unknown !== undefined) throw notImplemented(`The header ${unknown}`);
  return found;
}

/**
 * Passes a body on and holds it to its sums at the end. `expected` is asked then, since a trailer comes last. Fails with
 * BadDigest, which is S3's code; what COS says is not documented.
 */
export async function* checked(
  chunks: AsyncIterable<Buffer>,
  names: readonly string[],
  expected: (name: string) => string | undefined,
): AsyncGenerator<Buffer> {
  const running = names.flatMap((name) => {
    const begin = sums[name];
    return begin ? [{ name, sum: begin() }] : [];
  });
  for await (const chunk of chunks) {
    for (const { sum } of running) sum.update(chunk);
    yield chunk;
  }
  const wrong = running.find(({ name, sum }) => sum.digest() !== expected(name));
  if (wrong) throw new CosError('BadDigest', `The content does not have the sum that ${wrong.name} says.`);
}
