import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'ini';
import { DeployError } from './deploy-error';

/** A key of CAM that deploys; `token` with temporary ones. */
export interface DeployCredentials {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token: string | undefined;
}

export const credentialsFileDefault = '~/credentials';

/**
 * From TENCENTCLOUD_SECRET_ID, _SECRET_KEY and _SESSION_TOKEN, else from the INI file that `serverless-tencent-scf`
 * documents (`[default]`, tencent_secret_id, tencent_secret_key). Never asks anybody.
 */
export function readCredentials(
  environment: Readonly<Record<string, string | undefined>>,
  file = credentialsFileDefault,
): DeployCredentials {
  const {
    TENCENTCLOUD_SECRET_ID: secretId,
    TENCENTCLOUD_SECRET_KEY: secretKey,
    TENCENTCLOUD_SESSION_TOKEN: token,
  } = environment;
  if (secretId && secretKey) return { secretId, secretKey, token: token || undefined };
  const place = file.replace(/^~(?=[/\\])/, os.homedir());
  const section = (readIni(place).default ?? {}) as Record<string, string | undefined>;
  const { tencent_secret_id: fileId, tencent_secret_key: fileKey, tencent_token: fileToken } = section;
  if (fileId && fileKey) return { secretId: fileId, secretKey: fileKey, token: fileToken || undefined };
  throw new DeployError(
    'CREDENTIALS_MISSING',
    'There are no credentials: set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY (with temporary keys also ' +
      `TENCENTCLOUD_SESSION_TOKEN), or write tencent_secret_id and tencent_secret_key under [default] into ${path.normalize(place)}.`,
  );
}

function readIni(file: string): Record<string, unknown> {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch {
    // A file that is not there is no mistake by itself.
    return {};
  }
}
