import { type Deployment, destinationsOf } from './deployment';
import type { BucketRef } from '../../lib/domain/rule';

/** Who may take the execution role. */
export const assumedByScf = JSON.stringify({
  version: '2.0',
  statement: [{ action: 'name/sts:AssumeRole', effect: 'allow', principal: { service: ['scf.qcloud.com'] } }],
});

const read = [
  'HeadBucket',
  'GetBucketVersioning',
  'GetBucketReplication',
  'GetBucketObjectVersions',
  'HeadObject',
  'GetObject',
  'GetObjectACL',
  'GetObjectTagging',
];
/** Classic and newer names of one right: which of them COS asks for is documented both ways. */
const write = [
  ...read,
  'PutObject',
  'PutObjectCopy',
  'PutObjectTagging',
  'PutObjectACL',
  'InitiateMultipartUpload',
  'UploadPart',
  'UploadPartCopy',
  'CompleteMultipartUpload',
  'AbortMultipartUpload',
  'ListParts',
  'ListMultipartUploads',
  'DeleteObject',
];
const state = ['HeadBucket', 'GetBucket', 'GetBucketVersioning', 'GetObject', 'PutObject', 'DeleteObject'];

/**
 * The least that the functions need: sources are read, destinations written without ever deleting a version, state is
 * read and written. https://www.tencentcloud.com/document/product/436/30580
 */
export function rolePolicy(
  { region, sources, stateBucket }: Pick<Deployment, 'region' | 'sources' | 'stateBucket'>,
  appid: string,
): string {
  const resource = (bucket: BucketRef): string => `qcs::cos:${bucket.region}:uid/${appid}:${bucket.bucket}/*`;
  const destinations = destinationsOf(sources).map(resource);
  return JSON.stringify({
    version: '2.0',
    statement: [
      allow(
        // Native replication of the same pair would write every version too: a rule is refused then.
        [...read, 'GetBucketReplication'],
        sources.map(({ bucket }) => resource({ bucket, region })),
      ),
      allow(write, destinations),
      keepVersions(destinations),
      allow(state, [resource(stateBucket)]),
      allow(['GetService'], ['*']),
    ],
  });
}

/** Denies a delete that names a version. That `string_like` can say "is there at all" is inferred. */
export function keepVersions(resource: readonly string[]) {
  return {
    effect: 'deny',
    action: ['name/cos:DeleteObject'],
    resource,
    condition: { string_like: { 'cos:versionid': '?*' } },
  };
}

function allow(actions: readonly string[], resource: readonly string[]) {
  return { effect: 'allow', action: actions.map((name) => `name/cos:${name}`), resource };
}
