import type { BucketRef } from '../domain/rule';
import { type Problem, problem } from '../domain/rule-change';

/** What the deployment has bound and allowed: names of buckets. */
export interface DeployedBuckets {
  readonly sources: ReadonlySet<string>;
  readonly destinations: ReadonlySet<string>;
}

/** Whether events of the source come here, and the role may write to the destination. */
export function deploymentProblems(
  deployed: DeployedBuckets,
  source: BucketRef,
  destination: BucketRef,
): readonly Problem[] {
  const problems: Problem[] = [];
  if (!deployed.sources.has(source.bucket)) {
    const message = `${source.bucket} has no triggers of this deployment; add it to its sources and deploy again.`;
    problems.push(problem('SourceNotDeployed', '', message));
  }
  if (!deployed.destinations.has(destination.bucket)) {
    const message = `The role of this deployment may not write to ${destination.bucket}; add it to a source's destinations and deploy again.`;
    problems.push(problem('DestinationNotInRole', '/destination/bucket', message));
  }
  return problems;
}
