import type { Accounts } from './accounts';
import * as aclApi from './api/acl';
import { appendObject } from './api/append';
import * as bucketApi from './api/bucket';
import { bucketDocuments, deleteDocument, getDocument, putDocument } from './api/bucket-documents';
import { copyObject } from './api/copy';
import { deleteMultiple } from './api/delete-multiple';
import { listParts } from './api/list-parts';
import { listUploads } from './api/list-uploads';
import { listObjects, listVersions } from './api/listing';
import * as multipart from './api/multipart';
import * as objectApi from './api/object';
import { postObject } from './api/post-object';
import { restoreObject } from './api/restore';
import { deleteTagging, getTagging, putTagging } from './api/tagging';
import type { BucketExchange, ObjectExchange, Operation, Operations } from './exchange';

function operation<For>(action: string, run: (exchange: For) => Promise<void>): Operation<For> {
  return { action, run };
}

/** By method and sub-resource. */
export function bucketOperations(accounts: Accounts): Operations<BucketExchange> {
  return {
    HEAD: operation('HeadBucket', bucketApi.headBucket),
    GET: operation('GetBucket', listObjects),
    DELETE: operation('DeleteBucket', bucketApi.deleteBucket),
    POST: { action: 'PostObject', run: postObject(accounts), open: true },
    'GET versions': operation('GetBucketObjectVersions', listVersions),
    'GET versioning': operation('GetBucketVersioning', bucketApi.getVersioning),
    'PUT versioning': operation('PutBucketVersioning', bucketApi.putVersioning),
    'GET location': operation('GetBucketLocation', bucketApi.getLocation),
    'GET acl': operation('GetBucketACL', aclApi.getBucketAcl),
    'PUT acl': operation('PutBucketACL', aclApi.putBucketAcl),
    'GET uploads': operation('ListMultipartUploads', listUploads),
    'POST delete': operation('DeleteMultipleObjects', deleteMultiple),
    ...documentOperations(),
  };
}

function documentOperations(): Operations<BucketExchange> {
  return Object.fromEntries(
    Object.entries(bucketDocuments).flatMap(([name, document]) => [
      [`GET ${name}`, operation(`GetBucket${document.actionName}`, getDocument(name, document))],
      [`PUT ${name}`, operation(`PutBucket${document.actionName}`, putDocument(name, document))],
      [`DELETE ${name}`, operation(`DeleteBucket${document.actionName}`, deleteDocument(name))],
    ]),
  );
}

/** By method and sub-resource, and `copy` if the request names a source. */
export const objectOperations: Operations<ObjectExchange> = {
  PUT: operation('PutObject', objectApi.putObject),
  'PUT copy': operation('PutObjectCopy', copyObject),
  GET: operation('GetObject', objectApi.getObject),
  HEAD: operation('HeadObject', objectApi.headObject),
  DELETE: operation('DeleteObject', objectApi.deleteObject),
  'POST append': operation('AppendObject', appendObject),
  'POST restore': operation('RestoreObject', restoreObject),
  'GET acl': operation('GetObjectACL', aclApi.getObjectAcl),
  'PUT acl': operation('PutObjectACL', aclApi.putObjectAcl),
  'GET tagging': operation('GetObjectTagging', getTagging),
  'PUT tagging': operation('PutObjectTagging', putTagging),
  'DELETE tagging': operation('DeleteObjectTagging', deleteTagging),
  'POST uploads': operation('InitiateMultipartUpload', multipart.initiateUpload),
  'PUT uploadId': operation('UploadPart', multipart.uploadPart),
  'PUT uploadId copy': operation('UploadPartCopy', multipart.copyPart),
  'POST uploadId': operation('CompleteMultipartUpload', multipart.completeUpload),
  'DELETE uploadId': operation('AbortMultipartUpload', multipart.abortUpload),
  'GET uploadId': operation('ListParts', listParts),
};
