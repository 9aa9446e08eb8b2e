import { CommonClient } from 'tencentcloud-sdk-nodejs-common';
import type { DeployCredentials } from './credentials';
import { DeployError } from './deploy-error';

/** The services of Tencent Cloud's API that a deployment calls, as they are versioned. https://cloud.tencent.com/document/api */
export const versions = { scf: '2018-04-16', cam: '2019-01-16', sts: '2018-08-13' } as const;
export type CloudService = keyof typeof versions;

/** One action. Resolves to the fields of `Response`; fails with a DeployError. */
export type CallCloud = <Answer = Readonly<Record<string, unknown>>>(
  service: CloudService,
  action: string,
  params?: object,
) => Promise<Answer>;

/** Sends one request, once. Fails as the SDK does. */
export type SendToCloud = (service: CloudService, action: string, params: object) => Promise<unknown>;

export interface CloudSettings {
  readonly credentials: DeployCredentials;
  readonly region: string;
  /** `tencentcloudapi.com`, or `intl.tencentcloudapi.com` for an international account. */
  readonly domain: string;
}

const requestSeconds = 60;

/** Over https, signed with TC3. */
export function cloudSender({ credentials, region, domain }: CloudSettings): SendToCloud {
  const { secretId, secretKey, token } = credentials;
  return (service, action, params) =>
    new CommonClient(`${service}.${domain}`, versions[service], {
      credential: { secretId, secretKey, ...(token === undefined ? {} : { token }) },
      region,
      profile: { httpProfile: { reqTimeout: requestSeconds } },
    }).request(action, params);
}

const triesMax = 4;
const firstPauseMs = 500;

/** What is the same when it is done twice, and so may be sent again when no answer came. */
const repeatable = /^(Get|List|Update|Put|Attach)/;
const passing = /^(RequestLimitExceeded|InternalError)/;

/** Sends again what may be sent again, and says what a refusal means for whoever deploys. */
export function createCloudApi(send: SendToCloud, pause = sleep): CallCloud {
  return async <Answer>(service: CloudService, action: string, params: object = {}) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await send(service, action, params)) as Answer;
      } catch (thrown) {
        const code = codeOf(thrown);
        const mayPass = code === '' ? repeatable.test(action) : passing.test(code);
        if (!mayPass || attempt >= triesMax) throw deployError(service, action, code, thrown);
        await pause(firstPauseMs * 2 ** (attempt - 1));
      }
    }
  };
}

/** `''`: no answer of the API. */
function codeOf(thrown: unknown): string {
  const { code } = thrown as { code?: unknown };
  // Codes of the API begin with a capital and are no words of the network (ECONNRESET).
  return typeof code === 'string' && /^[A-Z][a-z]/.test(code) && code !== 'NetworkError' ? code : '';
}

function deployError(service: string, action: string, code: string, thrown: unknown): DeployError {
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  if (code === '') {
    const message = `${service}:${action} got no answer of Tencent Cloud (${said}). Deploy again: what is done stays done.`;
    return new DeployError('API_UNREACHABLE', message, code, thrown);
  }
  if (code.startsWith('AuthFailure') && !code.includes('Unauthorized')) {
    const message = `Tencent Cloud refused the credentials (${code}: ${said}). Check the key and, with a temporary one, that its token is not expired; check this machine's clock.`;
    return new DeployError('CREDENTIALS_REFUSED', message, code, thrown);
  }
  if (code.includes('Unauthorized')) {
    const message = `The key that deploys may not call ${service}:${action} (${code}: ${said}). docs/deploy.md lists what it must be allowed.`;
    return new DeployError('PERMISSION_MISSING', message, code, thrown);
  }
  return new DeployError('API_REFUSED', `${service}:${action} was refused: ${code}: ${said}`, code, thrown);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
