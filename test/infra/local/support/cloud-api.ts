import { CommonClient } from 'tencentcloud-sdk-nodejs-common';

const versions = { scf: '2018-04-16', cam: '2019-01-16', sts: '2018-08-13', tag: '2018-08-13' } as const;

export type Service = keyof typeof versions;
export type Answer = Readonly<Record<string, unknown>>;

export interface Credential {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token?: string;
}

/** Tencent Cloud's own SDK, unmodified, that comes by the proxy. */
export function apiClient(
  port: number,
  service: Service,
  { secretId, secretKey, token }: Credential,
  signMethod: 'TC3-HMAC-SHA256' | 'HmacSHA256' | 'HmacSHA1' = 'TC3-HMAC-SHA256',
): CommonClient {
  return new CommonClient(`${service}.tencentcloudapi.com`, versions[service], {
    credential: { secretId, secretKey, ...(token === undefined ? {} : { token }) },
    region: 'ap-guangzhou',
    profile: {
      // The SDK takes HmacSHA1 too, its types do not.
      signMethod: signMethod as 'TC3-HMAC-SHA256',
      httpProfile: { protocol: 'http://', proxy: `http://127.0.0.1:${port}` },
    },
  });
}
