// Tests run what users run: the bundles. They are built once, before the first test.
const { execFileSync } = require('node:child_process');
const path = require('node:path');

module.exports = () => {
  const root = path.join(__dirname, '..', '..');
  execFileSync(process.execPath, [path.join(root, 'infra', 'build.mjs')], { cwd: root, stdio: 'inherit' });
};
