import { createCosDestinationProbe } from '../../lib/adapters/cos/destination-probe';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import { createCosStateStore } from '../../lib/adapters/cos/state-store';
import { asReplicationError, type ReasonCode, surelyNotDone } from '../../lib/domain/error';
import { destination, source } from '../support/world';
import { copyOf, says, scriptedCos } from './scripted-cos';

const cos = scriptedCos();
const store = () => createCosObjectStore(cos.client());
const state = () => createCosStateStore(cos.client(), source);

/** COS's list of error codes. Source: https://www.tencentcloud.com/document/product/436/7730 */
const answers: readonly (readonly [status: number, code: string, reason: ReasonCode])[] = [
  [301, 'PermanentRedirect', 'STORE_UNAVAILABLE'],
  [307, 'TemporaryRedirect', 'STORE_UNAVAILABLE'],
  [400, 'BadDigest', 'OUTCOME_UNKNOWN'],
  [400, 'EntityTooLarge', 'OBJECT_TOO_LARGE'],
  [400, 'EntityTooSmall', 'REQUEST_REFUSED'],
  [400, 'ExpiredToken', 'CREDENTIALS_EXPIRED'],
  [400, 'IncompleteBody', 'OUTCOME_UNKNOWN'],
  [400, 'InvalidArgument', 'REQUEST_REFUSED'],
  [400, 'InvalidDigest', 'OUTCOME_UNKNOWN'],
  [400, 'InvalidURI', 'REQUEST_REFUSED'],
  [400, 'KeyTooLong', 'REQUEST_REFUSED'],
  [400, 'KmsKeyDisabled', 'REQUEST_REFUSED'],
  [400, 'KmsKeyNotExist', 'REQUEST_REFUSED'],
  [400, 'NotSupportedStorageClass', 'REQUEST_REFUSED'],
  [400, 'RequestTimeout', 'OUTCOME_UNKNOWN'],
  [400, 'SSEHeaderNotAllowed', 'REQUEST_REFUSED'],
  [400, 'SsecDecryptHeaderInvalid', 'OBJECT_ENCRYPTED'],
  [400, 'UserNetworkTooSlow', 'OUTCOME_UNKNOWN'],
  [402, 'PaymentRequired', 'ACCOUNT_BLOCKED'],
  [403, 'AccessDenied', 'ACCESS_DENIED'],
  [403, 'InvalidAccessKeyId', 'ACCESS_DENIED'],
  [403, 'InvalidObjectState', 'OBJECT_ARCHIVED'],
  [403, 'RequestTimeTooSkewed', 'STORE_UNAVAILABLE'],
  [403, 'SignatureDoesNotMatch', 'ACCESS_DENIED'],
  [404, 'NoSuchBucket', 'BUCKET_MISSING'],
  [404, 'NoSuchCopySource', 'SOURCE_GONE'],
  [404, 'NoSuchKey', 'SOURCE_GONE'],
  [404, 'NoSuchTagSet', 'REQUEST_REFUSED'],
  [404, 'NoSuchUpload', 'REQUEST_REFUSED'],
  [404, 'NoSuchVersion', 'SOURCE_GONE'],
  [405, 'MethodNotAllowed', 'REQUEST_REFUSED'],
  [408, 'Unnamed', 'OUTCOME_UNKNOWN'],
  [409, 'BucketAlreadyExists', 'KEY_BUSY'],
  [409, 'BucketAlreadyOwnedByYou', 'KEY_BUSY'],
  [409, 'BucketNotEmpty', 'KEY_BUSY'],
  [409, 'ObjectLocked', 'REQUEST_REFUSED'],
  [409, 'PathConflict', 'KEY_BUSY'],
  [409, 'Unnamed', 'KEY_BUSY'],
  [409, 'UploadConflict', 'KEY_BUSY'],
  [411, 'MissingContentLength', 'REQUEST_REFUSED'],
  [412, 'PreconditionFailed', 'REQUEST_REFUSED'],
  [416, 'InvalidRange', 'REQUEST_REFUSED'],
  [429, 'TooManyRequests', 'THROTTLED'],
  [451, 'UnavailableForLegalReasons', 'ACCOUNT_BLOCKED'],
  [500, 'InternalError', 'OUTCOME_UNKNOWN'],
  [503, 'KmsFreqControl', 'THROTTLED'],
  [503, 'ServiceUnavailable', 'OUTCOME_UNKNOWN'],
  [503, 'SlowDown', 'THROTTLED'],
  [520, 'Unnamed', 'OUTCOME_UNKNOWN'],
];

test.each(answers)('a copy answered %i %s fails with %s', async (status, code, reason) => {
  cos.answer = says(status, code);
  await expect(store().copyVersion(copyOf())).rejects.toMatchObject({ code: reason });
  expect(cos.requests).toHaveLength(1);
});

test.each<[number, ReasonCode]>([
  [404, 'SOURCE_GONE'],
  [200, 'REQUEST_REFUSED'],
])('a source that is called invalid: its head answers %i, so %s', async (status, reason) => {
  const { versionId } = copyOf().version;
  cos.answer = (request, response) =>
    request.method === 'HEAD'
      ? void response.writeHead(status, { 'x-cos-version-id': versionId, etag: '"abc"' }).end()
      : says(400, 'InvalidCopySource')(request, response);
  await expect(store().copyVersion(copyOf())).rejects.toMatchObject({ code: reason });
  expect(cos.requests.map(({ method }) => method)).toEqual(['PUT', 'HEAD']);
});

describe('the source has another ETag than was asked for', () => {
  beforeEach(() => {
    cos.answer = says(412, 'PreconditionFailed');
  });

  test('what has no id was replaced', async () => {
    const copying = store().copyVersion(copyOf({ versionId: 'null' }));
    await expect(copying).rejects.toMatchObject({ code: 'SOURCE_GONE', effect: 'skip' });
  });

  test('a version with an id is not gone, and the gap names what was asked for', async () => {
    const copying = store().copyVersion(copyOf({ versionId: 'v1' }));
    await expect(copying).rejects.toMatchObject({
      code: 'REQUEST_REFUSED',
      effect: 'gap',
      message: expect.stringMatching(/v1.*"abc"/) as string,
    });
  });
});

test('only the source of a copy can be gone', async () => {
  cos.answer = says(404, 'NoSuchKey');
  const read = createCosDestinationProbe(cos.client()).read(destination, 'a');
  await expect(read).rejects.toMatchObject({ code: 'REQUEST_REFUSED' });
});

test.each<[number, string, ReasonCode]>([
  [301, 'PermanentRedirect', 'STORE_UNAVAILABLE'],
  [400, 'IncompleteBody', 'STORE_UNAVAILABLE'],
  [404, 'Unnamed', 'REQUEST_REFUSED'],
  [408, 'Unnamed', 'STORE_UNAVAILABLE'],
  [409, 'OperationAborted', 'KEY_BUSY'],
  [500, 'InternalError', 'STORE_UNAVAILABLE'],
])('a read answered %i %s fails with %s', async (status, code, reason) => {
  cos.answer = says(status, code);
  await expect(state().get('a')).rejects.toMatchObject({ code: reason });
});

test.each<[number, ReasonCode]>([
  [402, 'ACCOUNT_BLOCKED'],
  [408, 'STORE_UNAVAILABLE'],
  [409, 'KEY_BUSY'],
  [429, 'THROTTLED'],
  [451, 'ACCOUNT_BLOCKED'],
  [503, 'STORE_UNAVAILABLE'],
])('a head answered %i, without a code, fails with %s', async (status, reason) => {
  cos.answer = says(status, '');
  await expect(store().headObject(source, 'a')).rejects.toMatchObject({ code: reason });
  expect(cos.requests).toHaveLength(1);
});

test.each<[number, string, boolean]>([
  [301, 'PermanentRedirect', false],
  [400, 'ExpiredToken', true],
  [400, 'InvalidArgument', true],
  [400, 'RequestTimeout', false],
  [402, 'PaymentRequired', true],
  [403, 'AccessDenied', true],
  [404, 'NoSuchBucket', true],
  [408, 'Unnamed', false],
  [429, 'TooManyRequests', true],
  [451, 'UnavailableForLegalReasons', true],
  [500, 'InternalError', false],
  [503, 'ServiceUnavailable', false],
  [503, 'SlowDown', true],
])('a marker answered %i %s: surely not written is %p', async (status, code, sure) => {
  cos.answer = says(status, code);
  const failure = await store().putDeleteMarker(destination, 'a').catch(asReplicationError);
  expect(surelyNotDone.has((failure as ReturnType<typeof asReplicationError>).code)).toBe(sure);
});
