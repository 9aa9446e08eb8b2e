import Table from 'cli-table3';
import type { Imported } from './imported';
import type { ImportFolder } from './walk';

/** What an import came to. */
export interface ImportResult {
  readonly folder: ImportFolder;
  readonly imported: readonly Imported[];
  readonly verified: number;
  readonly tookMs: number;
}

const listedMax = 50;

/** The table at the end of an import, and below it everything that is not as it should be. */
export function importReport(
  { folder, imported, verified, tookMs }: ImportResult,
  rulesHint: string,
): string {
  const replicated = imported.filter((file) => file.destinationVersionId !== undefined);
  const mismatched = replicated.filter((file) => file.problem !== undefined);
  const missing = imported.filter((file) => file.destinationVersionId === undefined);
  const table = new Table({
    head: ['folder', 'files', 'bytes', 'replicated', 'verified', 'mismatched', 'time'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  const count = (n: number): string => n.toLocaleString('en');
  table.push([
    folder.name,
    count(imported.length),
    count(folder.bytes),
    count(replicated.length),
    count(verified),
    count(mismatched.length),
    `${(tookMs / 1000).toFixed(1)} s`,
  ]);
  const parts = [table.toString()];
  if (folder.symlinks > 0) parts.push(`Symbolic links skipped: ${folder.symlinks}`);
  parts.push(
    ...listed(
      'Left out',
      folder.left.map(({ file, reason }) => `${file}: ${reason}`),
    ),
  );
  parts.push(
    ...listed(
      'Mismatched',
      mismatched.map(({ key, problem }) => `${key}: ${problem}`),
    ),
  );
  parts.push(
    ...listed(
      'Missing at the destination',
      missing.map(({ key, problem }) => `${key}: ${problem}`),
    ),
  );
  if (missing.length > 0) {
    parts.push(`Look at the warnings of the replicate function above, and at the rules: ${rulesHint}`);
  }
  return `${parts.join('\n')}\n`;
}

function listed(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > listedMax ? [`  and ${lines.length - listedMax} more`] : [];
  return [`${title}: ${lines.length}`, ...lines.slice(0, listedMax).map((line) => `  ${line}`), ...more];
}
