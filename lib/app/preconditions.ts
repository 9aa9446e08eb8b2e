import { type Problem, problem } from '../domain/problem';
import type { BucketRef, Destination } from '../domain/rule';
import { mapAtMost } from './map-at-most';
import type { BucketDescription, BucketDirectory, BucketVersioning } from './ports';

export interface PairCheck {
  /** What is wrong with the source bucket, whatever it is replicated to. */
  readonly ofSource: readonly Problem[];
  /** What is wrong with each destination, and with the pair; in the order of the destinations. */
  readonly ofDestinations: readonly (readonly Problem[])[];
  /** The source bucket's own clock, whole seconds; `undefined` if the bucket could not be described. */
  readonly sourceSeconds: number | undefined;
}

/** Destination buckets that are asked about side by side. */
const bucketsAtOnce = 8;

/**
 * Whether a bucket can be replicated to others, asked of COS itself. Four requests and two for each destination
 * bucket; all problems at once.
 */
export async function checkPairs(
  directory: BucketDirectory,
  source: BucketRef,
  destinations: readonly Destination[],
): Promise<PairCheck> {
  const places = new Map(
    destinations.map(({ bucket, region }) => [`${region}/${bucket}`, { bucket, region }]),
  );
  const [sourceSide, owned, native, sides] = await Promise.all([
    describe(directory, source),
    directory.ownedBuckets(),
    directory.replicatesTo(source),
    mapAtMost(
      bucketsAtOnce,
      [...places],
      async ([name, ref]) => [name, await describe(directory, ref)] as const,
    ),
  ]);
  const sideOf = new Map(sides);
  const { description } = sourceSide;
  return {
    ofSource: sourceProblems(source, sourceSide, owned),
    ofDestinations: destinations.map((destination) => {
      const side = sideOf.get(`${destination.region}/${destination.bucket}`) ?? unknownSide;
      return [
        ...destinationProblems(destination, side, owned),
        ...pairProblems(source, sourceSide, destination, side),
        ...nativeProblems(source, destination, native),
      ];
    }),
    sourceSeconds: description.kind === 'found' ? Math.floor(description.dateMs / 1000) : undefined,
  };
}

const unknownSide: Side = { description: { kind: 'missing' }, versioning: undefined };

/** Two replications of one pair would both write every version. */
function nativeProblems(
  source: BucketRef,
  destination: BucketRef,
  native: ReadonlySet<string>,
): readonly Problem[] {
  if (!native.has(destination.bucket)) return [];
  const message = `COS itself replicates ${source.bucket} to ${destination.bucket} already; delete that rule first.`;
  return [problem('NativeReplication', '/destination/bucket', message)];
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
  destination: Destination,
  destinationSide: Side,
): readonly Problem[] {
  if (sourceSide.description.kind !== 'found' || destinationSide.description.kind !== 'found') return [];
  const { multiZone } = destinationSide.description;
  const { storageClass } = destination;
  const mismatch = multiZone ? 'SingleZoneClassMismatch' : 'MultiZoneClassMismatch';
  if (storageClass !== undefined && storageClass.startsWith('MAZ_') !== multiZone) {
    const zones = multiZone ? 'a multi-zone' : 'a single-zone';
    const message = `${storageClass} does not fit ${destination.bucket}, which is ${zones} bucket.`;
    return [problem(mismatch, '/destination/storageClass', message)];
  }
  if (storageClass === undefined && sourceSide.description.multiZone !== multiZone) {
    const message = `${source.bucket} and ${destination.bucket} differ in zones, so objects cannot keep their class; name one.`;
    return [problem(mismatch, '/destination/storageClass', message)];
  }
  return [];
}
