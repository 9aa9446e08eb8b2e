/** What a look at an account came to. */
export interface Finding {
  readonly verdict: 'ok' | 'problem' | 'unknown';
  /** A sentence, and for a problem what to do. */
  readonly text: string;
}

export const ok = (text: string): Finding => ({ verdict: 'ok', text });
export const problem = (text: string): Finding => ({ verdict: 'problem', text });
export const unknown = (text: string): Finding => ({ verdict: 'unknown', text });

export const countProblems = (findings: readonly Finding[]): number =>
  findings.filter(({ verdict }) => verdict === 'problem').length;
