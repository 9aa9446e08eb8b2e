import { type Dirent } from 'node:fs';
import { access, constants, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { LocalCloudError, messageOf } from '../../local-cloud-error';

/** One file that is to be uploaded. */
export interface ImportFile {
  readonly file: string;
  readonly key: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface ImportFolder {
  readonly name: string;
  readonly files: readonly ImportFile[];
  readonly bytes: number;
  /** Not followed: a link may lead anywhere, or in a circle. */
  readonly symlinks: number;
  /** What COS has no place for, each with its reason. */
  readonly left: readonly { readonly file: string; readonly reason: string }[];
}

/** https://cloud.tencent.com/document/product/436/13324 */
const keyBytesMax = 850;
/** The largest object that one PUT takes. https://cloud.tencent.com/document/product/436/7749 */
const putBytesMax = 5 * 1024 ** 3;
const filesMax = 1_000_000;

/**
 * Everything below a folder, under keys of the form `<folder name>/<path with slashes>`. Whatever cannot be read
 * is an error before anything is uploaded, and all of it is named at once.
 */
export async function walkImportFolder(dir: string): Promise<ImportFolder> {
  const root = path.resolve(dir);
  const name = path.basename(root) || 'import';
  const files: ImportFile[] = [];
  const left: { file: string; reason: string }[] = [];
  const unreadable: string[] = [];
  let symlinks = 0;

  const take = async (file: string, key: string): Promise<void> => {
    const { size, mtimeMs } = await stat(file);
    await access(file, constants.R_OK);
    if (Buffer.byteLength(key) > keyBytesMax)
      left.push({ file, reason: `its key is over ${keyBytesMax} bytes` });
    else if (size > putBytesMax) left.push({ file, reason: 'it is larger than one PUT takes (5 GB)' });
    else files.push({ file, key, bytes: size, modifiedMs: mtimeMs });
    if (files.length > filesMax) throw unreadableFolder(root, [`it holds more than ${filesMax} files`]);
  };

  // A list of folders that are still to be read, so that depth costs no stack.
  const folders = [{ dir: root, prefix: name }];
  for (let folder = folders.pop(); folder; folder = folders.pop()) {
    const entries = await readdir(folder.dir, { withFileTypes: true }).catch((error: unknown): Dirent[] => {
      unreadable.push(messageOf(error));
      return [];
    });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const file = path.join(folder.dir, entry.name);
      const key = `${folder.prefix}/${entry.name}`;
      if (entry.isSymbolicLink()) symlinks += 1;
      else if (entry.isDirectory()) folders.push({ dir: file, prefix: key });
      else if (!entry.isFile()) left.push({ file, reason: 'it is no regular file' });
      else {
        await take(file, key).catch((error: unknown) => {
          if (error instanceof LocalCloudError) throw error;
          unreadable.push(messageOf(error));
        });
      }
    }
  }
  if (unreadable.length > 0) throw unreadableFolder(root, unreadable);
  return { name, files, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), symlinks, left };
}

const namedMax = 10;

function unreadableFolder(root: string, reasons: readonly string[]): LocalCloudError {
  const named = reasons.slice(0, namedMax).map((reason) => `\n  ${reason}`);
  const more = reasons.length > namedMax ? `\n  and ${reasons.length - namedMax} more` : '';
  const advice = 'Nothing was started. Make it readable, or name another folder with --import.';
  const message = `The folder ${root} cannot be imported:${named.join('')}${more}\n${advice}`;
  return new LocalCloudError('IMPORT_FOLDER_UNREADABLE', message);
}
