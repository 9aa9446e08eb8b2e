import type { PendingEvent } from '../../../infra/local/cos/local-cos';
import type { EventFault } from '../../../infra/local/faults/fault-plan';
import { createEventDelivery, type EventDelivery } from '../../../infra/local/deliver-events';
import type { CosTrigger } from '../../../infra/local/scf/cos-trigger';
import { cosEvent } from '../../../infra/local/scf/event-shape';
import { createTriggerTable } from '../../../infra/local/scf/trigger-table';
import { defaultUnknowns } from '../../../infra/local/unknowns';
import { recordOfType } from '../../fixtures/cos-events';

/** A record that tells which it is. */
const recordOf = (vid: string) => recordOfType('cos:ObjectCreated:Put', { vid });
const shape = () => defaultUnknowns;
const eventOf = (id: string) =>
  cosEvent(recordOf(id), { functionName: 'f', event: 'cos:ObjectCreated:*' }, shape());

/** What COS keeps: events stand until they are settled. */
function fakeCos() {
  const pending = new Map<string, PendingEvent>();
  let listener: (event: PendingEvent) => void = () => {};
  return {
    pending,
    commit: (id: string, eventName = 'cos:ObjectCreated:Put') => {
      const event = { id, bucket: 'b-1', region: 'r', eventName, key: id, record: recordOf(id) };
      pending.set(id, event);
      listener(event);
    },
    onEvent: (given: typeof listener) => (listener = given),
    pendingEvents: (limit = Infinity): Promise<readonly PendingEvent[]> =>
      Promise.resolve([...pending.values()].slice(0, limit)),
    settleEvent: (id: string) => Promise.resolve(void pending.delete(id)),
  };
}

/** Functions that settle an event when the test says so. */
function fakeFunctions() {
  const queued: { name: string; event: unknown; settle: (how: 'succeeded' | 'failed') => void }[] = [];
  const state = { full: false };
  return {
    queued,
    state,
    enqueue: (name: string, event: unknown, onSettled: (how: 'succeeded' | 'failed') => void = () => {}) => {
      if (state.full) return false;
      queued.push({ name, event, settle: onSettled });
      return true;
    },
  };
}

const created = (functionName: string): CosTrigger => ({
  functionName,
  bucket: 'b-1',
  events: ['cos:ObjectCreated:*'],
});

let cos: ReturnType<typeof fakeCos>;
let scf: ReturnType<typeof fakeFunctions>;
beforeEach(() => {
  cos = fakeCos();
  scf = fakeFunctions();
});

function delivery(triggers: readonly CosTrigger[], inFlightMax?: number): EventDelivery {
  const onProblem = (error: unknown): void => {
    throw error;
  };
  return createEventDelivery({
    cos,
    scf,
    triggers: createTriggerTable(triggers, () => []),
    shape,
    onProblem,
    ...(inFlightMax ? { inFlightMax } : {}),
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.each(['succeeded', 'failed'] as const)('an event leaves COS once its function has %s', async (how) => {
  await delivery([created('f')]).start();
  cos.commit('1');
  expect(scf.queued).toMatchObject([{ name: 'f', event: eventOf('1') }]);
  expect(cos.pending.has('1')).toBe(true);
  scf.queued[0]?.settle(how);
  expect(cos.pending.has('1')).toBe(false);
});

test('an event of two functions waits for both, one of none leaves at once', async () => {
  await delivery([created('f'), created('g'), created('f')]).start();
  cos.commit('1');
  expect(scf.queued.map(({ name }) => name)).toEqual(['f', 'g']);
  scf.queued[0]?.settle('succeeded');
  expect(cos.pending.has('1')).toBe(true);
  scf.queued[1]?.settle('succeeded');
  cos.commit('2', 'cos:ObjectRemove:Delete');
  expect([...cos.pending.keys()]).toEqual([]);
});

test('what was pending when the last run ended is delivered again', async () => {
  const first = delivery([created('f')]);
  await first.start();
  cos.commit('1');
  first.stop();
  scf.queued[0]?.settle('succeeded');
  expect(cos.pending.has('1')).toBe(true);

  scf = fakeFunctions();
  await delivery([created('f')]).start();
  expect(scf.queued).toHaveLength(1);
  scf.queued[0]?.settle('succeeded');
  expect(cos.pending.size).toBe(0);
});

test('more events than may be in flight wait in COS and come when there is room', async () => {
  await delivery([created('f')], 4).start();
  for (let n = 0; n < 11; n += 1) cos.commit(String(n));
  expect(scf.queued).toHaveLength(4);
  for (let n = 0; n < 11; n += 1) {
    await turn();
    scf.queued[n]?.settle('succeeded');
  }
  expect(cos.pending.size).toBe(0);
  expect(scf.queued.map(({ event }) => event)).toEqual(
    Array.from({ length: 11 }, (_, n) => eventOf(String(n))),
  );
});

test('an event that a full queue refuses is delivered once there is room', async () => {
  await delivery([created('f')]).start();
  cos.commit('0');
  scf.state.full = true;
  cos.commit('1');
  scf.state.full = false;
  scf.queued[0]?.settle('succeeded');
  await turn();
  expect(scf.queued).toHaveLength(2);
  scf.queued[1]?.settle('succeeded');
  expect(cos.pending.size).toBe(0);
});

test('an event that is settled while the pending ones are read is not delivered twice', async () => {
  let answer: (events: readonly PendingEvent[]) => void = () => {};
  cos.pendingEvents = () => new Promise((resolve) => (answer = resolve));
  const started = delivery([created('f')]).start();
  cos.commit('1');
  const stale = [...cos.pending.values()];
  scf.queued[0]?.settle('succeeded');
  await turn();
  answer(stale);
  await started;
  expect(scf.queued).toHaveLength(1);
});

describe('by a fault plan', () => {
  /** The faults in the order of the events. */
  function faulty(...faults: (EventFault | undefined)[]): EventDelivery {
    const onProblem = (error: unknown): void => {
      throw error;
    };
    return createEventDelivery({
      cos,
      scf,
      triggers: createTriggerTable([created('f')], () => []),
      shape,
      onProblem,
      faultOf: () => faults.shift(),
    });
  }
  const delivered = (): unknown[] => scf.queued.map(({ event }) => event);

  test('a lost event is gone', async () => {
    await faulty({ kind: 'lost' }).start();
    cos.commit('1');
    cos.commit('2');
    await turn();
    expect(delivered()).toEqual([eventOf('2')]);
    expect([...cos.pending.keys()]).toEqual(['2']);
  });

  test('a doubled event comes twice, and is done when both are', async () => {
    await faulty({ kind: 'doubled', delayMs: 0 }).start();
    cos.commit('1');
    expect(delivered()).toEqual([eventOf('1'), eventOf('1')]);
    scf.queued[0]?.settle('succeeded');
    await turn();
    expect(cos.pending.size).toBe(1);
    scf.queued[1]?.settle('succeeded');
    await turn();
    expect(cos.pending.size).toBe(0);
  });

  test('a delayed event is overtaken, and stays in COS if the cloud ends meanwhile', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    const events = faulty({ kind: 'delayed', delayMs: 50 }, undefined, { kind: 'delayed', delayMs: 50 });
    await events.start();
    cos.commit('1');
    cos.commit('2');
    jest.advanceTimersByTime(50);
    expect(delivered()).toEqual([eventOf('2'), eventOf('1')]);
    cos.commit('3');
    events.stop();
    jest.advanceTimersByTime(50);
    expect(delivered()).toHaveLength(2);
    expect(cos.pending.has('3')).toBe(true);
    jest.useRealTimers();
  });
});
