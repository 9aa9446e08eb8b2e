/**
 * The errors that the local COS answers with: a closed list, spelled as COS does.
 * Source: https://www.tencentcloud.com/document/product/436/7730
 */
export const cosErrors = {
  AccessDenied: { status: 403, message: 'Access Denied.' },
  BadDigest: { status: 400, message: 'The Content-MD5 you specified did not match what we received.' },
  BucketAlreadyExists: { status: 409, message: 'The requested bucket name is not available.' },
  BucketAlreadyOwnedByYou: {
    status: 409,
    message: 'Your previous request to create the named bucket succeeded and you already own it.',
  },
  BucketNotEmpty: { status: 409, message: 'The bucket you tried to delete is not empty.' },
  EntityTooLarge: { status: 400, message: 'Your proposed upload exceeds the maximum allowed object size.' },
  ExpiredToken: { status: 400, message: 'The provided token has expired.' },
  FileAlreadyExists: { status: 409, message: 'The file already exists.' },
  IncompleteBody: {
    status: 400,
    message: 'You did not provide the number of bytes specified by the Content-Length HTTP header.',
  },
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
  NotSupportedStorageClass: { status: 400, message: 'The storage class is not supported.' },
  OAZOperationNotSupportOnMAZBucket: {
    status: 400,
    message: 'A single-AZ storage class is not supported in a multi-AZ bucket.',
  },
  PreconditionFailed: {
    status: 412,
    message: 'At least one of the preconditions you specified did not hold.',
  },
  RequestTimeTooSkewed: {
    status: 403,
    message: 'The difference between the request time and the server time is too large.',
  },
  SignatureDoesNotMatch: { status: 403, message: 'The Signature you specified is invalid.' },
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
