import { createHash } from 'node:crypto';
import { zipSync } from 'fflate';

/** Within the zip format's range, and the same for ever: equal code is an equal zip. */
const packedAt = new Date(2020, 0, 1);

/** One bundle at the root of a zip: SCF's handler is `<file>.<export>` without a folder. */
export function packFunction(fileName: string, bundle: Uint8Array): Buffer {
  return Buffer.from(zipSync({ [fileName]: bundle }, { level: 9, mtime: packedAt }));
}

export function codeHash(zip: Uint8Array): string {
  return createHash('sha256').update(zip).digest('hex').slice(0, 32);
}
