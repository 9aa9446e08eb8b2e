import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { DataFolderError } from './cos/data-folder-error';
import { LocalCloudError, messageOf } from './local-cloud-error';

/** Everything that a local cloud keeps, in one folder. */
export interface DataFolder {
  readonly dir: string;
  /** The folder of the local COS. */
  readonly cosDir: string;
  /** The secret from which the rule API's credentials are derived. */
  readonly masterSecret: string;
  /** Removes the folder if it is a temporary one. */
  readonly discard: () => void;
}

const markerFile = 'local-cloud.json';
const format = 1;
const secretFile = 'api-master-secret';
const secretBytes = 32;

/** Opens a folder, or makes one; without a name a temporary one that `discard` removes. */
export function openDataFolder(dir?: string): DataFolder {
  const temporary = dir === undefined;
  const folder = temporary ? mkdtempSync(path.join(os.tmpdir(), 'local-cloud-')) : path.resolve(dir);
  const discard = (): void => {
    if (!temporary) return;
    process.removeListener('exit', discard);
    rmSync(folder, { recursive: true, force: true });
  };
  // A second Ctrl-C ends the process at once; the temporary folder goes even so.
  if (temporary) process.on('exit', discard);
  try {
    claimFolder(folder);
    const masterSecret = keptSecret(path.join(folder, secretFile));
    const cosDir = path.join(folder, 'cos');
    mkdirSync(cosDir, { recursive: true });
    return { dir: folder, cosDir, masterSecret, discard };
  } catch (error) {
    discard();
    throw error instanceof LocalCloudError ? error : dataFolderUnusable(folder, error);
  }
}

/** The error of a folder that something inside could not be read or written in. */
export function dataFolderUnusable(folder: string, cause: unknown): LocalCloudError {
  // Says what to do by itself.
  if (cause instanceof DataFolderError)
    return new LocalCloudError('DATA_FOLDER_UNUSABLE', `${cause.message}.`, cause);
  const advice =
    'If another local cloud uses it, stop that one; if it is damaged, move it away, or start with another --data.';
  const message = `The data folder ${folder} cannot be used: ${messageOf(cause)}. ${advice}`;
  return new LocalCloudError('DATA_FOLDER_UNUSABLE', message, cause);
}

/** Writes into no folder that holds something else: somebody may have named their home. */
function claimFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder);
  const marker = path.join(folder, markerFile);
  if (names.length === 0) return writeFileSync(marker, `${JSON.stringify({ format })}\n`);
  if (!names.includes(markerFile)) {
    throw new LocalCloudError(
      'DATA_FOLDER_UNUSABLE',
      `The folder ${folder} holds files that are not a local cloud's. Name an empty or a new folder with --data.`,
    );
  }
  const found = JSON.parse(readFileSync(marker, 'utf8')) as { format?: unknown } | null;
  if (found?.format !== format) throw new Error(`${markerFile} does not say "format": ${format}`);
}

function keptSecret(file: string): string {
  try {
    writeFileSync(file, `${randomBytes(secretBytes).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const secret = readFileSync(file, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(secret)) throw new Error(`${secretFile} does not hold a secret of ours`);
  return secret;
}
