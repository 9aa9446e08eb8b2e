import type { FunctionLog } from './scf/instance';

/** One line as SCF's log service would hold it. */
export interface LogLine extends FunctionLog {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly by: 'function' | 'platform';
}

/** The newest lines of all functions, oldest first. */
export interface RecentLog {
  readonly add: (by: LogLine['by'], log: FunctionLog) => void;
  readonly list: () => readonly LogLine[];
  readonly reset: () => void;
}

const linesMax = 2000;
/** A line may hold a return value of megabytes. */
const lineCharsMax = 16_384;

export function createRecentLog(now: () => number): RecentLog {
  let lines: LogLine[] = [];
  return {
    add: (by, log) => {
      if (lines.length >= linesMax) lines = lines.slice(linesMax / 2);
      lines.push({ at: now(), by, ...log, line: log.line.slice(0, lineCharsMax) });
    },
    list: () => [...lines],
    reset: () => {
      lines = [];
    },
  };
}
