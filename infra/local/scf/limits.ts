/** Limits of SCF. https://cloud.tencent.com/document/product/583/11637 */

/** A synchronous request, and its answer. */
export const syncBytesMax = 6 * 1024 * 1024;
export const asyncEventBytesMax = 128 * 1024;
/** Events of a function that are held for it. */
export const queuedEventsMax = 100_000;
/** All variables of a function, names and values. */
export const environmentBytesMax = 4 * 1024;
export const secondsPerInvocationMax = 900;
/** What all functions of an account may use at once in a region of mainland China; elsewhere it is half of it. */
export const accountMemoryMbMax = 128_000;
/** Further tries of an event that failed: as observed by others, not documented. */
export const retriesMax = 2;
/** How long an event is kept at most, and if nothing else is set: six hours. */
export const eventAgeMsMax = 21_600_000;

const reservedPrefix = /^(SCF_|QCLOUD_|TENCENTCLOUD_)/;

/** What SCF would not take of a function's variables, a sentence each. */
export function environmentProblems(environment: Readonly<Record<string, string>>): readonly string[] {
  const problems: string[] = [];
  const bytes = Object.entries(environment).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
  if (bytes > environmentBytesMax)
    problems.push(`its variables take ${bytes} of ${environmentBytesMax} bytes`);
  for (const name of Object.keys(environment).filter((each) => reservedPrefix.test(each)))
    problems.push(`the variable ${name} has a prefix that is the platform's own`);
  return problems;
}
