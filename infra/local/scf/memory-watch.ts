import { readFileSync } from 'node:fs';

/** Watches the memory of a process while it works; V8's own limit knows nothing of buffers. */
export interface MemoryWatch {
  /** The most that was seen, in megabytes; 0 where the system does not tell. */
  readonly peakMb: () => number;
  readonly stop: () => void;
}

const everyMs = 50;
const kilobytesPerMb = 1024;

export function watchMemory(pid: number, limitMb: number, onExceeded: () => void): MemoryWatch {
  let peakMb = 0;
  const look = (): void => {
    peakMb = Math.max(peakMb, ownMegabytes(pid) ?? 0);
    if (peakMb <= limitMb) return;
    clearInterval(timer);
    onExceeded();
  };
  const timer = setInterval(look, everyMs);
  return {
    peakMb: () => peakMb,
    stop: () => {
      clearInterval(timer);
      // Short work ends between two looks.
      peakMb = Math.max(peakMb, ownMegabytes(pid) ?? 0);
    },
  };
}

/**
 * What a process has for itself, without the pages of the program, which all instances share: as a container's account
 * counts it. `undefined` where there is no /proc.
 */
function ownMegabytes(pid: number): number | undefined {
  try {
    const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) / kilobytesPerMb;
  } catch {
    return undefined;
  }
}
