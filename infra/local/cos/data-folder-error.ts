/** Why a data folder cannot be opened. */
export type DataFolderErrorCode =
  'DATA_FOLDER_IN_USE' | 'DATA_FOLDER_DAMAGED' | 'DATA_FOLDER_FOREIGN' | 'DATA_FOLDER_UNUSABLE';

/** An error for the person who named the folder: its message says what is wrong and what to do. */
export class DataFolderError extends Error {
  constructor(
    readonly code: DataFolderErrorCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DataFolderError';
  }
}

/** What the file system or leveldb said, as an error with advice. */
export function dataFolderErrorOf(thrown: unknown, dataDir: string): DataFolderError {
  if (thrown instanceof DataFolderError) return thrown;
  // leveldb's own code is one level down.
  const codes = [thrown, (thrown as { cause?: unknown } | undefined)?.cause].map(codeOf);
  if (codes.includes('LEVEL_LOCKED')) {
    const message = `${dataDir} is in use by another local COS. Stop that one, or use another folder`;
    return new DataFolderError('DATA_FOLDER_IN_USE', message, thrown);
  }
  const ofFileSystem = codes.find((code) => /^E[A-Z]+$/.test(code));
  if (ofFileSystem !== undefined) {
    const message = `${dataDir} cannot be read and written (${ofFileSystem}). Make it so, or use another folder`;
    return new DataFolderError('DATA_FOLDER_UNUSABLE', message, thrown);
  }
  return damaged(dataDir, thrown instanceof Error ? thrown.message : String(thrown), thrown);
}

export function damaged(dataDir: string, what: string, cause?: unknown): DataFolderError {
  const message = `${dataDir} is damaged: ${what}. Put back a copy of it, or move it away to begin anew`;
  return new DataFolderError('DATA_FOLDER_DAMAGED', message, cause);
}

function codeOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
