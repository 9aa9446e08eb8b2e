// Preloaded into every process of a command: writes down each name that is looked up and each socket that is opened,
// before anything else has a say, so that no library can talk past a proxy unseen.
const { appendFileSync } = require('node:fs');
const dns = require('node:dns');
const dgram = require('node:dgram');
const net = require('node:net');

const log = (line) => appendFileSync(process.env.CONNECTIONS_LOG, `${line}\n`);

// Each is called with its own `this`.
/* oxlint-disable typescript/unbound-method */
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function recorded(...args) {
  const [first] = Array.isArray(args[0]) ? args[0] : args;
  const { host = 'localhost', port = first, path } = typeof first === 'object' ? first : { host: args[1] };
  // A path is a pipe of this machine.
  if (path === undefined) log(`connect ${host}:${port}`);
  return connect.apply(this, args);
};
// What a proxy is asked for: a tunnel by its host, plain http by its whole URL.
const { write } = net.Socket.prototype;
net.Socket.prototype.write = function recorded(chunk, ...rest) {
  const [, asked] = /^(CONNECT \S+|[A-Z]+ http:\S+)/.exec(String(chunk).slice(0, 300)) ?? [];
  if (asked !== undefined) log(asked);
  return write.call(this, chunk, ...rest);
};
for (const module of [dns, dns.promises]) {
  for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6']) {
    const real = module[name];
    module[name] = function recorded(host, ...rest) {
      log(`lookup ${host}`);
      return real.call(this, host, ...rest);
    };
  }
}
const { send } = dgram.Socket.prototype;
dgram.Socket.prototype.send = function recorded(...args) {
  log('datagram');
  return send.apply(this, args);
};
