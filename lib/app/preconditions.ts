import { type Problem, problem, type RuleSettings } from '../domain/rule-change';
import type { BucketRef } from '../domain/rule';
import { type DeployedBuckets, deploymentProblems } from './deployed-buckets';
import type { BucketDescription, BucketDirectory, BucketVersioning } from './ports';

export interface PairCheck {
  readonly problems: readonly Problem[];
  /** The source bucket's own clock, whole seconds; `undefined` if the bucket could not be described. */
  readonly sourceSeconds: number | undefined;
}

/**
 * Whether a rule can work between two buckets, asked of COS itself. At most six requests; all problems at once.
 */
export async function checkPair(
  directory: BucketDirectory,
  source: BucketRef,
  destination: RuleSettings['destination'],
  deployed?: DeployedBuckets,
): Promise<PairCheck> {
  const outside = deployed ? deploymentProblems(deployed, source, destination) : [];
  // The role would be refused at such a bucket: what COS says of it would be another problem's.
  if (outside.length > 0) return { problems: outside, sourceSeconds: undefined };
  const [sourceSide, destinationSide, owned] = await Promise.all([
    describe(directory, source),
    describe(directory, destination),
    directory.ownedBuckets(),
  ]);
  const problems = [
    ...sourceProblems(source, sourceSide, owned),
    ...destinationProblems(destination, destinationSide, owned),
    ...pairProblems(source, sourceSide, destination, destinationSide),
  ];
  const { description } = sourceSide;
  const sourceSeconds = description.kind === 'found' ? Math.floor(description.dateMs / 1000) : undefined;
  return { problems, sourceSeconds };
}

interface Side {
  readonly description: BucketDescription;
  readonly versioning: BucketVersioning | undefined;
}

async function describe(directory: BucketDirectory, bucket: BucketRef): Promise<Side> {
  const description = await directory.describe(bucket);
  const versioning = description.kind === 'found' ? await directory.versioning(bucket) : undefined;
  return { description, versioning };
}

function sourceProblems(source: BucketRef, side: Side, owned: ReadonlySet<string>): readonly Problem[] {
  const name = `the source bucket ${source.bucket}`;
  switch (side.description.kind) {
    case 'missing':
      return [
        problem(
          'SourceBucketMissing',
          '',
          `There is no ${source.bucket} in ${source.region}, where this deployment is.`,
        ),
      ];
    case 'denied':
      return owned.has(source.bucket)
        ? [problem('AccessDenied', '', `The function's role may not read ${name}; add it to the deployment.`)]
        : [problem('OtherAccount', '', `COS says that ${name} is not of this account.`)];
    case 'found':
      break;
  }
  const problems: Problem[] = [];
  if (!owned.has(source.bucket))
    problems.push(problem('OtherAccount', '', `COS says that ${name} is not of this account.`));
  if (side.versioning !== 'Enabled') {
    const message = `Versioning of ${name} is ${side.versioning ?? 'unknown'}; switch it on, replication needs it.`;
    problems.push(problem('SourceNotVersioned', '', message));
  }
  if (side.description.hierarchical) {
    problems.push(
      problem(
        'UnsupportedBucket',
        '',
        `${source.bucket} has metadata acceleration, which excludes replication.`,
      ),
    );
  }
  return problems;
}

function destinationProblems(
  destination: BucketRef,
  side: Side,
  owned: ReadonlySet<string>,
): readonly Problem[] {
  const path = '/destination/bucket';
  const name = `the destination bucket ${destination.bucket}`;
  switch (side.description.kind) {
    case 'missing':
      return [
        problem(
          'DestinationBucketMissing',
          path,
          `There is no ${destination.bucket} in ${destination.region}.`,
        ),
      ];
    case 'denied':
      return owned.has(destination.bucket)
        ? [
            problem(
              'AccessDenied',
              path,
              `The function's role may not use ${name}; add it to the deployment.`,
            ),
          ]
        : [otherAccount(name)];
    case 'found':
      break;
  }
  const problems: Problem[] = [];
  if (!owned.has(destination.bucket)) problems.push(otherAccount(name));
  if (side.versioning !== 'Enabled') {
    const message = `Versioning of ${name} is ${side.versioning ?? 'unknown'}; switch it on, replication needs it.`;
    problems.push(problem('DestinationNotVersioned', path, message));
  }
  if (side.description.hierarchical) {
    const message = `${destination.bucket} has metadata acceleration, which excludes replication.`;
    problems.push(problem('UnsupportedBucket', path, message));
  }
  return problems;
}

function otherAccount(name: string): Problem {
  const message = `COS says that ${name} is not of this account; choose a bucket of the same account.`;
  return problem('OtherAccount', '/destination/bucket', message);
}

/** A single-zone class does not fit a multi-zone bucket, nor the other way round. */
function pairProblems(
  source: BucketRef,
  sourceSide: Side,
  destination: RuleSettings['destination'],
  destinationSide: Side,
): readonly Problem[] {
  if (sourceSide.description.kind !== 'found' || destinationSide.description.kind !== 'found') return [];
  const { multiZone } = destinationSide.description;
  const { storageClass } = destination;
  if (storageClass !== undefined && storageClass.startsWith('MAZ_') !== multiZone) {
    const zones = multiZone ? 'a multi-zone' : 'a single-zone';
    const message = `${storageClass} does not fit ${destination.bucket}, which is ${zones} bucket.`;
    return [problem('StorageClassMismatch', '/destination/storageClass', message)];
  }
  if (storageClass === undefined && sourceSide.description.multiZone !== multiZone) {
    const message = `${source.bucket} and ${destination.bucket} differ in zones, so objects cannot keep their class; name one.`;
    return [problem('StorageClassMismatch', '/destination/storageClass', message)];
  }
  return [];
}
