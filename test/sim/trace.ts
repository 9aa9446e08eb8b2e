/** What happened, for a person to read. Nothing is formatted unless it is kept. */
export interface Trace {
  /** Otherwise nothing needs to be worded. */
  readonly kept: boolean;
  add(who: string, what: string, subject: string, outcome: string): void;
  lines(): readonly string[];
}

export function createTrace(now: () => number, startMs: number): Trace {
  const lines: string[] = [];
  return {
    kept: true,
    add(who, what, subject, outcome) {
      const time = ((now() - startMs) / 1000).toFixed(3).padStart(9);
      lines.push(`${time}  ${who.padEnd(16)} ${what.padEnd(16)} ${subject}  | ${outcome}`);
    },
    lines: () => lines,
  };
}

export const noTrace: Trace = { kept: false, add: () => {}, lines: () => [] };
