import { CommonClient } from 'tencentcloud-sdk-nodejs-common';
import { type SendToCloud, versions } from '../../infra/tencent/cloud-api';
import type { LocalCloud } from '../../infra/local/cloud';

/** The unmodified SDK over plain http: it is the process that would have to trust the CA. */
export function sendTo(cloud: Pick<LocalCloud, 'account' | 'port'>, region: string): SendToCloud {
  const { secretId, secretKey } = cloud.account;
  return (service, action, params) =>
    new CommonClient(`${service}.tencentcloudapi.com`, versions[service], {
      credential: { secretId, secretKey },
      region,
      profile: { httpProfile: { protocol: 'http://', proxy: `http://127.0.0.1:${cloud.port}` } },
    }).request(action, params);
}
