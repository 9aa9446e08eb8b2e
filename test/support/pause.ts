import type { ObjectStore } from '../../lib/app/ports';
import type { World } from './world';

/** Holds the next call of a method back until it is let go, or its answer if it shall have `landed` by then. */
export function pause<Name extends keyof ObjectStore>(world: World, name: Name, landed = false) {
  const { store } = world.ports;
  const original = store[name] as (...call: unknown[]) => Promise<unknown>;
  let release = (): void => {};
  let reached = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  store[name] = (async (...call: unknown[]) => {
    store[name] = original as ObjectStore[Name];
    const answer = landed ? await original(...call) : undefined;
    reached();
    await gate;
    return landed ? answer : original(...call);
  }) as ObjectStore[Name];
  return { arrived, release };
}
