// What serverless.yml names: builds functions and plugin, then is the plugin. So `sls deploy` always deploys the sources.
const { execFileSync } = require('node:child_process');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
execFileSync(process.execPath, [path.join(root, 'infra', 'build.mjs')], { stdio: ['ignore', 2, 2] });
module.exports = require(path.join(root, 'dist', 'serverless', 'plugin.cjs')).CosReplication;
