import type { SendToCloud } from '../../infra/tencent/cloud-api';
import type { LocalCloud } from '../../infra/local/cloud';
import { apiClient } from '../infra/local/support/cloud-api';

/** Plain http, as it is the process that would have to trust the CA. */
export function sendTo(cloud: Pick<LocalCloud, 'account' | 'port'>): SendToCloud {
  return (service, action, params) => apiClient(cloud.port, service, cloud.account).request(action, params);
}
