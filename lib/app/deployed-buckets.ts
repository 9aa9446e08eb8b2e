import { type Problem, problem } from '../domain/problem';
import type { BucketRef } from '../domain/rule';

/** What this deployment was made for: the buckets with its triggers, and those that its role may write to. */
export interface DeployedBuckets {
  /** Absent: any. */
  readonly sources?: ReadonlySet<string>;
  /** Absent: any. */
  readonly destinations?: ReadonlySet<string>;
}

export function isDeployed({ sources }: DeployedBuckets, source: BucketRef): boolean {
  return sources?.has(source.bucket) ?? true;
}

/** What a deployment cannot do that was made for other buckets. */
export function deploymentProblems(
  deployed: DeployedBuckets,
  source: BucketRef,
  destination: BucketRef,
): readonly Problem[] {
  const problems: Problem[] = [];
  const { destinations } = deployed;
  if (!isDeployed(deployed, source)) {
    const message = `No trigger of this deployment is bound to ${source.bucket}; add it to the sources and deploy again.`;
    problems.push(problem('SourceNotDeployed', '', message));
  }
  if (destinations && !destinations.has(destination.bucket)) {
    const message = `The role of this deployment may not write to ${destination.bucket}; add it to the destinations and deploy again.`;
    problems.push(problem('DestinationNotInRole', '/destination/bucket', message));
  }
  return problems;
}
