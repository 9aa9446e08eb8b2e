import { deriveSecret } from '../../../lib/app/api/credential';
import type { LocalCloud } from '../cloud';

/** How the rule API is reached, and with what. */
export interface ApiAccess {
  readonly url: string;
  readonly credential: { readonly id: string; readonly secret: string };
}

const credentialId = 'admin.write.1';

export function apiAccess(cloud: Pick<LocalCloud, 'port' | 'masterSecret'>): ApiAccess {
  return {
    url: `http://127.0.0.1:${cloud.port}/function/rules`,
    credential: { id: credentialId, secret: deriveSecret(cloud.masterSecret, credentialId) },
  };
}

/** The header's value. */
export function authorization(api: ApiAccess): string {
  return `Bearer ${api.credential.id}:${api.credential.secret}`;
}
