/**
 * Why an invocation failed, with SCF's own status code for it.
 * https://www.tencentcloud.com/document/product/583/35311
 */
export const failureStatus = {
  // Not in SCF's list: what HTTP says (inferred).
  requestTooLarge: 413,
  userCode: 430,
  noInstance: 432,
  timedOut: 433,
  outOfMemory: 434,
  processExit: 439,
  initFailed: 446,
} as const;

export type FailureKind = keyof typeof failureStatus;

export interface InvocationFailure {
  readonly kind: FailureKind;
  /** What the platform would log; the stack for an error of the handler. */
  readonly message: string;
}

/** What became of one run of a handler. `result` is its return value as JSON text, `null` if it returned nothing. */
export type Outcome =
  { readonly ok: true; readonly result: string } | { readonly ok: false; readonly error: InvocationFailure };

export function failed(kind: FailureKind, message: string): Outcome {
  return { ok: false, error: { kind, message } };
}
