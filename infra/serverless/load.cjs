// What serverless.yml names: builds functions and plugin, then is the plugin. So `sls deploy` always deploys the sources.
const { execFileSync } = require('node:child_process');
const path = require('node:path');

// The framework's working folder is the one of serverless.yml.
const out = path.join(process.cwd(), 'dist');
execFileSync(process.execPath, [path.join(__dirname, '..', 'build.mjs'), out], { stdio: ['ignore', 2, 2] });
module.exports = require(path.join(out, 'serverless', 'plugin.cjs')).CosReplication;
