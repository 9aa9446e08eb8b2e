/** Virtual time. Everything that happens is a task at a moment; tasks of one moment run in the order of their making. */
export interface Scheduler {
  /** True time, milliseconds since the Unix epoch: nobody in the simulated world can read it. */
  now(): number;
  /** Returns what takes the task back. */
  after(milliseconds: number, run: () => void): () => void;
  /** Runs tasks until this moment, or until `stop` says so; afterwards it is this moment. */
  runUntil(ms: number, stop: () => boolean): Promise<void>;
  /** Runs until nothing is left to do, or until this moment: what is left then lies later. */
  runDry(untilMs: number, stop: () => boolean): Promise<void>;
  /** Tasks that are left. */
  readonly left: number;
}

interface Task {
  readonly atMs: number;
  readonly place: number;
  readonly run: () => void;
  takenBack: boolean;
}

export function createScheduler(startMs: number): Scheduler {
  const heap = createHeap();
  let nowMs = startMs;
  let places = 0;
  let left = 0;

  const runTasks = async (untilMs: number, stop: () => boolean): Promise<void> => {
    for (let task = heap.peek(); task && task.atMs <= untilMs && !stop(); task = heap.peek()) {
      heap.pop();
      if (!task.takenBack) await runNext(task);
    }
  };

  const runNext = async (task: Task): Promise<void> => {
    // Done is as good as taken back.
    task.takenBack = true;
    left -= 1;
    nowMs = task.atMs;
    task.run();
    // A task wakes one waiting promise at most; all that follows from it has run when this comes back.
    await new Promise<void>((drained) => process.nextTick(drained));
  };

  return {
    now: () => nowMs,
    after(milliseconds, run) {
      places += 1;
      const task = { atMs: nowMs + Math.max(0, milliseconds), place: places, run, takenBack: false };
      heap.push(task);
      left += 1;
      return () => {
        if (!task.takenBack) left -= 1;
        task.takenBack = true;
      };
    },
    get left() {
      return left;
    },
    async runUntil(ms, stop) {
      await runTasks(ms, stop);
      nowMs = Math.max(nowMs, ms);
    },
    runDry: runTasks,
  };
}

const isBefore = (a: Task, b: Task): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.place < b.place);

function createHeap() {
  const tasks: Task[] = [];
  const at = (place: number): Task => tasks[place] as Task;
  const swap = (a: number, b: number): void => {
    [tasks[a], tasks[b]] = [at(b), at(a)];
  };
  return {
    peek: (): Task | undefined => tasks[0],
    push(task: Task): void {
      tasks.push(task);
      for (let place = tasks.length - 1; place > 0;) {
        const parent = (place - 1) >> 1;
        if (!isBefore(at(place), at(parent))) return;
        swap(place, parent);
        place = parent;
      }
    },
    pop(): Task | undefined {
      const first = tasks[0];
      const last = tasks.pop();
      if (first === undefined || last === undefined || tasks.length === 0) return first;
      tasks[0] = last;
      for (let place = 0; ;) {
        const left = 2 * place + 1;
        const right = left + 1;
        if (left >= tasks.length) return first;
        const least = right < tasks.length && isBefore(at(right), at(left)) ? right : left;
        if (!isBefore(at(least), at(place))) return first;
        swap(place, least);
        place = least;
      }
    },
  };
}
