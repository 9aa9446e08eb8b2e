import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import type COS from 'cos-nodejs-sdk-v5';
import { messageOf } from '../../local-cloud-error';
import { type StreamSum, sumOf } from '../crc64';
import type { Demo } from '../demo';
import { forEachAtMost } from '../for-each-at-most';
import type { Imported } from './imported';

const verifiedAtOnce = 4;

/**
 * Downloads every replica and compares its bytes with the file on disk, by CRC64 and length; what COS says of the
 * object's checksum is not asked. A difference is the file's problem.
 */
export async function verifyAll(
  cos: COS,
  demo: Demo,
  replicas: readonly Imported[],
  onDone: () => void,
  signal: AbortSignal,
): Promise<void> {
  await forEachAtMost(
    verifiedAtOnce,
    replicas,
    async (file) => {
      const problem = await differenceOf(cos, demo, file).catch((error: unknown) => messageOf(error));
      if (problem !== undefined) file.problem = `mismatched: ${problem}`;
      onDone();
    },
    signal,
  );
}

async function differenceOf(cos: COS, demo: Demo, file: Imported): Promise<string | undefined> {
  const [replica, original] = await Promise.all([
    download(cos, demo, file),
    sumOf(createReadStream(file.file)),
  ]);
  if (replica.crc64 === original.crc64 && replica.bytes === original.bytes) return undefined;
  const now = await stat(file.file);
  if (now.size !== file.bytes || now.mtimeMs !== file.modifiedMs)
    return 'the file on disk was changed meanwhile';
  return (
    `the replica has CRC64 ${replica.crc64} over ${replica.bytes} bytes, ` +
    `the file ${original.crc64} over ${original.bytes}`
  );
}

/** https://cloud.tencent.com/document/product/436/7753 */
async function download(cos: COS, demo: Demo, file: Imported): Promise<StreamSum> {
  const output = new PassThrough();
  const versionId = file.destinationVersionId;
  const request = cos.getObject({
    Bucket: demo.destinationBucket,
    Region: demo.destinationRegion,
    Key: file.key,
    ...(versionId ? { VersionId: versionId } : {}),
    Output: output,
  });
  const [sum] = await Promise.all([sumOf(output), request]);
  return sum;
}
