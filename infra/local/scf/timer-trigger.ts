import { Cron } from 'croner';

/** A timer of SCF. https://cloud.tencent.com/document/product/583/9708 */
export interface TimerTrigger {
  readonly functionName: string;
  readonly triggerName: string;
  /** Seven fields: second, minute, hour, day, month, week day, year; in UTC. */
  readonly cron: string;
  /** The trigger's CustomArgument. */
  readonly message?: string;
}

/** The event of one tick. `Time` is the tick's own whole second, in UTC. */
export interface TimerEvent {
  readonly Type: 'Timer';
  readonly TriggerName: string;
  readonly Time: string;
  readonly Message: string;
}

/** Starts every timer. A cron expression that cannot be read throws and names its trigger. */
export function startTimers(
  triggers: readonly TimerTrigger[],
  fire: (functionName: string, event: TimerEvent) => void,
): { readonly stop: () => void } {
  const jobs = triggers.map((trigger) => {
    const job = readCron(trigger);
    job.schedule((self: Cron) =>
      fire(trigger.functionName, timerEvent(trigger, self.currentRun() ?? new Date())),
    );
    return job;
  });
  return { stop: () => jobs.forEach((job) => job.stop()) };
}

export function timerEvent(trigger: TimerTrigger, at: Date): TimerEvent {
  const time = at.toISOString().replace(/\.\d+Z$/, 'Z');
  return { Type: 'Timer', TriggerName: trigger.triggerName, Time: time, Message: trigger.message ?? '' };
}

export function readCron(trigger: TimerTrigger): Cron {
  try {
    return new Cron(trigger.cron, { mode: '7-part', timezone: 'UTC', paused: false });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const form = 'second minute hour day month weekday year';
    throw new Error(`The timer "${trigger.triggerName}" is not "${form}": ${trigger.cron} (${why}).`, {
      cause: error,
    });
  }
}
