import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Without its type-aware part the linter silently checks nothing of promises: a planted one must be found. */
const root = path.join(__dirname, '..');

test('the linter, called as the lint script calls it, finds a floating promise', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'crr-lint-'));
  try {
    for (const file of ['tsconfig.json', '.oxlintrc.json', 'package.json']) {
      cpSync(path.join(root, file), path.join(folder, file));
    }
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    writeFileSync(path.join(folder, 'fine.ts'), 'export const fine = async (): Promise<void> => {};\n');
    const clean = lint(folder);
    writeFileSync(
      path.join(folder, 'planted.ts'),
      "import { fine } from './fine';\n\nexport function planted(): void {\n  fine();\n}\n",
    );
    const planted = lint(folder);
    expect(clean).toMatchObject({ status: 0 });
    expect(planted.status).not.toBe(0);
    expect(planted.stdout).toContain('no-floating-promises');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function lint(folder: string) {
  return spawnSync('npm', ['run', '--silent', 'lint'], { cwd: folder, encoding: 'utf8' });
}
