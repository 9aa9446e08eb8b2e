/**
 * The errors that the local COS answers with: a closed list, spelled as COS does.
 * Source: https://www.tencentcloud.com/document/product/436/7730
 */
export const cosErrors = {
  AccessDenied: { status: 403, message: 'Access Denied.' },
  BadDigest: { status: 400, message: 'The Content-MD5 you specified did not match what we received.' },
  BucketAlreadyOwnedByYou: {
    status: 409,
    message: 'Your previous request to create the named bucket succeeded and you already own it.',
  },
  AccessForbidden: {
    status: 403,
    message:
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Requet-Headers are not whitelisted by the resource's CORS spec",
  },
  AppendPositionErr: { status: 409, message: 'The position does not match the length of the object.' },
  AttachmentFull: { status: 400, message: 'The number of grants exceeds the limit.' },
  BucketNotEmpty: { status: 409, message: 'The bucket you tried to delete is not empty.' },
  EntityTooLarge: { status: 400, message: 'Your proposed upload exceeds the maximum allowed object size.' },
  ExpiredToken: { status: 400, message: 'The provided token has expired.' },
  FileAlreadyExists: { status: 409, message: 'The file already exists.' },
  BucketVersionNotOpen: { status: 400, message: 'Versioning is not enabled for the bucket.' },
  EntityTooSmall: {
    status: 400,
    message: 'A part other than the last is smaller than the smallest part allowed.',
  },
  IncorrectNumberOfFilesInPostRequest: { status: 400, message: 'A form uploads exactly one file.' },
  InternalError: { status: 500, message: 'We encountered an internal error. Please try again.' },
  InvalidAccessKeyId: {
    status: 403,
    message: 'The Access Key Id you provided does not exist in our records.',
  },
  InvalidArgument: { status: 400, message: 'Invalid Argument.' },
  InvalidBucketName: { status: 400, message: 'The specified bucket is not valid.' },
  InvalidCopySource: { status: 400, message: 'Copy Source is invalid.' },
  InvalidDigest: { status: 400, message: 'The Content-MD5 you specified is not valid.' },
  InvalidObjectState: { status: 403, message: "The operation is not valid for the object's storage class." },
  InvalidRange: { status: 416, message: 'The requested range is not satisfiable.' },
  InvalidURI: { status: 400, message: 'Could not parse the specified URI.' },
  KeyTooLong: { status: 400, message: 'Your key is too long.' },
  MAZOperationNotSupportOnOAZBucket: {
    status: 400,
    message: 'A multi-AZ storage class is not supported in a single-AZ bucket.',
  },
  InvalidBucketState: {
    status: 409,
    message: 'The request is not valid with the current state of the bucket.',
  },
  InvalidPart: { status: 400, message: 'One or more of the specified parts could not be found.' },
  InvalidPartOrder: { status: 400, message: 'The list of parts was not in ascending order.' },
  InvalidPolicyDocument: { status: 400, message: 'The policy of the form is not valid.' },
  InvalidTag: { status: 400, message: 'The tag is not valid.' },
  MalformedPolicy: { status: 400, message: 'The policy is not valid.' },
  MalformedPOSTRequest: { status: 400, message: 'The body of the request is no well-formed form.' },
  MalformedXML: {
    status: 400,
    message: 'The XML you provided was not well-formed or did not validate against our published schema.',
  },
  MethodNotAllowed: { status: 405, message: 'The specified method is not allowed against this resource.' },
  MissingContentLength: { status: 411, message: 'You must provide the Content-Length HTTP header.' },
  NoSuchBucket: { status: 404, message: 'The specified bucket does not exist.' },
  NoSuchKey: { status: 404, message: 'The specified key does not exist.' },
  NoSuchTagSet: { status: 404, message: 'The TagSet does not exist.' },
  NoSuchVersion: { status: 404, message: 'The specified version does not exist.' },
  NotImplemented: {
    status: 501,
    message: 'A header or query you provided implies functionality that is not implemented.',
  },
  MultiBucketNotSupport: { status: 400, message: 'Only one destination bucket of a region can be set.' },
  NoSuchCORSConfiguration: { status: 404, message: 'The CORS configuration does not exist.' },
  NoSuchLifecycleConfiguration: { status: 404, message: 'The lifecycle configuration does not exist.' },
  NoSuchPolicy: { status: 404, message: 'The bucket policy does not exist.' },
  NoSuchUpload: { status: 404, message: 'The specified multipart upload does not exist.' },
  NotSupportedStorageClass: { status: 400, message: 'The storage class is not supported.' },
  OAZOperationNotSupportOnMAZBucket: {
    status: 400,
    message: 'A single-AZ storage class is not supported in a multi-AZ bucket.',
  },
  ObjectNotAppendable: {
    status: 409,
    message: 'The operation is not valid for the current state of the object.',
  },
  PreconditionFailed: {
    status: 412,
    message: 'At least one of the preconditions you specified did not hold.',
  },
  ReplicationConfigurationnotFoundError: {
    status: 404,
    message: 'The replication configuration was not found.',
  },
  RequestTimeTooSkewed: {
    status: 403,
    message: 'The difference between the request time and the server time is too large.',
  },
  RestoreAlreadyInProgress: { status: 409, message: 'Object restore is already in progress.' },
  RestoreNonArchiveObject: { status: 405, message: 'Restore is not allowed, as the object is not archived.' },
  SignatureDoesNotMatch: { status: 403, message: 'The Signature you specified is invalid.' },
  TargetBucketNameInvalid: { status: 400, message: 'The destination bucket is not valid.' },
  TooManyBuckets: { status: 400, message: 'You have attempted to create more buckets than allowed.' },
  UserNotSourceBucketOwner: { status: 403, message: 'You do not own the source bucket.' },
  UserNotTargetBucketOwner: { status: 403, message: 'You do not own the destination bucket.' },
} as const satisfies Record<string, { readonly status: number; readonly message: string }>;

export type CosErrorCode = keyof typeof cosErrors;

/** A refusal on its way to the client. */
export class CosError extends Error {
  readonly status: number;

  constructor(
    readonly code: CosErrorCode,
    message: string = cosErrors[code].message,
  ) {
    super(message);
    this.name = 'CosError';
    this.status = cosErrors[code].status;
  }
}

/** What is not built says so by its name, and never succeeds falsely. */
export function notImplemented(what: string): CosError {
  return new CosError('NotImplemented', `${what} is not implemented by the local COS.`);
}
