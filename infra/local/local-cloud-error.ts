/** Why the local cloud cannot do what it was started for. */
export type LocalCloudErrorCode =
  'PORT_IN_USE' | 'DATA_FOLDER_UNUSABLE' | 'BUNDLE_MISSING' | 'IMPORT_FOLDER_UNREADABLE' | 'SETUP_FAILED';

/** An error for the person who started the local cloud: its message says what is wrong and what to do. */
export class LocalCloudError extends Error {
  readonly code: LocalCloudErrorCode;

  constructor(code: LocalCloudErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LocalCloudError';
    this.code = code;
  }
}

/** What anything that was thrown says, whichever realm its class is from. */
export function messageOf(thrown: unknown): string {
  const message =
    typeof thrown === 'object' && thrown !== null ? (thrown as { message?: unknown }).message : thrown;
  return typeof message === 'string' && message !== '' ? message : String(thrown);
}
