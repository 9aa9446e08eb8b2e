import { handleEvent } from '../../lib/app/handle-event';
import { reconcile } from '../../lib/app/reconcile';
import { destination, eventFor, source, type World } from './world';

/** Stories of one key of which something failed for good. */
export const key = 'k';

export const notify = (world: World) => handleEvent(world.ports, eventFor(key, world.ports.clock.now()));
export const sweep = (world: World) =>
  reconcile({ ...world.ports, ruleSets: () => world.ruleSetsOf(source.region) });
export const at = (world: World) => world.shown(destination, key);
export const backlogOf = async (world: World) =>
  (await world.rules.backlog(source.bucket, 'r1', undefined)).entries.map(({ code }) => code);

/** What is tried again about once an hour has been by then. */
export async function sweepForTwoHours(world: World): Promise<void> {
  for (let run = 0; run < 24; run += 1) {
    world.advance(300_000);
    await sweep(world);
  }
}

/** How often something is written to the backlog. */
export async function toldIn(world: World, work: () => Promise<unknown>): Promise<number> {
  const { put } = world.ports.state;
  let told = 0;
  world.ports.state.put = async (name, body) => {
    if (name.startsWith('backlog/')) told += 1;
    return put(name, body);
  };
  await work();
  world.ports.state.put = put;
  return told;
}

/** Its owner makes all that is archived readable. */
export function restoreArchived(world: World): void {
  const { headObject } = world.ports.store;
  world.ports.store.headObject = async (...call) => {
    const head = await headObject(...call);
    return head && { ...head, restored: true };
  };
}

/** A lifecycle moves what is current into the archive. */
export function archiveCurrent(world: World, ref: typeof source): void {
  const current = world.cos.history(ref, key).at(-1);
  Object.assign(current?.content ?? {}, { storageClass: 'ARCHIVE' });
}

/** Only these versions are made readable. */
export function restoreVersions(world: World, ...bodies: readonly string[]): void {
  const { headObject } = world.ports.store;
  const restored = world.cos
    .history(source, key)
    .filter(({ content }) => content !== undefined && bodies.includes(content.body))
    .map(({ entry }) => entry.versionId);
  world.ports.store.headObject = async (ref, name, versionId) => {
    const head = await headObject(ref, name, versionId);
    const isOne = ref.bucket === source.bucket && restored.includes(head?.versionId ?? '');
    return head && { ...head, restored: isOne };
  };
}

/** COS writes other bytes than it was asked to, as many. */
export function damageCopies(world: World): () => void {
  const { copyVersion } = world.ports.store;
  world.ports.store.copyVersion = async ({ source: from, key: name, version, destination: to, ...sent }) => {
    const original = world.cos
      .history(from, name)
      .find(({ entry }) => entry.versionId === version.versionId)?.content;
    const body = 'X'.repeat(version.sizeBytes);
    const { entry } = world.cos.put(to, name, { ...original, body, metadata: sent.metadata });
    return { versionId: entry.versionId, etag: version.etag, crc64: `crc-of-${body}` };
  };
  return () => void (world.ports.store.copyVersion = copyVersion);
}
