import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { cloudApiError, sendCloudApi, type ServeCloudApi } from '../gateway/cloud-api';
import { type ApiRequest, readCall, type SigningKey } from './api-call';
import type { Policy } from '../cos/access/policy';
import { forgottenTables, type OpenTable } from '../kept-map';
import { ApiError } from './api-error';
import { camActions, openCamState } from './cam-actions';
import {
  createFunctionRegistry,
  type FunctionEntry,
  type FunctionRegistry,
  type RegisteredFunction,
} from './function-registry';
import { mayCall } from './permission';
import { scfActions } from './scf-actions';
import { stsActions } from './sts-actions';
import { tagActions } from './tag-actions';
import { bindKept } from './trigger-actions';

/** A key of an account, permanent or temporary. */
export interface AccountKey extends SigningKey {
  readonly account: { readonly appid: string; readonly uin: string };
  /** What is allowed; `undefined`: everything in the account. */
  readonly policies?: readonly Policy[] | undefined;
}

/** A call that was proved. */
export interface Call {
  readonly region: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly account: AccountKey['account'];
}

/** Answers with the fields of `Response`; fails with an ApiError. */
export type Action = (call: Call) => object | Promise<object>;

export interface ControlPlaneSettings {
  readonly findKey: (secretId: string) => AccountKey | undefined;
  readonly issueTemporaryKey: (
    account: AccountKey['account'],
    options: {
      readonly name: string;
      readonly seconds: number;
      /** What it may do; `undefined`: everything in the account. */
      readonly policies?: () => readonly Policy[];
    },
  ) => {
    readonly secretId: string;
    readonly secretKey: string;
    readonly token: string;
    readonly expiresAtMs: number;
  };
  /** Told of each change of a function; `undefined`: it is gone. */
  readonly onFunction?: (name: string, scf: RegisteredFunction | undefined) => void;
  /** Runs an event in a function. `false`: it was not taken. */
  readonly invoke?: (name: string, event: unknown) => boolean;
  readonly now?: () => number;
  /** How long a function is Creating or Updating. */
  readonly settleMs?: number;
  /** Where everything is kept; by default nothing is. */
  readonly openTable?: OpenTable;
}

/** One call as it was answered. */
export interface ApiCallRecord {
  readonly service: string;
  readonly action: string;
  readonly region: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** `''`: it succeeded. */
  readonly errorCode: string;
}

export interface ControlPlane {
  readonly serve: ServeCloudApi;
  readonly functions: FunctionRegistry;
  /** The documents of the policies that a role has; `undefined`: there is no such role. */
  readonly policiesOf: (role: string) => readonly string[] | undefined;
  /** Oldest first; for tests that count calls. */
  readonly calls: () => readonly ApiCallRecord[];
  readonly resetCalls: () => void;
}

const settleMsDefault = 200;
const callsMax = 10_000;
/** Of Tencent Cloud's API with TC3. https://cloud.tencent.com/document/api/583/17238 */
const requestBytesMax = 10 * 1024 * 1024;

const versions: Readonly<Record<string, string>> = {
  scf: '2018-04-16',
  cam: '2019-01-16',
  sts: '2018-08-13',
  tag: '2018-08-13',
};

/** The part of Tencent Cloud's API that a deployment calls. What is not here is refused by its name. */
export function createControlPlane(settings: ControlPlaneSettings): ControlPlane {
  const { findKey, now = Date.now, settleMs = settleMsDefault } = settings;
  const { onFunction: onChange, invoke = () => false, openTable = forgottenTables } = settings;
  const cam = openCamState(openTable);
  const entries = openTable<string, FunctionEntry>('functions');
  const functions = createFunctionRegistry({ now, settleMs, entries, ...(onChange ? { onChange } : {}) });
  bindKept(functions);
  const services: Readonly<Record<string, Readonly<Record<string, Action>>>> = {
    scf: scfActions(functions, cam, invoke),
    cam: camActions(cam),
    sts: stsActions(settings.issueTemporaryKey, cam),
    tag: tagActions(openTable('tags')),
  };
  let calls: ApiCallRecord[] = [];

  const answer = async (service: string, request: ApiRequest): Promise<object> => {
    const { key, ...call } = readCall(request, service, findKey, now());
    const { action, region, params } = call;
    const record = (errorCode: string): void => {
      if (calls.length >= callsMax) calls = calls.slice(callsMax / 2);
      calls.push({ service, action, region, params, errorCode });
    };
    try {
      const actions = services[service];
      if (!actions) throw new ApiError('NoSuchProduct', `${service} is not implemented by the local cloud.`);
      if (call.version !== versions[service])
        throw new ApiError('NoSuchVersion', `${service} has no version ${call.version}.`);
      const perform = Object.hasOwn(actions, action) ? actions[action] : undefined;
      if (!perform)
        throw new ApiError('InvalidAction', `${service} ${action} is not implemented by the local cloud.`);
      if (!mayCall(key.policies, service, action))
        throw new ApiError(
          'AuthFailure.UnauthorizedOperation',
          `The key is not authorized to perform ${service}:${action}.`,
        );
      const fields = await perform({ region, params, account: key.account });
      record('');
      return fields;
    } catch (error) {
      record(error instanceof ApiError ? error.code : 'InternalError');
      throw error;
    }
  };

  return {
    functions,
    policiesOf: (name) =>
      cam.roles.get(name)?.policyIds.flatMap((id) => cam.policies.get(id)?.policyDocument ?? []),
    calls: () => [...calls],
    resetCalls: () => {
      calls = [];
    },
    serve: (service, request, response) => {
      readRequest(request)
        .then((read) => answer(service, read))
        .then(
          (fields) => sendCloudApi(response, { Response: { ...fields, RequestId: randomUUID() } }),
          (error: unknown) => {
            const known = error instanceof ApiError ? error : new ApiError('InternalError', String(error));
            sendCloudApi(response, cloudApiError(known.code, known.message));
          },
        );
    },
  };
}

async function readRequest(request: IncomingMessage): Promise<ApiRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= requestBytesMax) chunks.push(chunk);
  }
  if (bytes > requestBytesMax)
    throw new ApiError('RequestSizeLimitExceeded', `The request is over ${requestBytesMax} bytes.`);
  const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s);
  const { method = 'GET', headers } = request;
  return { method, host: headers.host ?? '', path, query, headers, body: Buffer.concat(chunks) };
}
