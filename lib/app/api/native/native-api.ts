import { createHash } from 'node:crypto';
import { type Problem, problem } from '../../../domain/problem';
import { ReplicationError } from '../../../domain/error';
import type { Clock, Entropy, Logger } from '../../ports';
import { RequestRefused } from '../../request-refused';
import type { RuleService } from '../../rules';
import type { Credential } from '../credential';
import { bucketSchema } from '../schemas';
import { errorDocument, type NativeError, nativeError } from './native-error';
import { buildConfiguration, parseConfiguration } from './replication-xml';

export interface NativePorts {
  readonly rules: RuleService;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly region: string;
}

export interface NativeRequest {
  readonly method: string;
  readonly bucket: string;
  readonly region: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly credential: Credential;
}

/** `?replication` as COS has it: PUT, GET and DELETE. Sources: https://www.tencentcloud.com/document/product/436/19223,
 * https://www.tencentcloud.com/document/product/436/19222, https://www.tencentcloud.com/document/product/436/19224 */
export async function answerNative(ports: NativePorts, request: NativeRequest): Promise<Response> {
  try {
    return await answer(ports, request);
  } catch (thrown) {
    if (thrown instanceof RequestRefused) {
      return refuseNative(ports, nativeError(thrown.status === 412 ? 503 : thrown.status, thrown.problems));
    }
    const { code, hint } =
      thrown instanceof ReplicationError
        ? thrown
        : { code: 'UNEXPECTED', hint: 'This is a defect; the log has its trace.' };
    const { message, stack } = thrown as Error;
    ports.log.error('request failed', { code, detail: message, hint, trace: stack });
    return refuseNative(ports, { status: 503, code: 'ServiceUnavailable', message: `${code}: ${hint}` });
  }
}

async function answer(ports: NativePorts, request: NativeRequest): Promise<Response> {
  const { bucket, region, method, credential } = request;
  if (!request.query.has('replication')) {
    return refuseNative(ports, {
      status: 405,
      code: 'MethodNotAllowed',
      message: 'Only ?replication is known here.',
    });
  }
  if (!bucketSchema.safeParse(bucket).success || region !== ports.region) {
    const message = `There is no ${bucket.slice(0, 80)} in ${region.slice(0, 40)} that this deployment replicates; it is for ${ports.region}.`;
    return refuseNative(ports, { status: 404, code: 'NoSuchBucket', message });
  }
  if (credential.role !== 'write' && method !== 'GET') {
    const message = `The credential ${credential.id} may only read.`;
    return refuseNative(ports, { status: 403, code: 'AccessDenied', message });
  }
  const change = { bucket, author: credential.id, revision: undefined };
  switch (method) {
    case 'GET': {
      const ruleSet = await ports.rules.list(bucket);
      if (ruleSet.rules.length === 0) {
        const message = `${bucket} has no replication configuration.`;
        // As the SDKs compare it.
        return refuseNative(ports, { status: 404, code: 'ReplicationConfigurationnotFoundError', message });
      }
      const newest =
        ruleSet.rules
          .map((rule) => rule.createdAt)
          .toSorted()
          .at(-1) ?? '';
      return reply(ports, 200, buildConfiguration(ruleSet), {
        'x-cos-replication-rule-creation-time': new Date(newest).toUTCString(),
      });
    }
    case 'PUT': {
      const wrong = digestProblem(request);
      if (wrong) return refuseNative(ports, nativeError(400, [wrong]));
      const parsed = parseConfiguration(new TextDecoder().decode(request.body));
      if (!parsed.ok) return refuseNative(ports, nativeError(400, parsed.problems));
      await ports.rules.replace(change, parsed.value.rules, parsed.value.role);
      return reply(ports, 200, null, { 'x-cos-bucket-region': ports.region });
    }
    case 'DELETE':
      await ports.rules.replace(change, [], undefined);
      return reply(ports, 204, null);
    default:
      return refuseNative(ports, {
        status: 405,
        code: 'MethodNotAllowed',
        message: `${method} is not known here.`,
      });
  }
}

/** https://www.rfc-editor.org/rfc/rfc1864 */
function digestProblem({ headers, body }: NativeRequest): Problem | undefined {
  const given = headers.get('content-md5');
  if (given === null) return undefined;
  const bytes = Buffer.from(given, 'base64');
  if (bytes.length !== 16) return problem('InvalidDigest', '', 'Content-MD5 is no MD5 in base64.');
  if (bytes.equals(createHash('md5').update(body).digest())) return undefined;
  return problem('BadDigest', '', 'Content-MD5 is not that of the body.');
}

export function refuseNative(ports: Pick<NativePorts, 'entropy'>, error: NativeError): Response {
  const requestId = ports.entropy.nonce();
  const headers = { 'x-cos-request-id': requestId };
  return reply(ports, error.status, errorDocument(error, '/?replication', requestId), headers);
}

function reply(
  ports: Pick<NativePorts, 'entropy'>,
  status: number,
  xml: string | null,
  more: Readonly<Record<string, string>> = {},
): Response {
  const headers = {
    'x-cos-request-id': ports.entropy.nonce(),
    ...(xml === null ? {} : { 'Content-Type': 'application/xml' }),
    ...more,
  };
  return new Response(xml, { status, headers });
}
