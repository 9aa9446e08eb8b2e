import type COS from 'cos-nodejs-sdk-v5';
import type { Demo } from '../demo';
import { forEachAtMost } from '../for-each-at-most';
import type { Imported, ReplicaWatch } from './imported';
import { headerOf } from './upload';

/** How long nothing may move before the wait is given up. */
export const stallMsDefault = 60_000;
/** How long nothing moves before the destination is asked itself: a function may end before its line is read. */
const askAfterMs = 3000;
const pollMs = 200;
const headsAtOnce = 8;

export interface AwaitSettings {
  readonly cos: COS;
  readonly demo: Demo;
  readonly watch: ReplicaWatch;
  readonly onDone: () => void;
  readonly signal: AbortSignal;
  readonly stallMs: number;
}

/** Waits until every uploaded file has its replica, or nothing has moved for long; then the rest is a problem. */
export async function awaitReplicas(settings: AwaitSettings): Promise<void> {
  const { watch, signal, stallMs, onDone } = settings;
  const awaited = watch.imported.filter((file) => file.sourceVersionId !== undefined);
  const missing = (): Imported[] => awaited.filter((file) => file.destinationVersionId === undefined);
  let open = missing().length;
  for (let done = awaited.length - open; done > 0; done -= 1) onDone();
  let movedAtMs = Date.now();
  let askedAtMs = movedAtMs;
  watch.onReplicated = () => {
    open -= 1;
    movedAtMs = Date.now();
    onDone();
  };
  while (open > 0 && !signal.aborted && Date.now() - movedAtMs < stallMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    const quietSinceMs = Math.max(movedAtMs, askedAtMs);
    if (Date.now() - quietSinceMs < askAfterMs) continue;
    await forEachAtMost(headsAtOnce, missing(), (file) => askDestination(settings, file), signal);
    askedAtMs = Date.now();
  }
  watch.onReplicated = () => {};
  for (const file of missing()) file.problem = 'not replicated';
}

/** A replica that was written since the upload and has its checksum. https://cloud.tencent.com/document/product/436/7745 */
async function askDestination({ cos, demo, watch }: AwaitSettings, file: Imported): Promise<void> {
  const head = await cos
    .headObject({ Bucket: demo.destinationBucket, Region: demo.destinationRegion, Key: file.key })
    .catch(() => undefined);
  if (!head) return;
  const writtenMs = Date.parse(headerOf(head.headers, 'last-modified'));
  const sinceUpload = writtenMs >= Math.floor((file.uploadedAtMs ?? 0) / 1000) * 1000;
  const crc64 = headerOf(head.headers, 'x-cos-hash-crc64ecma');
  if (sinceUpload && crc64 !== '' && crc64 === file.crc64) {
    watch.markReplicated(file, headerOf(head.headers, 'x-cos-version-id'));
  }
}
