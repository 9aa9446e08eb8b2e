import { applyStep, type StepRequest } from '../../lib/app/apply-step';
import { createCosObjectStore } from '../../lib/adapters/cos/object-store';
import type { ObjectVersion } from '../../lib/domain/history';
import { withRule, source, destination } from '../support/world';
import { scriptedCos } from './scripted-cos';

const cos = scriptedCos();
const id = 'MTg0NDUxNTc1NjIzMTQ1MDAwODg';

test('a copy without CRC64 into a bucket that encrypts by KMS, whose ETags are no MD5, is made once', async () => {
  const source200 = {
    etag: '"aaaa0000aaaa0000aaaa0000aaaa0000"',
    'content-length': '5',
    'x-cos-version-id': id,
    'last-modified': 'Sun, 01 Nov 2026 00:00:00 GMT',
  };
  let copies = 0;
  cos.answer = (request, response) => {
    if (request.method === 'PUT') {
      copies += 1;
      return void response
        .writeHead(200)
        .end(
          `<CopyObjectResult><ETag>"bbbb0000bbbb0000bbbb0000bbbb000${copies}"</ETag><VersionId>r${copies}</VersionId></CopyObjectResult>`,
        );
    }
    if (request.headers.host?.startsWith(source.bucket)) return void response.writeHead(200, source200).end();
    response
      .writeHead(200, {
        ...source200,
        etag: `"bbbb0000bbbb0000bbbb0000bbbb000${copies}"`,
        'x-cos-server-side-encryption': 'cos/kms',
        'x-cos-version-id': `r${copies}`,
      })
      .end();
  };
  const world = await withRule();
  const version: ObjectVersion = {
    kind: 'version',
    versionId: id,
    etag: 'aaaa0000aaaa0000aaaa0000aaaa0000',
    sizeBytes: 5,
    lastModifiedMs: Date.parse('2026-11-01T00:00:00Z'),
    storageClass: 'STANDARD',
  };
  const rule = (await world.rules.get(source.bucket, 'r1')).rule;
  const request: StepRequest = {
    source,
    key: 'k',
    rule,
    step: { kind: 'copyVersion', version },
    base: undefined,
    seenAt: () => 'abcdefabcdef' as never,
    beforeWrite: async () => {},
    assertDue: async () => {},
    current: undefined,
    matter: undefined,
  };
  const applied = await applyStep(
    { ...world.ports, store: createCosObjectStore(cos.client()) },
    request,
  ).catch((e: unknown) => (e as { code: string }).code);
  expect({ applied, copies }).toEqual({ applied: 1, copies: 1 });
  expect(destination).toBeDefined();
});
