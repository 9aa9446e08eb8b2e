/** Why a deployment cannot go on. Callers switch on the code; the message is a sentence for whoever deploys. */
export type DeployErrorCode =
  | 'SETTINGS_INVALID'
  | 'CREDENTIALS_MISSING'
  | 'CREDENTIALS_REFUSED'
  | 'PERMISSION_MISSING'
  | 'API_REFUSED'
  | 'API_UNREACHABLE'
  | 'BUCKET_UNUSABLE'
  | 'STATE_BUCKET_VERSIONED'
  | 'RUNTIME_REFUSED'
  | 'FUNCTION_STUCK'
  | 'FUNCTION_FAILED'
  | 'TRIGGER_CONFLICT'
  | 'UPSTREAM_UNKNOWN';

export class DeployError extends Error {
  constructor(
    readonly code: DeployErrorCode,
    message: string,
    /** The code of Tencent Cloud's own, where it answered with one. */
    readonly cloudCode = '',
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DeployError';
  }
}
