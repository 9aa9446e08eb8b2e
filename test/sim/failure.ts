/** What a checker found; the first one ends the run. */
export interface Failure {
  readonly checker: string;
  readonly message: string;
  /** The key that a reader of the trace should follow. */
  readonly key: string | undefined;
}

export function createVerdict() {
  let failure: Failure | undefined;
  return {
    get failure(): Failure | undefined {
      return failure;
    },
    fail(checker: string, message: string, key?: string): void {
      failure ??= { checker, message, key };
    },
  };
}

export type Verdict = ReturnType<typeof createVerdict>;
