import { accountConflicts, conflictsOf, type NamedSettings } from '../domain/rule-conflicts';
import type { Problem } from '../domain/problem';
import type { BucketRef } from '../domain/rule';
import type { ChangeTime } from '../domain/rule-change';
import type { AccountRules } from './account-rules';
import { type DeployedBuckets, deploymentProblems, isDeployed } from './deployed-buckets';
import type { BucketDirectory, Clock } from './ports';
import { checkPairs } from './preconditions';

export interface ExaminationPorts {
  readonly directory: BucketDirectory;
  readonly clock: Clock;
  readonly account: Pick<AccountRules, 'all'>;
  readonly deployed: DeployedBuckets;
}

/** A rule that shall be made or changed, and where its settings stand in the request. */
export interface Candidate {
  readonly rule: NamedSettings;
  /** A JSON pointer. */
  readonly path: string;
}

export interface Examination {
  readonly problems: readonly Problem[];
  /** `undefined`: the source bucket did not tell its time, which is a problem of its own. */
  readonly time: ChangeTime | undefined;
}

/**
 * All that speaks against rules: asked of the other rules of their bucket, of the account's other buckets, and of COS
 * itself. `kept` are the rules of the bucket that stay beside them.
 */
export async function examine(
  ports: ExaminationPorts,
  source: BucketRef,
  candidates: readonly Candidate[],
  kept: readonly NamedSettings[],
): Promise<Examination> {
  const destinations = candidates.map(({ rule }) => rule.destination);
  const [pairs, account] = await Promise.all([
    checkPairs(ports.directory, source, destinations),
    ports.account.all(),
  ]);
  const others = [...kept];
  const ofRules = candidates.flatMap(({ rule, path }, place) => {
    const outside = deploymentProblems(ports.deployed, source, rule.destination);
    const own = [
      ...outside,
      ...conflictsOf(source, rule, others),
      ...accountConflicts(source, rule, account),
    ];
    others.push(rule);
    const known = new Set(own.map(nameOf));
    // What COS says of a bucket that the role may not use is another problem's.
    const asked = outside.length > 0 ? [] : (pairs.ofDestinations[place] ?? []);
    const ofPair = asked.filter((found) => !known.has(nameOf(found)));
    return [...own, ...ofPair].map((found) => ({ ...found, path: `${path}${found.path}` }));
  });
  const { sourceSeconds } = pairs;
  return {
    problems: [...ofRules, ...(isDeployed(ports.deployed, source) ? pairs.ofSource : [])],
    time:
      sourceSeconds === undefined
        ? undefined
        : { sourceSeconds, at: new Date(ports.clock.now()).toISOString() },
  };
}

/** What the names tell already, COS need not say again. */
function nameOf({ code, path }: Problem): string {
  return `${code} ${path}`;
}
