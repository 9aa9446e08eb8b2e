import path from 'node:path';
import { openBodies } from '../../infra/local/cos/store/bodies';
import { openCommits } from '../../infra/local/cos/store/commit';
import { openObjectIndex } from '../../infra/local/cos/store/object-index';
import { createObjectStore } from '../../infra/local/cos/store/object-store';

const atOnce = 64;
const versionsOfAKey = 10;
const facts = { etag: 'd41d8cd98f00b204e9800998ecf8427e', storageClass: 'STANDARD', metadata: {}, tags: [] };
const origin = { requestId: '', sourceIp: '', authorization: '' };

/** Writes empty versions, ten of each key, into a closed data folder, each as a request would. */
export async function fillStore(
  dataDir: string,
  bucketName: string,
  versions: number,
  onProgress: (done: number) => void,
): Promise<void> {
  const index = await openObjectIndex(path.join(dataDir, 'index'), false);
  const bodies = openBodies(dataDir);
  const commits = await openCommits(index, bodies, { now: Date.now, onEvent: () => {} });
  const store = createObjectStore(index, bodies, commits, 0);
  const bucket = await index.bucket(bucketName);
  if (!bucket) throw new Error(`there is no bucket ${bucketName}`);
  const change = { event: undefined, forbidOverwrite: false, origin, mintedMicros: undefined };
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < versions) {
      const place = next;
      next += 1;
      const key = `objects/${String(Math.floor(place / versionsOfAKey)).padStart(9, '0')}`;
      await store.write(bucket, key, { body: '', size: 0, crc64: '0' }, facts, change);
      onProgress(place);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, write));
  await store.close();
}
