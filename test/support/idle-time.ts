/** Time passes only when nothing else is left to do, and then to the first that waits. */
export function createTime(startMs: number) {
  let nowMs = startMs;
  const sleepers: { atMs: number; wake: () => void }[] = [];
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => void sleepers.push({ atMs: nowMs + ms, wake: resolve }));
  const run = async <Value>(work: Promise<Value>): Promise<Value> => {
    let done = false;
    const ended = work.finally(() => (done = true));
    ended.catch(() => undefined);
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      if (done) break;
      sleepers.sort((a, b) => a.atMs - b.atMs);
      const next = sleepers.shift();
      if (!next) continue;
      nowMs = next.atMs;
      next.wake();
    }
    return ended;
  };
  return { now: () => nowMs, sleep, run };
}
