/** What is wrong with a request; all of it is reported at once. */
export interface Problem {
  /** Stable, for programs. */
  readonly code: ProblemCode;
  /** The field, as a JSON pointer into the request; empty: the request as a whole. */
  readonly path: string;
  /** One sentence that names the rule, bucket or field, and says what to do. */
  readonly message: string;
}

export type ProblemCode =
  // The request itself.
  | 'MalformedJson'
  | 'MalformedXML'
  | 'InvalidDigest'
  | 'BadDigest'
  | 'BodyTooLarge'
  | 'UnsupportedMediaType'
  | 'InvalidField'
  | 'UnknownField'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NoSuchRoute'
  | 'MethodNotAllowed'
  | 'RuleNotFound'
  | 'RevisionConflict'
  | 'RevisionRequired'
  | 'RevisionNotFound'
  | 'TooManyRequests'
  | 'ServiceUnavailable'
  // The rule set.
  | 'DuplicateRuleId'
  | 'TooManyRules'
  | 'WholeBucketRule'
  | 'PrefixOverlap'
  | 'PriorityMissing'
  | 'PriorityDuplicate'
  | 'TagsOverlap'
  | 'TagsExcludeMarkers'
  // The rules of other buckets of the account.
  | 'DestinationShared'
  | 'ReplicationCycle'
  // The two buckets.
  | 'SameBucket'
  | 'SameRegion'
  | 'SourceNotDeployed'
  | 'DestinationNotInRole'
  | 'SourceBucketMissing'
  | 'DestinationBucketMissing'
  | 'SourceNotVersioned'
  | 'DestinationNotVersioned'
  | 'OtherAccount'
  | 'AccessDenied'
  /** A class or a bucket of several zones, toward one of a single zone; and the other way round. */
  | 'MultiZoneClassMismatch'
  | 'SingleZoneClassMismatch'
  | 'UnsupportedBucket'
  | 'NativeReplication';

export function problem(code: ProblemCode, path: string, message: string): Problem {
  return { code, path, message };
}
