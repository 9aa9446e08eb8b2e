import type { Problem } from '../domain/problem';
import type { RuleSet } from '../domain/rule';

/** A request that cannot be done, with everything that is wrong with it. */
export class RequestRefused extends Error {
  constructor(
    readonly status: 400 | 404 | 412 | 415 | 428,
    readonly problems: readonly Problem[],
    /** The rules as they are, where the caller's knowledge of them is old. */
    readonly current?: RuleSet,
  ) {
    super(problems.map(({ code, message }) => `${code}: ${message}`).join(' '));
    this.name = 'RequestRefused';
  }
}
