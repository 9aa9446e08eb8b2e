import type { LocalCos, PendingEvent } from './cos/local-cos';
import type { EventFault } from './faults/fault-plan';
import { cosEvent, type EventShape } from './scf/event-shape';
import type { ScfHost } from './scf/host';
import type { TriggerTable } from './scf/trigger-table';

export interface EventDelivery {
  /** Takes up what was committed and not settled before the last end. */
  readonly start: () => Promise<void>;
  /** What is not settled yet stays pending in COS, for the next start. */
  readonly stop: () => void;
}

export interface EventDeliverySettings {
  readonly cos: Pick<LocalCos, 'onEvent' | 'pendingEvents' | 'settleEvent'>;
  readonly scf: Pick<ScfHost, 'enqueue'>;
  readonly triggers: Pick<TriggerTable, 'matching'>;
  /** How events look from now on. */
  readonly shape: () => EventShape;
  readonly onProblem: (error: unknown) => void;
  /** Told of each event once, when its change is committed. */
  readonly onCommit?: (event: PendingEvent) => void;
  /** What goes wrong with an event on its way. */
  readonly faultOf?: (event: PendingEvent) => EventFault | undefined;
  /** How many events are in the functions' queues at most; the rest waits on disk. */
  readonly inFlightMax?: number;
}

const inFlightMaxDefault = 20_000;

/**
 * Brings COS's events to the functions that are bound to them. COS keeps an event until every function has settled
 * it, so one that was committed is delivered at least once, whatever happens to this process.
 */
export function createEventDelivery(settings: EventDeliverySettings): EventDelivery {
  const { cos, scf, triggers, onProblem, onCommit, inFlightMax = inFlightMaxDefault } = settings;
  const { shape, faultOf = () => undefined } = settings;
  const later = new Set<NodeJS.Timeout>();
  const inFlight = new Set<string>();
  let leftOnDisk = false;
  // Set while the pending events are read: what is settled meanwhile may still stand in the answer.
  let finishedWhileReading: Set<string> | undefined;
  let stopped = false;

  const deliver = (event: PendingEvent): void => {
    if (stopped || inFlight.has(event.id)) return;
    const bound = triggers.matching(event);
    if (bound.length === 0) return void finish(event.id, true);
    if (inFlight.size >= inFlightMax) {
      leftOnDisk = true;
      return;
    }
    inFlight.add(event.id);
    const deliveries = deliveryDelaysMs(faultOf(event));
    if (deliveries.length === 0) return void finish(event.id, true);
    let open = bound.length * deliveries.length;
    let taken = true;
    const enqueue = (trigger: (typeof bound)[number]): void => {
      const queued = scf.enqueue(trigger.functionName, cosEvent(event.record, trigger, shape()), () => {
        open -= 1;
        if (open === 0) void finish(event.id, taken);
      });
      if (queued) return;
      // A queue is full: the event stays in COS and comes again for every function.
      taken = false;
      open -= 1;
      if (open === 0) void finish(event.id, taken);
    };
    for (const delayMs of deliveries) afterDelay(delayMs, () => bound.forEach(enqueue));
  };

  const afterDelay = (delayMs: number, work: () => void): void => {
    if (delayMs === 0) return work();
    const timer = setTimeout(() => {
      later.delete(timer);
      work();
    }, delayMs);
    later.add(timer);
  };

  const finish = async (id: string, taken: boolean): Promise<void> => {
    if (stopped) return;
    if (taken) await cos.settleEvent(id).catch(onProblem);
    else leftOnDisk = true;
    inFlight.delete(id);
    finishedWhileReading?.add(id);
    if (taken && leftOnDisk && inFlight.size <= inFlightMax / 2) await readPending().catch(onProblem);
  };

  const readPending = async (): Promise<void> => {
    if (finishedWhileReading || stopped) return;
    finishedWhileReading = new Set();
    leftOnDisk = false;
    try {
      const events = await cos.pendingEvents(inFlightMax);
      if (events.length >= inFlightMax) leftOnDisk = true;
      for (const event of events) if (!finishedWhileReading.has(event.id)) deliver(event);
    } finally {
      finishedWhileReading = undefined;
    }
  };

  return {
    start: () => {
      cos.onEvent((event) => {
        onCommit?.(event);
        deliver(event);
      });
      return readPending();
    },
    stop: () => {
      stopped = true;
      for (const timer of later) clearTimeout(timer);
    },
  };
}

/** One entry for each time that an event is delivered: how long it is under way. */
function deliveryDelaysMs(fault: EventFault | undefined): readonly number[] {
  switch (fault?.kind) {
    case undefined:
      return [0];
    case 'lost':
      return [];
    case 'doubled':
      return [0, fault.delayMs];
    case 'delayed':
      return [fault.delayMs];
  }
}
