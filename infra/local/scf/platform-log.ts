import { failureStatus } from './outcome';
import type { Run } from './pool';
import { lineCharsMax } from './lines';

/**
 * What the platform itself writes to a function's log for one run, whether the function wants it or not: its return value
 * among it (`RetMsg`), so a secret that is returned is a secret in the log. The fields are documented, their layout is as
 * observed by others. https://cloud.tencent.com/document/product/583/60336
 */
export function platformLines(
  requestId: string,
  retryNumber: number,
  memoryMb: number,
  run: Run,
): readonly string[] {
  const { outcome, coldStart, durationMs, peakMb } = run;
  const duration = `Duration:${Math.max(1, Math.round(durationMs))}ms`;
  const report = `Report RequestId: ${requestId} ${duration} Memory:${memoryMb}MB MemUsage:${peakMb.toFixed(3)}MB`;
  const lines = [
    `START RequestId: ${requestId} RetryNum: ${retryNumber}${coldStart ? ' Coldstart' : ''}`,
    outcome.ok
      ? `Response RequestId: ${requestId} RetMsg: ${outcome.result}`
      : `ERROR RequestId: ${requestId} StatusCode: ${failureStatus[outcome.error.kind]} ErrorMessage: ${outcome.error.message}`,
    `END RequestId: ${requestId}`,
    report,
  ];
  return lines.map((line) => line.slice(0, lineCharsMax));
}
