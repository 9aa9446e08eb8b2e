import { createReadStream } from 'node:fs';
import type COS from 'cos-nodejs-sdk-v5';
import { messageOf } from '../../local-cloud-error';
import type { Demo } from '../demo';
import { forEachAtMost } from '../for-each-at-most';
import type { ReplicaWatch } from './imported';

const uploadsAtOnce = 8;

/** Puts every file into the source bucket. https://cloud.tencent.com/document/product/436/7749 */
export async function uploadAll(
  cos: COS,
  demo: Demo,
  watch: ReplicaWatch,
  onDone: () => void,
  signal: AbortSignal,
): Promise<void> {
  await forEachAtMost(
    uploadsAtOnce,
    watch.imported,
    async (file) => {
      const atMs = Date.now();
      const body = createReadStream(file.file);
      try {
        const put = await cos.putObject({
          Bucket: demo.sourceBucket,
          Region: demo.sourceRegion,
          Key: file.key,
          Body: body,
          ContentLength: file.bytes,
        });
        const crc64 = headerOf(put.headers, 'x-cos-hash-crc64ecma');
        watch.uploaded(file, { versionId: put.VersionId ?? '', crc64, atMs });
      } catch (error) {
        file.problem = `not uploaded: ${messageOf(error)}`;
      } finally {
        body.destroy();
      }
      onDone();
    },
    signal,
  );
}

/** A header of an SDK answer; `''` if it has none. */
export function headerOf(headers: object | undefined, name: string): string {
  const value = (headers as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : '';
}
