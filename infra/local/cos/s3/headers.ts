import type { SignedRequest } from '../signature';
import type { ChunkSigning } from './signature-v4';

/**
 * The S3 dialect, which COS accepts on the same hosts. A request is put into COS's words, so that there is one of each
 * operation; its answer's headers are put back. What is signed is the request as it came.
 * Source: https://www.tencentcloud.com/document/product/436/32537
 */
export interface S3Request {
  readonly original: SignedRequest;
  /** Known once the caller is. */
  signing?: ChunkSigning;
}

/** Headers of an answer that S3 has under a name of its own. That COS names them so in this dialect is inferred. */
const answered =
  /^x-cos-(meta-.+|version-id|delete-marker|storage-class|tagging-count|restore|copy-source-version-id|request-id|acl|grant-.+|object-type)$/;

export function headerOfS3(name: string): string {
  return answered.test(name) ? name.replace('x-cos-', 'x-amz-') : name;
}
